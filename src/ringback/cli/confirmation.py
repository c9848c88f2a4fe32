"""The question before something that cannot be undone."""

import signal
import sys

import click


def confirm(what: str, done: str) -> None:
    """Ask whether to do it. Raise an error that ends the command when the answer is no, or there is no terminal."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"there is no terminal to ask whether to {what}: add --yes")
    # asyncio's own handler would only note Ctrl-C, and leave the question open.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        is_confirmed = click.confirm(f"{what[0].upper()}{what[1:]}?", err=True)
    finally:
        signal.signal(signal.SIGINT, handler)
    if not is_confirmed:
        raise click.ClickException(f"nothing was {done}")
