"""The steps of a move: copy, build the indexes, read both sides again, and commit what is the same."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from ringback.ports.location import PostgresUrl
from ringback.storage.callback_row import Row
from ringback.storage.open import Location, by_dialect
from ringback.storage.transfer import sqlite
from ringback.storage.transfer.sides import FillableSide, NotMoved, Progress, Side
from ringback.storage.transfer.tables import EVENTS, TABLES, Table

# How often progress is reported, in rows.
_STRIDE: Final = 1000


class Content(NamedTuple):
    """The rows of one side: how many there are, and their SHA-256, in order."""

    rows: int
    checksum: str


class Compared(NamedTuple):
    """The content of one table, or about the database, on both sides."""

    title: str
    source: Content
    target: Content

    @property
    def same(self) -> bool:
        return self.source == self.target


def move(source: Location, target: Location, progress: Progress) -> list[Compared]:
    """Fill the target with what the source has, and return what both have, as it was read back.

    All or nothing: it is committed when, and only when, all is the same. The source is not changed. Not to be called
    where an event loop runs. Raise `StoreCannotOpen` and `NotMoved`.
    """
    from_, to = _ends(source), _ends(target)
    if from_.place == to.place:
        raise NotMoved("the source and the target are the same database")
    with from_.source() as reading, to.target() as writing:
        _copy(reading, writing, progress)
        progress.begin("building the indexes", None)
        writing.build_indexes()
        compared = list(_compare(reading, writing, progress))
        if all(each.same for each in compared):
            progress.begin("committing", None)
            writing.commit()
        return compared


def _copy(source: Side, target: FillableSide, progress: Progress) -> None:
    for table in TABLES:
        progress.begin(f"copying {table.title}", _expected(source, table))
        with closing(source.rows(table)) as rows:  # also when the target fails
            target.write(table, _watched(rows, progress))
    target.set_about(source.about())


def _expected(source: Side, table: Table) -> int:
    if table is EVENTS:  # it has no gaps, and counting its rows would mean reading all of it
        about = source.about()
        return about.newest - about.oldest
    return source.count(table)


def _compare(source: Side, target: Side, progress: Progress) -> Iterator[Compared]:
    for table in TABLES:
        progress.begin(f"comparing {table.title}", 2 * _expected(source, table))
        contents = [_content(_watched(side.rows(table), progress)) for side in (source, target)]
        yield Compared(table.title, *contents)
    yield Compared("about the database", _content([source.about()]), _content([target.about()]))


def _content(rows: Iterable[Row]) -> Content:
    checksum, count = hashlib.sha256(), 0
    for row in rows:
        # Exact: the drivers of all dialects return texts, integers and None.
        checksum.update(repr(tuple(row)).encode())
        count += 1
    return Content(count, checksum.hexdigest())


def _watched(rows: Iterator[Row], progress: Progress) -> Iterator[Row]:
    count = 0
    for row in rows:
        yield row
        count += 1
        if count % _STRIDE == 0:
            progress.advance(_STRIDE)
    progress.advance(count % _STRIDE)


# --- The ends --------------------------------------------------------------------------------------------------


class _Ends(NamedTuple):
    """A database at either end of a move."""

    place: object
    source: Callable[[], AbstractContextManager[Side]]
    target: Callable[[], AbstractContextManager[FillableSide]]


def _ends(database: Location) -> _Ends:
    return by_dialect(database, _sqlite_ends, _postgres_ends)


def _sqlite_ends(path: Path) -> _Ends:
    return _Ends(sqlite.place(path), partial(sqlite.source, path), partial(sqlite.target, path))


def _postgres_ends(location: PostgresUrl) -> _Ends:
    from ringback.storage.postgres.dsn import Address  # noqa: PLC0415
    from ringback.storage.transfer import postgres  # noqa: PLC0415 - an extra of its own

    address = Address.parse(location.url)
    return _Ends(postgres.place(address), partial(postgres.source, address), partial(postgres.target, address))
