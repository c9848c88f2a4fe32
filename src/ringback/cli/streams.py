"""The standard streams of a command: characters that they cannot carry, and readers that have gone."""

import io
import os
import sys
from typing import Final

# What a shell shows for a program that a signal has ended: 128 and the number of the signal.
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141


def replace_what_cannot_be_printed() -> None:
    """Have stdout print `?` for a character that its encoding lacks, as stderr prints an escape, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def stdout_is_unicode() -> bool:
    """Return whether stdout can carry every character. If not, what programs read has to be escaped, not replaced."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")


def give_up_stdout() -> None:
    """Drop what is still to be written to stdout: its reader has gone, and writing it at the exit would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
