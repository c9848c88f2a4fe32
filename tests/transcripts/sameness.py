"""When a real output is the one that is shown."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from tests.transcripts.document import ANY_LINES

# What differs from run to run by nature. Everything else must be the same.
_BY_NATURE: Final = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(,\d{3}|\+00:00)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d\b"), "<time>"),
    # How long before or after the start of an attempt something came.
    (re.compile(r"[+-]\d\.\ds\b"), "<length>"),
    (re.compile(r"(?<=localhost:|127\.0\.0\.1:)\d+"), "<port>"),
    (re.compile(r'(?<=Token": ")[^"]+'), "<token>"),
    # What is left of a lease.
    (re.compile(r'(?<="timeToLive": ")[0-9.]+s'), "<seconds>"),
    # A message that buf does not unpack; the order of a map in it is random.
    (re.compile(r'(?<="value": ")[A-Za-z0-9+/]{20,}'), "<bytes>"),
)


def is_same(shown: Sequence[str], real: Sequence[str]) -> bool:
    """Return whether they differ by nature only, and where the shown output says that any lines may stand."""
    wanted, got = _normal(shown), _normal(real)
    if ANY_LINES not in wanted:
        return wanted == got
    head, tail = _around_any(wanted)
    return len(got) >= len(wanted) - 1 and got[: len(head)] == head and got[len(got) - len(tail) :] == tail


def is_enough(shown: Sequence[str], real: Sequence[str]) -> bool:
    """Return whether a command that may go on for ever has printed all that is shown of it."""
    return len(shown) > 0 and shown[-1] == ANY_LINES and len(real) >= len(shown) - 1


def difference(shown: Sequence[str], real: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a diff, from what is shown to what is real."""
    return difflib.unified_diff(_normal(shown), _normal(real), "shown", "real", lineterm="")


def rewritten(shown: Sequence[str], real: Sequence[str]) -> list[str]:
    """Return the real output, as long as the shown one; a line that differs by nature only stays as it was shown."""
    real = [line.rstrip() for line in real]
    if ANY_LINES in shown:
        head, tail = _around_any(shown)
        real = [*real[: len(head)], ANY_LINES, *real[len(real) - len(tail) :]]
    new = list(real)
    for block in difflib.SequenceMatcher(None, _normal(shown), _normal(real), autojunk=False).get_matching_blocks():
        new[block.b : block.b + block.size] = shown[block.a : block.a + block.size]
    return new


def _normal(lines: Sequence[str]) -> list[str]:
    return [_normal_line(line.rstrip()) for line in lines]


def _normal_line(line: str) -> str:
    for pattern, name in _BY_NATURE:
        line = pattern.sub(name, line)
    return line


def _around_any(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    middle = lines.index(ANY_LINES)
    return list(lines[:middle]), list(lines[middle + 1 :])
