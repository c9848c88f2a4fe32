"""`ringback migrate-store`: everything from one database into another one."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import click
from rich import progress as bars
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ringback.cli.database import DATABASE
from ringback.cli.session import open_console
from ringback.cli.tables import plain_table
from ringback.ports.location import PostgresUrl
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.transfer import Compared, NotMoved, Progress, move

# Where there is no bar, a long step prints a line for each so many rows.
_ROWS_PER_LINE: Final = 1_000_000
# Enough of a checksum to compare it by eye.
_DIGITS: Final = 16


@click.command("migrate-store")
@click.argument("source", type=DATABASE)
@click.argument("target", type=DATABASE)
def migrate_store(source: Path | PostgresUrl, target: Path | PostgresUrl) -> None:
    """Copy everything in the database SOURCE into the empty database TARGET.

    Each is sqlite:///FILE or postgresql://…, in any combination. Stop all servers first. Both are read again when
    all is copied; if they are the same, TARGET gets everything, at once, otherwise nothing. Resume tokens and open
    leases go on with TARGET. SOURCE stays as it is; do not start a server on it any more.
    """
    started = time.monotonic()
    try:
        with _progress(Console(stderr=True)) as progress:
            compared = move(source, target, progress)
    except (NotMoved, StoreCannotOpen) as refusal:
        raise click.ClickException(str(refusal)) from None
    open_console().print(_table(compared))
    if not all(each.same for each in compared):
        raise click.ClickException(f"nothing was moved: {target} did not keep what it was given")
    click.echo(f"Moved in {time.monotonic() - started:.1f} s.")


def _table(compared: Sequence[Compared]) -> Table:
    table = plain_table("", "source", "target", "checksum")
    for each in compared:
        checksum = each.source.checksum[:_DIGITS]
        table.add_row(
            each.title,
            f"{each.source.rows:,}",
            f"{each.target.rows:,}",
            Text(f"{checksum} in both" if each.same else "DIFFERENT", style="" if each.same else "bold red"),
        )
    for number in table.columns[1:3]:
        number.justify = "right"
    return table


def _progress(console: Console) -> AbstractContextManager[Progress]:
    return _Bars(console) if console.is_terminal else nullcontext(_Lines(console))


class _Bars:
    """A bar for each step."""

    def __init__(self, console: Console) -> None:
        self._bars = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
            console=console,
        )
        self._step: bars.TaskID | None = None

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        if fault is None:
            self._end()
        self._bars.stop()

    def begin(self, step: str, rows: int | None) -> None:
        self._end()
        self._step = self._bars.add_task(step, total=rows)

    def advance(self, rows: int) -> None:
        assert self._step is not None
        self._bars.advance(self._step, rows)

    def _end(self) -> None:
        """Fill the bar of the step: the number of rows may not be the one given at its beginning."""
        if self._step is not None:
            rows = self._bars.tasks[-1].completed
            self._bars.update(self._step, total=rows)


class _Lines:
    """A line for each step, and for each million rows: for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows = 0

    def begin(self, step: str, rows: int | None) -> None:
        self._rows = 0
        self._console.print(step if rows is None else f"{step}: {rows:,}")

    def advance(self, rows: int) -> None:
        before, self._rows = self._rows, self._rows + rows
        if before // _ROWS_PER_LINE < self._rows // _ROWS_PER_LINE:
            self._console.print(f"  {self._rows:,}")
