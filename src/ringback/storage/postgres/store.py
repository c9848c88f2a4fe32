"""The adapter: each method of the port is an operation for the writer or a question for a reader.

Each server has six connections: one that writes, two for seeks, two for lists and counts, one that hears of what
other servers commit. While it starts, there is one more.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar, cast

from ringback.domain.callback import Callback
from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.domain.queue import Line, Queue, Turn
from ringback.domain.service import Service
from ringback.ports.values import Change, Extension, History, LoggedEvent, Retention, Services, Snapshot
from ringback.storage.list_plan import newest_first, oldest_first
from ringback.storage.log_tail import LogTail
from ringback.storage.operations import (
    LISTERS,
    SEEKERS,
    Changes,
    Creation,
    Demand,
    Purge,
    ServiceRevision,
    Shift,
    Term,
)
from ringback.storage.postgres import change, coordination, create, lists, purge, reads, services
from ringback.storage.postgres.connection import Link, LinkPool, Work
from ringback.storage.postgres.dsn import Address
from ringback.storage.postgres.listener import Listener, channel_of
from ringback.storage.postgres.schema import prepare, refusals
from ringback.storage.postgres.transaction import PostgresBatchWriter, PostgresOperation, probe
from ringback.storage.watermark import Watermark
from ringback.storage.writer import Writer

T = TypeVar("T")
R = TypeVar("R")


class PostgresStore:
    """The `Store` in a PostgreSQL database. Made by `open`; has connections, so it must be closed."""

    def __init__(
        self,
        *,
        database_id: str,
        writer: Writer[PostgresOperation[Any, Any]],
        seekers: LinkPool,
        listers: LinkPool,
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

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open the database at `postgresql://…`, and make what is missing in it. Raise `StoreCannotOpen`.

        Any number of servers may do so at the same time. The URL is libpq's: several hosts, TLS and so on. One option
        is Ringback's: `prepared_statements=off`, for a pooler that hands out connections by transaction and is
        unaware of prepared statements (PgBouncer before 1.21).
        """
        address = Address.parse(url)
        database_id = await prepare(address)
        services_version = Watermark(0)

        async with AsyncExitStack() as stack:
            with refusals(address):
                writing = await Link.open(address)
                stack.push_async_callback(writing.close)
                seekers = await stack.enter_async_context(LinkPool.open(address, SEEKERS))
                listers = await stack.enter_async_context(LinkPool.open(address, LISTERS))
            # Other servers write to the log, too: what follows is always read.
            log_tail = LogTail(0, lambda after, limit: seekers.read(partial(reads.events, after=after, limit=limit)))

            def committed(newest_event: int, version: int) -> None:
                log_tail.advance(newest_event)
                services_version.advance(version)

            bell = Listener(address, channel_of(database_id), committed)
            stack.push_async_callback(bell.close)
            stack.callback(services_version.end)
            writer = Writer(
                PostgresBatchWriter(writing, channel_of(database_id), committed).write, stopped=log_tail.end
            )
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
        """Return whether the last attempt to write succeeded."""
        return self._writer.healthy

    async def probe(self) -> bool:
        """Return whether the database takes writes: as the last one showed or, when it failed, as another one shows."""
        if not self._writer.healthy:
            with suppress(StorageUnavailable):
                await self._write(probe, None)
        return self._writer.healthy

    async def close(self) -> None:
        async with self._closing:
            await self._resources.aclose()

    async def read_clock(self) -> datetime:
        """Return the time of the database, the same for all servers."""
        return await self._seek(reads.clock)

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

    async def lead(self, server: str, now: datetime, until: datetime) -> bool:
        return await self._write(coordination.lead, Term(server, now, until))

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

    async def note_asked_for(self, until: Mapping[str, datetime], now: datetime) -> None:
        await self._write(coordination.note_asked_for, Demand(until, now), rows=len(until))

    async def is_asked_for(self, service_id: str, now: datetime) -> bool:
        return await self._seek(partial(coordination.is_asked_for, service_id=service_id, now=now))

    # --- Services ----------------------------------------------------------------------------------------------

    async def put_service(self, service: Service) -> None:
        await self._write(services.put_service, service)

    async def delete_service(self, service_id: str, revision: int) -> bool:
        return await self._write(services.delete_service, ServiceRevision(service_id, revision))

    async def services(self) -> Services:
        return await self._seek(reads.services)

    async def services_version(self) -> int:
        return await self._seek(reads.services_version)

    async def wait_for_services(self, version: int) -> None:
        await self._services_version.wait(version)

    # --- The event log -----------------------------------------------------------------------------------------

    async def history(self) -> History:
        history = await self._seek(reads.history)
        self._log_tail.advance(history.newest)
        return history

    async def events(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        return await self._seek(partial(reads.events, after=after, limit=limit))

    def follow(self, after: int) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        return self._log_tail.follow(after)

    async def _write(self, operation: PostgresOperation[T, R], request: T, *, rows: int = 1) -> R:
        """Raise what the operation refuses it with, or `StorageUnavailable`."""
        return cast("R", await self._writer.submit(operation, request, rows))

    async def _seek(self, query: Work[R]) -> R:
        return await self._seekers.read(query)
