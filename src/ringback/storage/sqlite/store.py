"""The `Store` in one SQLite file: opening it, and what only a store of a single server does."""

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import aiosqlite

from ringback.domain.errors import StorageUnavailable
from ringback.domain.service import Service
from ringback.ports.values import LONGEST_DEMAND, Demand, StoreSize
from ringback.storage.dialect import Dialect, Operations, Pools
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.log_tail import LogTail
from ringback.storage.naming import Prepared, tell_of_new
from ringback.storage.operations import LISTERS, SEEKERS, ServiceRevision
from ringback.storage.sqlite import calls, change, counts, create, erasure, lists, purge, reads, services
from ringback.storage.sqlite.connection import ReaderForEach, Readers, WritingConnection, ask
from ringback.storage.sqlite.open_files import CheckedReads, OpenFiles
from ringback.storage.sqlite.schema import prepare, refusals
from ringback.storage.sqlite.sole_use import HeldFile, real_path, sole_use
from ringback.storage.sqlite.transaction import NEWEST_EVENT, BatchWriter, Operation, probe
from ringback.storage.sqlite.write_lock import WriteLock
from ringback.storage.store import SqlStore
from ringback.storage.watermark import Watermark
from ringback.storage.writer import Writer

# How often the write-ahead log is tried to be emptied, while others read it.
_ATTEMPTS: Final = 20
_PAUSE_S: Final = 0.1

_DIALECT: Final[Dialect[aiosqlite.Connection, Operation[Any, Any]]] = Dialect(
    ask=ask,
    statements=reads.STATEMENTS,
    reads=reads,
    page=lists.page,
    count=counts.count,
    operations=Operations(
        create=create.create,
        apply=change.apply,
        apply_many=change.apply_many,
        extend=change.extend,
        shift_leases=change.shift_leases,
        mark_clock=change.mark_clock,
        bound_keeping=change.bound_keeping,
        purge=purge.purge,
        redact=erasure.redact,
        erase=erasure.erase,
        forget_phone=erasure.forget_phone,
        keep_call=calls.keep_call,
        keep_again=calls.keep_again,
        forget_call=calls.forget_call,
        renew_calls=calls.renew_calls,
        take_call=calls.take_call,
        probe=probe,
    ),
)


class Newest(NamedTuple):
    """How far a database has come."""

    event: int
    services_version: int


class Connections(NamedTuple):
    """What a store reads and writes with, and what tells whether that is still the database."""

    writing: WritingConnection
    pools: Pools[aiosqlite.Connection]
    files: OpenFiles


class SqliteStore(SqlStore[aiosqlite.Connection, Operation[Any, Any]]):
    """The `Store` in one SQLite file. Made by `open`; has threads, so it must be closed."""

    _writing: WritingConnection
    _files: OpenFiles
    _path: Path
    # Whether the version in memory is that of the database.
    _services_are_known = True
    # In memory: there is no other server to tell.
    _demand: Sequence[Demand] = ()

    @classmethod
    async def open(cls, path: str | PathLike[str], *, must_exist: bool = False) -> Self:
        """Open the database, or create it unless it must exist. Raise `StoreCannotOpen`.

        There is no database in memory (":memory:"): each connection would have one of its own, and SQLite's way to
        share one lets readers fail while another writes. A file in a temporary folder is as good.
        """
        path = Path(path)
        if path.name.startswith(":memory:"):
            raise StoreCannotOpen(path, "a database in memory cannot be shared; name a file in a temporary folder")
        async with AsyncExitStack() as stack:
            held = stack.enter_context(sole_use(path, must_exist=must_exist))
            with refusals(path):
                writing = await stack.enter_async_context(WritingConnection.open(path))
                prepared, files = await writing.run(partial(_begin, path, held, must_exist))
                newest = await writing.run(newest_of)
                readers = [await stack.enter_async_context(Readers.open(path, count)) for count in (SEEKERS, LISTERS)]
            files.check()
            if prepared.is_new:
                tell_of_new(path)
            seekers, listers = (CheckedReads(each, files) for each in readers)
            counters = ReaderForEach(path, files.check)
            stack.push_async_callback(counters.close)
            stack.callback(files.close)
            connections = Connections(writing, Pools(seekers, listers, counters), files)
            return cls.over(connections, prepared.database_id, newest, stack, real_path(path))

    @classmethod
    def over(
        cls, connections: Connections, database_id: str, newest: Newest, resources: AsyncExitStack, path: Path
    ) -> Self:
        """Return the store over these connections; it takes what is to be closed with it out of `resources`."""
        writing, pools, files = connections
        services_version = Watermark(newest.services_version)
        resources.callback(services_version.end)
        log_tail = LogTail(
            newest.event, lambda after, limit: pools.seekers.read(partial(reads.events, after=after, limit=limit))
        )
        batches = BatchWriter(writing, log_tail.advance, files.check)
        writer = Writer(batches.write, stopped=log_tail.end, flush_s=batches.flush_s)
        resources.push_async_callback(writer.close)
        store = cls(
            _DIALECT,
            database_id=database_id,
            writer=writer,
            pools=pools,
            log_tail=log_tail,
            services_version=services_version,
            resources=resources.pop_all(),
        )
        store._writing = writing
        store._files = files
        store._path = path
        return store

    # --- The files under it --------------------------------------------------------------------------------------

    @property
    def healthy(self) -> bool:
        return super().healthy and not self._files.are_lost

    async def probe(self) -> bool:
        return not self._files.are_lost and await super().probe()

    async def check_health(self) -> None:
        was_lost = self._files.are_lost
        if self._files.look_again() and was_lost:
            # What was refused may have been committed, before it was seen where to. If it cannot be read, the question
            # that comes next cannot be answered, either.
            with suppress(sqlite3.Error):
                newest = await self._writing.run(newest_of)
                self._log_tail.advance(newest.event)
                self._services_version.advance(newest.services_version)
        await super().check_health()

    # --- Services ----------------------------------------------------------------------------------------------

    async def put_service(self, service: Service) -> None:
        await self._change_services(services.put_service, service)

    async def delete_service(self, service_id: str, revision: int) -> bool:
        version = await self._change_services(services.delete_service, ServiceRevision(service_id, revision))
        return version is not None

    async def _change_services(self, operation: Operation[Any, Any], request: object) -> int | None:
        try:
            version: int | None = await self._write(operation, request)
        except StorageUnavailable:
            # It may be there all the same.
            self._services_are_known = False
            with suppress(StorageUnavailable):
                await self.services_version()
            raise
        if version is not None:
            self._services_version.advance(version)
        return version

    async def services_version(self) -> int:
        if not self._services_are_known:
            self._services_are_known = True  # until another change fails
            try:
                [(version,)] = await self._seek(reads.SERVICES_VERSION)
            except BaseException:
                self._services_are_known = False
                raise
            self._services_version.advance(version)
        return self._services_version.value

    # --- Erasure -----------------------------------------------------------------------------------------------

    async def forget_phone(self, phone: str) -> None:
        await super().forget_phone(phone)
        for _ in range(_ATTEMPTS):
            self._files.check()
            if await self._writing.run(partial(erasure.empty_write_ahead_log, self._path)):
                return
            await asyncio.sleep(_PAUSE_S)
        raise StorageUnavailable("another process, such as a backup, still reads an earlier state: repeat the request")

    # --- A server that has the database for itself ---------------------------------------------------------------

    async def lead(self, server: str, now: datetime, until: datetime) -> bool:  # noqa: ARG002 - it is the only server
        return until > now

    async def note_demand(self, demand: Sequence[Demand], now: datetime) -> None:  # noqa: ARG002
        self._demand = tuple(demand)

    async def demand(self, now: datetime) -> Sequence[Demand]:
        latest = now + LONGEST_DEMAND
        return [each for each in self._demand if now < each.until <= latest]

    async def size(self) -> StoreSize:
        return await asyncio.to_thread(_size_of, self._path)


def _size_of(path: Path) -> StoreSize:
    try:
        database = path.stat().st_size
        free = shutil.disk_usage(path.parent).free
    except OSError as fault:
        raise StorageUnavailable(f"the size of the database: {fault.strerror}") from None
    try:
        log = path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        log = 0
    return StoreSize(database, log, free)


def _begin(path: Path, held: HeldFile, must_exist: bool, database: sqlite3.Connection) -> tuple[Prepared, OpenFiles]:
    """Make the database ready."""
    prepared = prepare(path, database, must_exist=must_exist)
    WriteLock.set_up(database)
    # After a crash it is not known what of the log is in the database already.
    database.execute("PRAGMA wal_checkpoint(PASSIVE)")
    try:
        return prepared, OpenFiles(path, held, database)
    except OSError as fault:
        raise StoreCannotOpen(path, f"its log: {fault.strerror}") from None


def newest_of(database: sqlite3.Connection) -> Newest:
    (event,) = database.execute(NEWEST_EVENT).fetchone()
    (version,) = database.execute(reads.SERVICES_VERSION).fetchone()
    return Newest(event, version)
