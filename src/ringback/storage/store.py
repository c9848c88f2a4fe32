"""The methods of a store in every dialect: each is a query for a reader, or an operation for the writer."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from ringback.domain.callback import Callback, State
from ringback.domain.ends import EndCount
from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.priority import Priority
from ringback.domain.queue import Queue, Turn
from ringback.domain.service import Service
from ringback.ports.calls import CallKey, KeptCall
from ringback.ports.values import (
    Agenda,
    CallbackSearch,
    Change,
    ClockMark,
    EventPage,
    EventSearch,
    Extension,
    History,
    LevelCount,
    LineHeads,
    LineName,
    LoggedEvent,
    OpenByService,
    OpenCounts,
    Outlook,
    PhoneUse,
    Retention,
    Services,
    Snapshot,
    StateCount,
)
from ringback.storage.body import duration_us, read_callback, read_json, time_of, time_us, write_json
from ringback.storage.call_row import kept_call
from ringback.storage.callback_row import callbacks
from ringback.storage.dialect import Dialect, Pool, Pools, Rows
from ringback.storage.event_row import logged_event
from ringback.storage.list_plan import newest_first, oldest_first
from ringback.storage.log_tail import LogTail
from ringback.storage.operations import (
    Changes,
    Creation,
    Erasing,
    Forgetting,
    KeepingBounds,
    ManyChanges,
    Purge,
    Renewal,
    Shift,
    Taking,
)
from ringback.storage.outcome_row import counted_caller, end_counts
from ringback.storage.watermark import Watermark
from ringback.storage.write_health import HealthCheck
from ringback.storage.writer import Writer

_END_OF_TIME_US: Final = 2**62
C = TypeVar("C")
Op = TypeVar("Op")


class SqlStore(Generic[C, Op]):
    """The part of a `Store` that is the same in every dialect. An adapter opens it, and adds the rest."""

    def __init__(
        self,
        dialect: Dialect[C, Op],
        *,
        database_id: str,
        writer: Writer[Op],
        pools: Pools[C],
        log_tail: LogTail,
        services_version: Watermark,
        resources: AsyncExitStack,
    ) -> None:
        """`resources` are closed with the store."""
        self._dialect = dialect
        self._statements = dialect.statements
        self._operations = dialect.operations
        self._reads = dialect.reads
        self._database_id = database_id
        self._writer = writer
        self._seekers, self._listers, self._counters = pools
        self._log_tail = log_tail
        self._services_version = services_version
        self._resources = resources
        self._closing = asyncio.Lock()
        self._health_check = HealthCheck(
            writer.health,
            ask=self.clock_jumps,
            write=partial(self._write, self._operations.probe, apart=True),
            busy_s=writer.busy_s,
        )

    @property
    def database_id(self) -> str:
        return self._database_id

    @property
    def healthy(self) -> bool:
        return self._writer.healthy

    async def probe(self) -> bool:
        if self._writer.healthy:
            return True
        try:
            await self._write(self._operations.probe, 0)
        except StorageUnavailable:
            return False
        return True

    async def check_health(self) -> None:
        await self._health_check.run()

    def listen_health(self, listener: Callable[[bool], None]) -> None:
        self._writer.health.listen(listener)

    def listen_death(self, listener: Callable[[], None]) -> None:
        self._writer.listen_death(listener)

    def listen(self, listener: Callable[[Callback | None, Callback], None]) -> None:
        self._writer.listen(partial(_report, listener))

    def listen_commits(self, listener: Callable[[int, float, bool], None]) -> None:
        self._writer.listen_commits(listener)

    async def close(self) -> None:
        async with self._closing:
            await self._resources.aclose()

    # --- Callbacks ---------------------------------------------------------------------------------------------

    async def create(
        self, new: Sequence[Callback], alone: Collection[str] = (), settings: Collection[Service] = ()
    ) -> Sequence[Callback | None]:
        creation = Creation(new, alone, settings)
        others: list[Callback | None] = await self._write(self._operations.create, creation, rows=len(new))
        return others

    async def create_one(
        self, new: Callback, *, alone: bool = False, settings: Service | None = None
    ) -> Callback | None:
        creation = Creation((new,), (new.callback_id,) if alone else (), () if settings is None else (settings,))
        others: list[Callback | None] = await self._write(self._operations.create, creation)
        return others[0]

    async def apply(self, changes: Sequence[Change], turn: Turn | None = None) -> None:
        await self._write(self._operations.apply, Changes(changes, turn), rows=len(changes))

    async def apply_many(self, groups: Sequence[Sequence[Change]]) -> Sequence[Exception | None]:
        calls = [Changes(group, None) for group in groups]
        refusals: list[Exception | None] = await self._write(
            self._operations.apply_many, ManyChanges(calls), rows=sum(map(len, groups))
        )
        return refusals

    async def get(self, key: Key) -> Callback | None:
        if isinstance(key, ExternalTaskKey):
            return _first(await self._seek(self._statements.get_by_task, key.caller_id, key.external_task_id))
        return _first(await self._seek(self._statements.get, key))

    async def get_by_request_id(self, identity: str, request_id: str) -> Callback | None:
        return _first(await self._seek(self._statements.get_by_request, request_id, identity))

    async def get_many(self, callback_ids: Sequence[str]) -> list[Callback]:
        return await self._seekers.read(partial(self._reads.get_many, callback_ids=callback_ids))

    async def extend(self, extensions: Sequence[Extension]) -> list[bool]:
        kept: list[bool] = await self._write(self._operations.extend, extensions, rows=len(extensions))
        return kept

    async def list(self, wanted: CallbackFilter, before_id: str, limit: int) -> Snapshot:
        page = newest_first(wanted, before_id, limit)
        return await self._listers.read(lambda connection: self._dialect.page(connection, page))

    async def snapshot(self, wanted: CallbackFilter, after_id: str, limit: int) -> Snapshot:
        page = oldest_first(wanted, after_id, limit)
        return await self._listers.read(lambda connection: self._dialect.page(connection, page))

    async def count(self, wanted: CallbackFilter) -> Mapping[State, StateCount]:
        return await self._listers.read(lambda connection: self._dialect.count(connection, wanted))

    # --- What waits, and what is leased ------------------------------------------------------------------------

    async def queue(self, service_id: str, depth: int, now: datetime) -> Queue | None:
        return await self._seekers.read(partial(self._reads.queue, service_id=service_id, depth=depth, now=now))

    async def phone_use(self, phone: str, now: datetime) -> PhoneUse:
        [(caller, until_us)] = await self._seek(self._statements.phone_use, phone, time_us(now))
        return PhoneUse(caller, _time_or_none(until_us))

    async def dialled(self, since: datetime, limit: int) -> Sequence[tuple[str, datetime]]:
        rows = await self._seek(self._statements.dialled, time_us(since), limit)
        return [(phone, time_of(at_us)) for phone, at_us in reversed(rows)]

    async def dialled_of(self, number: str, since: datetime) -> Sequence[datetime]:
        return [time_of(at_us) for (at_us,) in await self._seek(self._statements.dialled_of, number, time_us(since))]

    async def turns(self, service_ids: Sequence[str]) -> Mapping[str, Turn]:
        rows = await self._seek(self._statements.turns, write_json(service_ids))
        turns = (Turn(service_id, tuple(read_json(credits_)), revision) for service_id, credits_, revision in rows)
        return {turn.service_id: turn for turn in turns}

    async def outlooks(self, service_ids: Sequence[str], until: datetime, limit: int) -> Mapping[str, Outlook]:
        rows = await self._read(
            self._listers, self._statements.outlooks, time_us(until), limit, write_json(service_ids)
        )
        return {service_id: Outlook(due, _time_or_none(first_us)) for service_id, due, first_us in rows}

    async def late(
        self,
        service_id: str,
        turns: Mapping[Priority, Sequence[int]],
        begin: datetime,
        per_turn: timedelta,
        last_turn: int,
        limit: int,
    ) -> int:
        begin_us, per_turn_us = time_us(begin), duration_us(per_turn)
        last_us = begin_us + per_turn_us * last_turn
        depths = write_json([[level.value, len(its)] for level, its in turns.items()])
        rows = await self._read(self._listers, self._statements.line_ends, service_id, last_us, limit, depths)
        beyond, late = 0, 0
        for level, found in rows:
            if level is None:
                beyond += int(found)
            elif found is not None:
                ends_us = [int(one) for one in found.split(",")]
                beyond -= sum(end_us < last_us for end_us in ends_us)
                late += sum(
                    end_us < begin_us + per_turn_us * turn
                    for end_us, turn in zip(ends_us, turns[Priority(level)], strict=False)
                )
        return min(late + max(beyond, 0), limit)

    async def line_heads(self, names: Sequence[LineName]) -> LineHeads:
        return await self._seekers.read(partial(self._reads.line_heads, names=names))

    async def ahead(self, callback: Callback, limit: int) -> int:
        place = (callback.service_id, callback.request.priority, time_us(callback.ready_time), callback.callback_id)
        [(count,)] = await self._read(self._listers, self._statements.ahead, *place, limit)
        return int(count)

    async def queued_services(self) -> Sequence[str]:
        return [service_id for (service_id,) in await self._seek(self._statements.queued_services)]

    async def leased_for(self, dialer_id: str, request_id: str) -> Sequence[Callback]:
        return await self._seekers.read(partial(self._reads.leased_for, dialer_id=dialer_id, request_id=request_id))

    # --- What the scheduler reads ------------------------------------------------------------------------------

    async def agenda(self, now: datetime, lapse_time: datetime, limit: int) -> Agenda:
        rows = await self._seek(self._statements.agenda, time_us(now), time_us(lapse_time), limit)
        found: dict[str, list[Callback]] = {"LAPSED": [], "EXPIRED": [], "DUE": []}
        next_time: datetime | None = None
        for work, body, at_us in rows:
            if work is None:
                next_time = _time_or_none(at_us)
            else:
                found[work].append(read_callback(body, at_us))
        return Agenda(found["LAPSED"], found["EXPIRED"], found["DUE"], next_time)

    async def outlasting(self, end: datetime, limit: int) -> Sequence[Callback]:
        return callbacks(await self._seek(self._statements.outlasting, time_us(end), limit))

    async def held_by(self, dialer_id: str) -> Sequence[Callback]:
        return callbacks(await self._seek(self._statements.held_by, dialer_id))

    async def queued(self, service_id: str, limit: int) -> Sequence[Callback]:
        return callbacks(await self._seek(self._statements.queued, service_id, limit))

    async def scheduled(self, service_id: str, after_id: str, limit: int) -> Sequence[Callback]:
        return callbacks(await self._seek(self._statements.scheduled, service_id, after_id, limit))

    async def moved_by_hours(self, service_id: str, after_id: str, limit: int) -> Sequence[Callback]:
        return callbacks(await self._seek(self._statements.moved_by_hours, service_id, after_id, limit))

    async def purge(self, now: datetime, retention: Retention, limit: int) -> int:
        rows: int = await self._write(self._operations.purge, Purge(now, retention, limit), rows=limit)
        return rows

    async def clock_jumps(self) -> int:
        [(jumps,)] = await self._seek(self._statements.clock_jumps)
        return int(jumps)

    async def shift_leases(self, by: timedelta, jumps: int, mark: ClockMark | None = None) -> int | None:
        moved: int | None = await self._write(self._operations.shift_leases, Shift(by, jumps, mark), apart=True)
        return moved

    async def clock_mark(self) -> ClockMark | None:
        [(boot, ahead_us, jumps)] = await self._seek(self._statements.clock_mark)
        return None if boot is None else ClockMark(boot, timedelta(microseconds=ahead_us), jumps)

    async def mark_clock(self, mark: ClockMark) -> None:
        await self._write(self._operations.mark_clock, mark)

    async def bound_keeping(self, phones: datetime, calls: datetime) -> None:
        await self._write(self._operations.bound_keeping, KeepingBounds(phones, calls), apart=True)

    # --- Services and the event log ----------------------------------------------------------------------------

    async def services(self) -> Services:
        return await self._seekers.read(self._reads.services)

    async def wait_for_services(self, version: int) -> None:
        await self._services_version.wait(version)

    async def history(self) -> History:
        return await self._seekers.read(self._reads.history)

    async def open_by_identity(self) -> OpenCounts:
        rows = await self._read(self._counters, self._statements.open_by_identity)
        return OpenCounts(rows[0][0], {identity: count for _, identity, count in rows if identity is not None})

    async def open_by_service(self) -> OpenByService:
        rows = await self._read(self._counters, self._statements.open_by_service)
        return OpenByService(rows[0][0], [_level_count(*row[1:]) for row in rows if row[1] is not None])

    async def events(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        return await self._seekers.read(partial(self._reads.events, after=after, limit=limit))

    async def events_of(self, callback_id: str, after: int, limit: int) -> EventPage:
        rows = await self._seek(self._statements.events_of, callback_id, after, limit + 1)
        found = max((row[0] for row in rows), default=0)
        events = sorted((logged_event(*row[1:]) for row in rows), key=attrgetter("number"))[:limit]
        return EventPage(events, more=found > len(events))

    async def number_before(self, time: datetime) -> int:
        history = await self.history()
        # Every event up to `low` is earlier; none above `high` is.
        low, high, since_us = history.oldest, history.newest, time_us(time)
        while low < high:
            middle = (low + high) // 2
            rows = await self._seek(self._statements.event_time, middle)
            if rows and rows[0][1] < since_us:
                low = rows[0][0]
            else:
                high = middle
        return low

    def follow(self, after: int) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        return self._log_tail.follow(after)

    # --- What has ended ----------------------------------------------------------------------------------------

    async def outcomes(
        self, callers_of: Mapping[str, Collection[str] | None], begin: datetime, end: datetime, limit: int
    ) -> Sequence[EndCount]:
        wanted = [[service_id, _counted_callers(ids)] for service_id, ids in callers_of.items()]
        values = (write_json(wanted), time_us(begin), time_us(end), limit)
        return list(end_counts(await self._read(self._listers, self._statements.outcomes, *values)))

    # --- Erasure -----------------------------------------------------------------------------------------------

    async def search_callbacks(self, trace: str, after_id: str, limit: int) -> CallbackSearch:
        rows = await self._read(self._listers, self._statements.search_callbacks, after_id, limit, trace)
        found = [read_callback(*row[1:]) for row in rows if row[1] is not None]
        return CallbackSearch(found, rows[-1][0] if len(rows) == limit else None)

    async def search_events(self, trace: str, after: int, limit: int) -> EventSearch:
        rows = await self._read(self._listers, self._statements.search_events, after, limit, trace)
        found = [logged_event(*row) for row in rows if row[-1] is not None]
        return EventSearch(found, rows[-1][0] if len(rows) == limit else None)

    async def event_owners(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        rows = await self._read(self._listers, self._statements.event_owners, after, limit)
        return [(number, callback_id) for number, callback_id in rows]

    async def redact(self, numbers: Sequence[int]) -> None:
        await self._write(self._operations.redact, numbers, rows=len(numbers))

    async def erase(self, callbacks: Sequence[Callback], now: datetime, identity: str) -> int:
        request = Erasing(callbacks, now, identity)
        count: int = await self._write(self._operations.erase, request, rows=len(callbacks))
        return count

    async def forget_phone(self, phone: str) -> None:
        await self._write(self._operations.forget_phone, phone)

    # --- Kept calls --------------------------------------------------------------------------------------------

    async def keep_call(self, call: KeptCall) -> None:
        await self._write(self._operations.keep_call, call)

    async def keep_again(self, call: KeptCall) -> None:
        await self._write(self._operations.keep_again, call)

    async def forget_call(self, key: CallKey, owner: str) -> None:
        await self._write(self._operations.forget_call, Forgetting(key, owner))

    async def renew_calls(self, owner: str, until: datetime) -> Sequence[CallKey]:
        keys: Sequence[CallKey] = await self._write(self._operations.renew_calls, Renewal(owner, until))
        return keys

    async def leave_call(self, key: CallKey, owner: str, now: datetime) -> None:
        await self._write(self._operations.forget_call, Forgetting(key, owner, now))

    async def kept_calls(self, dialer: str, owner: str) -> Sequence[KeptCall]:
        return [kept_call(*row) for row in await self._seek(self._statements.calls_of, dialer, owner)]

    async def left_calls(self, dialer: str, now: datetime | None, limit: int) -> Sequence[KeptCall]:
        until_us = _END_OF_TIME_US if now is None else time_us(now)
        return [kept_call(*row) for row in await self._seek(self._statements.calls_left, dialer, until_us, limit)]

    async def calls_of_callbacks(self, callback_ids: Sequence[str]) -> Sequence[KeptCall]:
        return await self._seekers.read(partial(self._reads.calls_of_callbacks, callback_ids=callback_ids))

    async def take_call(self, before: KeptCall, after: KeptCall, changes: Sequence[Change] = ()) -> None:
        await self._write(self._operations.take_call, Taking(before, after, changes), rows=1 + len(changes))

    # --- For the adapters --------------------------------------------------------------------------------------

    async def _write(self, operation: Op, request: object, *, rows: int = 1, apart: bool = False) -> Any:
        """Return the result of an operation. Raise its refusal of the request, or `StorageUnavailable`."""
        return await self._writer.submit(operation, request, rows, apart=apart)

    async def _seek(self, statement: str, *values: object) -> Rows:
        return await self._read(self._seekers, statement, *values)

    async def _read(self, pool: Pool[C], statement: str, *values: object) -> Rows:
        return await pool.read(lambda connection: self._dialect.ask(connection, statement, *values))


def _first(rows: Rows) -> Callback | None:
    return read_callback(*rows[0]) if rows else None


def _counted_callers(caller_ids: Collection[str] | None) -> list[str] | None:
    return None if caller_ids is None else [counted_caller(caller_id) for caller_id in caller_ids]


def _level_count(service_id: str, state: str, level: int | None, count: int, oldest_us: int | None) -> LevelCount:
    priority = None if level is None else Priority(level)
    return LevelCount(service_id, State[state], priority, count, _time_or_none(oldest_us))


def _time_or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else time_of(microseconds)


def _report(listener: Callable[[Callback | None, Callback], None], written: Sequence[tuple[object, Any]]) -> None:
    for request, result in written:
        if isinstance(request, Creation):
            for new, existing in zip(request.new, result, strict=True):
                if existing is None:
                    listener(None, new)
        elif isinstance(request, Changes | Taking):
            _report_changes(listener, request.changes)
        elif isinstance(request, ManyChanges):
            for call, refusal in zip(request.calls, result, strict=True):
                if refusal is None:
                    _report_changes(listener, call.changes)


def _report_changes(listener: Callable[[Callback | None, Callback], None], changes: Sequence[Change]) -> None:
    for change in changes:
        listener(change.before, change.after)
