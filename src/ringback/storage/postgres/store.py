"""The `Store` in a PostgreSQL database that any number of servers share: opening it, and what servers share.

Each server has six connections: one that writes, two for seeks, two for lists and counts, one that listens for what
other servers commit. There is one more while it starts, and while it counts what is open.
"""

import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Any, Final, Self

from ringback.domain.service import Service
from ringback.ports.values import Demand, History, LoggedEvent, StoreSize
from ringback.storage.dialect import Dialect, Operations, Pools
from ringback.storage.log_tail import LogTail
from ringback.storage.naming import tell_of_new
from ringback.storage.operations import LISTERS, SEEKERS, Noting, ServiceRevision, Term
from ringback.storage.postgres import (
    calls,
    change,
    coordination,
    counts,
    create,
    erasure,
    lists,
    purge,
    reads,
    services,
)
from ringback.storage.postgres.batch_writer import PostgresBatchWriter
from ringback.storage.postgres.connection import Connection, Link, ask
from ringback.storage.postgres.continuity import Continuity
from ringback.storage.postgres.dsn import Address
from ringback.storage.postgres.listener import Listener, channel_of
from ringback.storage.postgres.readers import LinkForEach, LinkPool
from ringback.storage.postgres.schema import prepare, refusals
from ringback.storage.postgres.timelines import Timelines
from ringback.storage.postgres.transaction import PostgresOperation, probe
from ringback.storage.store import SqlStore
from ringback.storage.watermark import Watermark
from ringback.storage.writer import Writer

# Drawn: no two servers that run have the same, and one that starts again needs not have its own.
_SERVER_BITS: Final = 62

_DIALECT: Final[Dialect[Connection, PostgresOperation[Any, Any]]] = Dialect(
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


class PostgresStore(SqlStore[Connection, PostgresOperation[Any, Any]]):
    """The `Store` in a PostgreSQL database. Made by `open`; has connections, so it must be closed."""

    @classmethod
    async def open(cls, url: str, *, must_exist: bool = False) -> Self:
        """Open the database at `postgresql://…`, and create what is missing in it. Raise `StoreCannotOpen`.

        Any number of servers may do so at the same time. The URL is libpq's: several hosts, TLS and so on. One option
        is Ringback's: `prepared_statements=on`, for a pooler that knows them (PgBouncer from 1.21 on); behind any other
        they are off by themselves.
        """
        address = Address.parse(url)
        timelines = Timelines(address)
        database_id, is_new = await prepare(address, timelines, must_exist=must_exist)
        if is_new:
            tell_of_new(address)
        services_version = Watermark(0)

        async def read(after: int, limit: int) -> Sequence[LoggedEvent]:
            events = await seekers.read(partial(reads.events, after=after, limit=limit))
            if events:
                continuity.passed_on(events[-1].number)
            return events

        log_tail = LogTail(0, read)
        continuity = Continuity(database_id, timelines, lost=log_tail.end)

        def committed(newest_event: int, version: int, events: Sequence[LoggedEvent] = ()) -> None:
            log_tail.advance(newest_event, events)
            services_version.advance(version)

        async with AsyncExitStack() as stack:
            stack.push_async_callback(timelines.close)
            with refusals(address):
                writing = await Link.open(address, continuity.on_connect)
                stack.push_async_callback(writing.close)
                seekers = await stack.enter_async_context(LinkPool.open(address, SEEKERS, continuity.on_connect))
                listers = await stack.enter_async_context(LinkPool.open(address, LISTERS, continuity.on_connect))
            timelines.opened()
            counters = LinkForEach(address, continuity.on_brief_connect)
            stack.push_async_callback(counters.close)
            server = secrets.randbits(_SERVER_BITS)
            listener = Listener(address, server, channel_of(database_id), continuity, committed)
            stack.push_async_callback(listener.close)
            stack.callback(services_version.end)

            def found(written: Sequence[tuple[object, object]]) -> None:
                writer.report(written)

            batches = PostgresBatchWriter(writing, server, channel_of(database_id), continuity, committed, found)
            writer = Writer(batches.write, stopped=log_tail.end)
            stack.push_async_callback(writer.close)
            return cls(
                _DIALECT,
                database_id=database_id,
                writer=writer,
                pools=Pools(seekers, listers, counters),
                log_tail=log_tail,
                services_version=services_version,
                resources=stack.pop_all(),
            )

    async def history(self) -> History:
        history = await super().history()
        self._log_tail.advance(history.newest)
        return history

    # --- Services ----------------------------------------------------------------------------------------------

    async def put_service(self, service: Service) -> None:
        await self._write(services.put_service, service)

    async def delete_service(self, service_id: str, revision: int) -> bool:
        deleted: bool = await self._write(services.delete_service, ServiceRevision(service_id, revision))
        return deleted

    async def services_version(self) -> int:
        [(version,)] = await self._seek(reads.SERVICES_VERSION)
        return int(version)

    # --- Servers that share the database -------------------------------------------------------------------------

    async def read_clock(self) -> datetime:
        """Return the time of the database, the same for all servers."""
        return await self._seekers.read(reads.clock)

    async def lead(self, server: str, now: datetime, until: datetime) -> bool:
        leads: bool = await self._write(coordination.lead, Term(server, now, until))
        return leads

    async def note_demand(self, demand: Sequence[Demand], now: datetime) -> None:
        await self._write(coordination.note_demand, Noting(demand, now), rows=len(demand))

    async def demand(self, now: datetime) -> Sequence[Demand]:
        return await self._seekers.read(partial(coordination.demand, now=now))

    async def size(self) -> StoreSize:
        # How large its log is, and how full its disk, only a superuser may see.
        [(size,)] = await self._read(self._listers, "SELECT pg_database_size(current_database())")
        return StoreSize(int(size))
