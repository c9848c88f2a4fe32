"""`ringback backup`: the database of a live server, into one file."""

from pathlib import Path

import click

from ringback.cli.database import DATABASE
from ringback.config import DEFAULT_DATABASE
from ringback.ports.location import PostgresUrl
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite.backup import BackupContents, NotBackedUp, back_up


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--database",
    help="The database of the server: sqlite:///FILE.",
    type=DATABASE,
    envvar="RINGBACK_DATABASE",
    default=DEFAULT_DATABASE,
    show_default=True,
    show_envvar=True,
)
@click.option("--force", help="Replace FILE when it is there.", is_flag=True)
def backup(file: Path, database: Path | PostgresUrl, *, force: bool) -> None:
    """Copy the database of a server into FILE, while the server runs or not.

    Runs beside the server, on its database file; writers do not wait. FILE appears when the copy is complete and
    checked, and holds everything that was acknowledged before the backup began. docs/backup.md has the restore.
    """
    if not isinstance(database, Path):
        raise click.ClickException(
            f"{database} is PostgreSQL's: back it up with pg_dump, or with its continuous archiving (docs/backup.md)"
        )
    try:
        contents = back_up(database, file, overwrite=force)
    except (StoreCannotOpen, NotBackedUp) as refusal:
        raise click.ClickException(str(refusal)) from None
    for line in _lines(file, contents):
        click.echo(line)


def _lines(file: Path, held: BackupContents) -> list[str]:
    return [
        f"{file}: {held.size_bytes / 1e6:,.1f} MB, checked",
        f"callbacks  {held.open_callbacks:,} open, {held.ended_callbacks:,} ended",
        f"services   {held.services:,}",
        f"events     {held.events:,}, the newest is number {held.newest_event}",
        f"schema     version {held.schema_version}",
    ]
