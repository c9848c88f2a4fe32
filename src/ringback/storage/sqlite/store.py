"""The adapter: each method of the port is an operation for the writer or a question for a reader."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from ringback.domain.callback import Callback
from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.domain.queue import Line, Queue, Turn
from ringback.domain.service import Service
from ringback.ports.values import ALL_SERVICES, Change, Extension, History, LoggedEvent, Retention, Services, Snapshot
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.list_plan import newest_first, oldest_first
from ringback.storage.log_tail import LogTail
from ringback.storage.operations import LISTERS, SEEKERS, Changes, Creation, Purge, ServiceRevision, Shift
from ringback.storage.sqlite import change, create, lists, purge, reads, services
from ringback.storage.sqlite.connection import Question, Readers, WritingConnection
from ringback.storage.sqlite.schema import prepare, refusals, sole_use
from ringback.storage.sqlite.transaction import BatchWriter, Operation, probe
from ringback.storage.watermark import Watermark
from ringback.storage.writer import Writer

T = TypeVar("T")
R = TypeVar("R")


class SqliteStore:
    """The `Store` in one SQLite file. Made by `open`; has threads, so it must be closed."""

    def __init__(
        self,
        *,
        database_id: str,
        writer: Writer[Operation[Any, Any]],
        seekers: Readers,
        listers: Readers,
        log_tail: LogTail,
        services_version: Watermark,
        resources: AsyncExitStack,
    ) -> None:
        self._database_id = database_id
        self._writer = writer
        self._seekers = seekers
        self._listers = listers
        self._log_tail = log_tail
        self._services_version = services_version
        self._resources = resources
        self._closing = asyncio.Lock()
        self._asked_for: Mapping[str, datetime] = {}

    @classmethod
    async def open(cls, path: str | PathLike[str]) -> Self:
        """Open the database, or make it. Raises `StoreCannotOpen`.

        There is no database in memory (":memory:"): each connection would have one of its own, and SQLite's way to
        share one lets readers fail while another writes. A file in a temporary folder is as good.
        """
        path = Path(path)
        if path.name.startswith(":memory:"):
            raise StoreCannotOpen(path, "a database in memory cannot be shared; name a file in a temporary folder")
        async with AsyncExitStack() as stack:
            stack.enter_context(sole_use(path))
            with refusals(path):
                writing = await stack.enter_async_context(WritingConnection.open(path))
                database_id, newest_event, version = await writing.run(partial(_begin, path))
                seekers = await stack.enter_async_context(Readers.open(path, SEEKERS))
                listers = await stack.enter_async_context(Readers.open(path, LISTERS))
            services_version = Watermark(version)
            stack.callback(services_version.end)
            log_tail = LogTail(
                newest_event, lambda after, limit: seekers.read(partial(reads.events, after=after, limit=limit))
            )
            batches = BatchWriter(writing, log_tail.advance)
            writer = Writer(batches.write, stopped=log_tail.end)
            stack.push_async_callback(writer.close)
            return cls(
                database_id=database_id,
                writer=writer,
                seekers=seekers,
                listers=listers,
                log_tail=log_tail,
                services_version=services_version,
                resources=stack.pop_all(),
            )

    @property
    def database_id(self) -> str:
        return self._database_id

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._writer.healthy

    async def probe(self) -> bool:
        """Whether the database takes writes: as the last one showed or, when it failed, as another one shows."""
        if not self._writer.healthy:
            with suppress(StorageUnavailable):
                await self._write(probe, None)
        return self._writer.healthy

    async def close(self) -> None:
        async with self._closing:
            await self._resources.aclose()

    # --- Callbacks ---------------------------------------------------------------------------------------------

    async def create(self, new: Sequence[Callback], alone: Collection[str] = ()) -> Sequence[Callback | None]:
        return await self._write(create.create, Creation(new, alone), rows=len(new))

    async def create_one(self, new: Callback, *, alone: bool = False) -> Callback | None:
        creation = Creation((new,), (new.callback_id,) if alone else ())
        [other] = await self._write(create.create, creation)
        return other

    async def apply(self, changes: Sequence[Change], turn: Turn | None = None) -> None:
        await self._write(change.apply, Changes(changes, turn), rows=len(changes))

    async def extend(self, extensions: Sequence[Extension]) -> list[bool]:
        return await self._write(change.extend, extensions, rows=len(extensions))

    async def lead(self, server: str, now: datetime, until: datetime) -> bool:  # noqa: ARG002 - it is the only one
        return until > now

    async def clock_jumps(self) -> int:
        return await self._seek(reads.clock_jumps)

    async def shift_leases(self, by: timedelta, jumps: int) -> int | None:
        return await self._write(change.shift_leases, Shift(by, jumps))

    async def purge(self, now: datetime, retention: Retention, limit: int) -> int:
        return await self._write(purge.purge, Purge(now, retention, limit), rows=limit)

    async def get(self, key: Key) -> Callback | None:
        return await self._seek(partial(reads.get, key=key))

    async def get_by_request_id(self, request_id: str) -> Callback | None:
        return await self._seek(partial(reads.get_by_request_id, request_id=request_id))

    async def get_many(self, callback_ids: Sequence[str]) -> list[Callback]:
        return await self._seek(partial(reads.get_many, callback_ids=callback_ids))

    async def list(self, wanted: CallbackFilter, before_id: str, limit: int) -> Snapshot:
        return await self._listers.read(partial(lists.page, wanted=newest_first(wanted, before_id, limit)))

    async def snapshot(self, wanted: CallbackFilter, after_id: str, limit: int) -> Snapshot:
        return await self._listers.read(partial(lists.page, wanted=oldest_first(wanted, after_id, limit)))

    # --- The scheduler's and the dispatcher's questions --------------------------------------------------------

    async def due(self, now: datetime, limit: int) -> Sequence[Callback]:
        return await self._seek(partial(reads.due, now=now, limit=limit))

    async def expired(self, now: datetime, limit: int) -> Sequence[Callback]:
        return await self._seek(partial(reads.expired, now=now, limit=limit))

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Callback]:
        return await self._seek(partial(reads.lapsed, now=now, limit=limit))

    async def held_by(self, dialer_id: str) -> Sequence[Callback]:
        return await self._seek(partial(reads.held_by, dialer_id=dialer_id))

    async def leased_for(self, dialer_id: str, request_id: str) -> Sequence[Callback]:
        return await self._seek(partial(reads.leased_for, dialer_id=dialer_id, request_id=request_id))

    async def next_time(self) -> datetime | None:
        return await self._seek(reads.next_time)

    async def queued_services(self) -> Sequence[str]:
        return await self._seek(reads.queued_services)

    async def queued(self, service_id: str, limit: int) -> Sequence[Callback]:
        return await self._seek(partial(reads.queued, service_id=service_id, limit=limit))

    async def moved_by_hours(self, service_id: str, after_id: str, limit: int) -> Sequence[Callback]:
        return await self._seek(partial(reads.moved_by_hours, service_id=service_id, after_id=after_id, limit=limit))

    async def queue(self, service_id: str, depth: int) -> Queue | None:
        return await self._seek(partial(reads.queue, service_id=service_id, depth=depth))

    async def line(self, service_id: str) -> Line | None:
        return await self._listers.read(partial(reads.line, service_id=service_id))

    async def ahead(self, callback: Callback) -> int:
        return await self._listers.read(partial(reads.ahead, callback=callback))

    async def note_asked_for(self, until: Mapping[str, datetime], now: datetime) -> None:  # noqa: ARG002
        self._asked_for = dict(until)  # in memory: there is no other server to tell

    async def is_asked_for(self, service_id: str, now: datetime) -> bool:
        return any(self._asked_for.get(asked, now) > now for asked in (ALL_SERVICES, service_id))

    # --- Services ----------------------------------------------------------------------------------------------

    async def put_service(self, service: Service) -> None:
        self._services_version.advance(await self._write(services.put_service, service))

    async def delete_service(self, service_id: str, revision: int) -> bool:
        version = await self._write(services.delete_service, ServiceRevision(service_id, revision))
        if version is not None:
            self._services_version.advance(version)
        return version is not None

    async def services(self) -> Services:
        return await self._seek(reads.services)

    async def services_version(self) -> int:
        return self._services_version.value

    async def wait_for_services(self, version: int) -> None:
        await self._services_version.wait(version)

    # --- The event log -----------------------------------------------------------------------------------------

    async def history(self) -> History:
        return await self._seek(reads.history)

    async def events(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        return await self._seek(partial(reads.events, after=after, limit=limit))

    def follow(self, after: int) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        return self._log_tail.follow(after)

    async def _write(self, operation: Operation[T, R], request: T, *, rows: int = 1) -> R:
        """Raises what the operation refuses it with, or `StorageUnavailable`."""
        return cast("R", await self._writer.submit(operation, request, rows))

    async def _seek(self, question: Question[R]) -> R:
        return await self._seekers.read(question)


def _begin(path: Path, database: sqlite3.Connection) -> tuple[str, int, int]:
    """Return the id of the database, the number of its newest event, and the version of its services."""
    database_id = prepare(path, database)
    (newest_event,) = database.execute(reads.NEWEST_EVENT).fetchone()
    (version,) = database.execute(reads.SERVICES_VERSION).fetchone()
    return database_id, newest_event, version
