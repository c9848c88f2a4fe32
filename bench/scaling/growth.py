"""What the store's queries and writes cost with more and more callbacks waiting, over the store alone."""

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, NamedTuple, Self
from uuid import uuid4

import psycopg
from msgspec.structs import replace

from bench.backlog import REQUEST, SERVICES, add_services, service_id
from bench.processes import database_of, durable_cluster
from bench.scaling.postgres_backlog import PostgresBacklog
from ringback.domain.assignment import draw
from ringback.domain.callback import Callback, Lease, State
from ringback.domain.errors import StorageUnavailable
from ringback.domain.events import CancelRequested, Leased
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.ids import CallbackIds, LeaseToken
from ringback.domain.lifecycle import after
from ringback.domain.planning import plan
from ringback.domain.priority import Priority
from ringback.domain.queue import Turn
from ringback.domain.request import check
from ringback.ports.values import Change, Services
from ringback.storage.postgres import PostgresStore, change, create, reads, transaction
from tests.world.postgres import Cluster

SAMPLES: Final = 150
_SAMPLES_OF_COUNTS: Final = 5
_PAGE: Final = 50
# No more than each of 999 services has when ten thousand wait: the same page at every size.
_SMALL_PAGE: Final = 4
_LEASE: Final = timedelta(seconds=30)
_FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
# Of a write-ahead log; what writes less than this writes nothing of its own.
A_PAGE: Final = 1000
# What is filled needs no log, and much memory for the indexes.
FILLED: Final = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "'8GB'",
    "maintenance_work_mem": "'512MB'",
}
# What looks at each that waits: once, when a server starts.
COUNTS: Final = ("count all that is open",)
# Nobody was called here, so no phone is kept.
_SMALL: Final = ("service", "service_turn", "log_end", "log_start", "ringback", "kept_phone")


class Subject:
    """A filled database, its store, and what is asked of it."""

    def __init__(
        self, store: PostgresStore, services: Services, connection: psycopg.Connection[Any], filled: PostgresBacklog
    ) -> None:
        self.connection = connection
        self._store = store
        self._services = {service.service_id: service for service in services.services}
        self._ids = CallbackIds()
        # One after the other of the services that have few waiting.
        self._spread = count(1)
        some = filled.some_ids(connection, 2 * SAMPLES)
        self._to_get, self._to_cancel = iter(some[:SAMPLES]), iter(some[SAMPLES:])
        self._in_progress: list[Callback] = []

    @classmethod
    async def make(cls, cluster: Cluster, size: int, stack: AsyncExitStack) -> Self:
        url = stack.enter_context(database_of(cluster))
        store = await PostgresStore.open(url)
        stack.push_async_callback(store.close)
        await add_services(store)
        connection = stack.enter_context(psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor))
        filled = PostgresBacklog(size)
        await asyncio.to_thread(filled.fill, connection)
        await filled.check(store, connection)
        return cls(store, await store.services(), connection, filled)

    @property
    def operations(self) -> dict[str, Callable[[], Awaitable[object]]]:
        of_half = CallbackFilter(service_ids=(service_id(0),), states=(State.SCHEDULED,))
        of_few = CallbackFilter(service_ids=(service_id(7),))
        return {
            "create": self._create,
            "grant one; half of all wait for its service": lambda: self._grant(service_id(0), 1),
            "grant ten; half of all wait for its service": lambda: self._grant(service_id(0), 10),
            "grant one, of one of 999 services": lambda: self._grant(service_id(next(self._spread)), 1),
            "get": lambda: self._store.get(next(self._to_get)),
            "cancel: a get and a write": self._cancel,
            "page of 50, the newest of all": lambda: self._store.list(CallbackFilter(), "", _PAGE),
            "page of 50, of a service and state that a quarter is in": lambda: self._store.list(of_half, "", _PAGE),
            f"page of {_SMALL_PAGE}, of one of 999 services": lambda: self._store.list(of_few, "", _SMALL_PAGE),
            "what is to be done now: nothing": lambda: self._store.agenda(_LONG_AGO, _LONG_AGO, 100),
            "what is to be done: the first 100 of each kind": lambda: self._store.agenda(_FAR, _LONG_AGO, 100),
            COUNTS[0]: self._store.open_by_service,
        }

    async def clear(self) -> None:
        """End what was granted: how many are in progress shall not be what is measured."""
        leased, self._in_progress = self._in_progress, []
        if leased:
            gone = CancelRequested(at=datetime.now(UTC), reason="measured")
            await self._store.apply([Change(callback, after(callback, gone)) for callback in leased])

    def log_length(self) -> int:
        """Return the length of the write-ahead log, in bytes."""
        row = self.connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
        assert row is not None
        return int(row[0])

    async def _create(self) -> object:
        now = datetime.now(UTC)
        number = next(self._spread)
        service = self._services[service_id(1 + number % (SERVICES - 1))]
        request = replace(
            REQUEST, target=f"sip:answer@{uuid4()}.example", external_task_id=f"task-{uuid4()}", expire_time=None
        )
        checked = check(request, now, Faults())
        assert checked is not None
        callback = plan(
            checked,
            service=service,
            callback_id=self._ids.next(now),
            now=now,
        )
        return await self._store.create([callback])

    async def _grant(self, service: str, most: int) -> None:
        now = datetime.now(UTC)
        queue = await self._store.queue(service, most, now)
        assert queue is not None
        drawn, credits_ = draw(queue, most, now)
        assert drawn
        changes = [Change(callback, _leased(callback, now)) for callback in drawn]
        await self._store.apply(changes, Turn(service, credits_, queue.turn.revision + 1))
        self._in_progress += [change.after for change in changes]

    async def _cancel(self) -> None:
        callback = await self._store.get(next(self._to_cancel))
        assert callback is not None
        gone = after(callback, CancelRequested(at=datetime.now(UTC), reason="rang in"))
        await self._store.apply([Change(callback, gone)])


def _leased(callback: Callback, now: datetime) -> Callback:
    lease = Lease(
        token=LeaseToken.new(callback.callback_id, callback.fencing_token + 1).text,
        dialer_id="bench",
        fencing_token=callback.fencing_token + 1,
        duration=_LEASE,
        expire_time=now + _LEASE,
    )
    return after(callback, Leased(at=now, lease=lease))


# --- Measuring -------------------------------------------------------------------------------------------------


class Grown(NamedTuple):
    """One operation at each size: its median in seconds, infinite when it was given up, and the bytes of WAL."""

    name: str
    seconds: Sequence[float]
    wal_bytes: Sequence[float]


async def measure(sizes: Sequence[int], tell: Callable[[str], None]) -> tuple[Sequence[Grown], Sequence[str]]:
    """Measure every operation at every size, the sizes in turn; return also queries whose plan reads a whole table."""
    with durable_cluster(FILLED) as cluster:
        async with AsyncExitStack() as stack:
            subjects = []
            for size in sizes:
                begun = time.perf_counter()
                subjects.append(await Subject.make(cluster, size, stack))
                tell(f"{size:,} waiting: filled in {time.perf_counter() - begun:.0f} s")
            cluster.execute("CHECKPOINT")
            operations = [
                await _measure(name, subjects, _SAMPLES_OF_COUNTS if name in COUNTS else SAMPLES)
                for name in subjects[0].operations
            ]
            return operations, [scan for subject in subjects for scan in scans(subject.connection)]


async def _measure(name: str, subjects: Sequence[Subject], samples: int) -> Grown:
    seconds: list[list[float]] = [[] for _ in subjects]
    written: list[list[int]] = [[] for _ in subjects]
    for _ in range(samples):
        for place, subject in enumerate(subjects):
            operation = subject.operations[name]
            log = subject.log_length()
            begun = time.perf_counter()
            try:
                await operation()
                seconds[place].append(time.perf_counter() - begun)
            except StorageUnavailable:  # took longer than any caller is made to wait
                seconds[place].append(math.inf)
            written[place].append(subject.log_length() - log)
            await subject.clear()
    # What a connection does for the first time, it has to plan.
    settled = [measured[len(measured) // 5 :] for measured in seconds]
    return Grown(name, [statistics.median(s) for s in settled], [statistics.mean(w) for w in written])


_LEVELS: Final = [level.value for level in Priority]
_ASKED: Final[dict[str, tuple[str, Sequence[Any]]]] = {
    "get": (reads.GET, ["x"]),
    "get by task": (reads.GET_BY_TASK, ["crm", "x"]),
    "agenda": (reads.AGENDA, [2**60, 2**60, 100]),
    "moved by hours": (reads.MOVED_BY_HOURS, [service_id(0), "", 100]),
    "queued services": (reads.QUEUED_SERVICES, []),
    "queue": (reads.QUEUE, [service_id(0), 10, _LEVELS, 2**60]),
    "queue of another": (reads.QUEUE, [service_id(7), 10, _LEVELS, 2**60]),
    "same name": (create.SAME_NAME, [["x"], ["x"], ["crm"], ["x"]]),
    "events": (reads.EVENTS, [0, 1000]),
    "lock": (transaction._LOCK_CALLBACKS, [["x", "y"]]),  # noqa: SLF001 - what is measured
    "update": (change._UPDATE, ["[{}]"]),  # noqa: SLF001 - what is measured
}


def scans(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Yield the queries that PostgreSQL would run by reading a whole table, planned for given values and for any."""
    for mode in ("force_custom_plan", "force_generic_plan"):
        connection.execute(f"SET plan_cache_mode = {mode}".encode())
        for name, (statement, values) in _ASKED.items():
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), values, prepare=True).fetchone()
            assert row is not None
            if "Seq Scan" in set(_nodes(row[0][0]["Plan"])):
                yield name


def _nodes(node: dict[str, Any]) -> Iterator[str]:
    """Yield the kinds of a plan's steps, but for tables with a row or two."""
    if node.get("Relation Name") not in _SMALL:
        yield node["Node Type"]
    for child in node.get("Plans", ()):
        yield from _nodes(child)
