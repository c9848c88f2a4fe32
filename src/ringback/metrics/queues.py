"""What waits, for which service, and whether anybody is there for it: from figures that are kept, and settings.

Services that have no label of their own are one, `other`: what can be added up is their sum. It is open as soon as one
of them is, and paused when all are, so that no alert of the others is held back; a dialer is there when it is for all.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

from prometheus_client.metrics_core import Metric as Family

from ringback.application.directory import Directory
from ringback.application.queue_counts import ServiceFigures
from ringback.domain.callback import State
from ringback.domain.errors import StorageUnavailable
from ringback.domain.priority import Priority
from ringback.domain.service import Service
from ringback.metrics import catalogue
from ringback.metrics.catalogue import Metric
from ringback.metrics.families import value, values
from ringback.metrics.service_labels import OTHER, ServiceLabels, masked_address
from ringback.ports.clock import Clock
from ringback.ports.values import ALL_SERVICES

T = TypeVar("T")
# A scrape does without what the database does not say by then.
_PATIENCE_S: Final = 2.0
# Services that are looked at without letting other tasks run: less than a millisecond.
_AT_ONCE: Final = 50


class Figures(Protocol):
    """What is counted of all services."""

    @property
    def counted(self) -> bool: ...
    def all(self) -> Mapping[str, ServiceFigures]: ...
    async def oldest(self, service_ids: Collection[str] | None = None) -> Mapping[str, Mapping[Priority, datetime]]: ...


class Attendance(Protocol):
    """Which services dialers poll for."""

    async def polled_for(self) -> Collection[str]: ...


@dataclass(slots=True)
class _Queue:
    """All that is exposed of one label."""

    waiting: Counter[Priority] = field(default_factory=Counter)
    in_progress: Counter[Priority] = field(default_factory=Counter)
    scheduled: int = 0
    # When the one that has waited longest became due.
    oldest: dict[Priority, datetime] = field(default_factory=dict)
    capacity: int = 0
    paused: bool = True
    open: bool = False
    max_queue_s: float = float("inf")
    has_dialer: bool = True
    unattended: bool = False
    resting: bool = False


class QueueMetrics:
    """`prepare` looks at all services, and `collect` writes what it has seen."""

    def __init__(
        self,
        figures: Figures,
        directory: Directory,
        attendance: Attendance,
        resting: Callable[[datetime], Collection[str]],
        clock: Clock,
        labels: ServiceLabels,
    ) -> None:
        self._figures = figures
        self._directory = directory
        self._attendance = attendance
        self._resting = resting
        self._clock = clock
        self._labels = labels
        self._hours = _OpenServices()
        self._now = clock.now()
        self._services: Sequence[Service] = ()
        self._queues: dict[str, _Queue] = {}
        self._has_counts = self._has_oldest = self._has_attendance = False
        # What was there once stays there as 0: a line that is missing is no value to Prometheus.
        self._seen: dict[Metric, dict[tuple[str, str], None]] = {}

    async def prepare(self) -> None:
        """Look at everything. What the database would have to say is left out while it is away."""
        self._has_counts = self._figures.counted
        oldest, polled = await asyncio.gather(_or_none(self._figures.oldest), _or_none(self._attendance.polled_for))
        self._now = now = self._clock.now()
        self._services = self._directory.all()
        self._has_oldest = oldest is not None and self._has_counts
        self._has_attendance = polled is not None
        counted = self._figures.all() if self._has_counts else {}
        resting = self._resting(now)
        self._hours.begin(now)
        queues: dict[str, _Queue] = {}
        for number, service in enumerate(self._services, start=1):
            service_id = service.service_id
            label = self._labels.of(service_id)
            queue = queues.get(label)
            if queue is None:
                queue = queues[label] = _Queue()
            _add_counts(queue, counted.get(service_id))
            is_open = self._hours.is_open(service, now)
            _add_settings(queue, service, is_open=is_open)
            queue.resting = queue.resting or service_id in resting
            if polled is not None and not (service_id in polled or ALL_SERVICES in polled):
                queue.has_dialer = False
                may_dial = is_open and service.capacity > 0
                queue.unattended = queue.unattended or (may_dial and _waits(counted.get(service_id)))
            for priority, since in (oldest or {}).get(service_id, {}).items():
                queue.oldest[priority] = min(since, queue.oldest.get(priority, since))
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
        self._queues = queues

    def collect(self) -> Iterator[Family]:
        yield value(catalogue.SERVICES, len(self._services))
        own = [service for service in self._services if self._labels.of(service.service_id) != OTHER]
        yield values(catalogue.SERVICE_INFO, [((service.service_id, masked_address(service)), 1) for service in own])
        if self._has_counts:
            yield self._by_priority(catalogue.WAITING, lambda queue: queue.waiting)
            yield self._by_priority(catalogue.IN_PROGRESS, lambda queue: queue.in_progress)
            yield self._of_each(catalogue.SCHEDULED, lambda queue: queue.scheduled)
        if self._has_oldest:
            yield self._by_priority(catalogue.OLDEST_WAIT, self._waits)
        yield self._of_each(catalogue.CAPACITY, lambda queue: queue.capacity)
        yield self._of_each(catalogue.PAUSED, lambda queue: queue.paused)
        yield self._of_each(catalogue.OPEN, lambda queue: queue.open)
        yield self._of_each(catalogue.MAX_QUEUE_TIME, lambda queue: queue.max_queue_s)
        if self._has_attendance:
            yield self._of_each(catalogue.DIALER_PRESENT, lambda queue: queue.has_dialer)
        if self._has_attendance and self._has_counts:
            yield self._of_each(catalogue.UNATTENDED, lambda queue: queue.unattended)
        yield self._of_each(catalogue.AGENTS_RESTING, lambda queue: queue.resting)

    def _waits(self, queue: _Queue) -> Mapping[Priority, float]:
        return {p: max((self._now - since).total_seconds(), 0.0) for p, since in queue.oldest.items()}

    def _of_each(self, metric: Metric, number: Callable[[_Queue], float]) -> Family:
        return values(metric, [((label,), float(number(queue))) for label, queue in self._queues.items()])

    def _by_priority(self, metric: Metric, numbers: Callable[[_Queue], Mapping[Priority, float]]) -> Family:
        found = {
            (label, priority.name): number
            for label, queue in self._queues.items()
            for priority, number in numbers(queue).items()
        }
        seen = self._seen.get(metric, {}) | dict.fromkeys(found)
        self._seen[metric] = seen = {labels: None for labels in seen if labels[0] in self._queues}
        return values(metric, [(labels, found.get(labels, 0)) for labels in seen])


class _OpenServices:
    """Which services are open. Opening hours begin and end with a minute, so they are looked at once in each."""

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._open: dict[tuple[str, int], bool] = {}

    def begin(self, now: datetime) -> None:
        """Forget what was so in another minute."""
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute = minute
            self._open.clear()

    def is_open(self, service: Service, now: datetime) -> bool:
        key = service.service_id, service.revision
        known = self._open.get(key)
        if known is None:
            known = self._open[key] = service.opening_hours.is_open(now)
        return known


def _add_counts(queue: _Queue, figures: ServiceFigures | None) -> None:
    if figures is None:
        return
    queue.scheduled += figures.scheduled
    for (priority, state), count in figures.counts.items():
        (queue.waiting if state is State.QUEUED else queue.in_progress)[priority] += count


def _add_settings(queue: _Queue, service: Service, *, is_open: bool) -> None:
    queue.capacity += service.capacity
    queue.paused = queue.paused and service.paused
    queue.open = queue.open or is_open
    queue.max_queue_s = min(queue.max_queue_s, service.max_queue_time.total_seconds())


def _waits(figures: ServiceFigures | None) -> bool:
    return figures is not None and any(count for (_, state), count in figures.counts.items() if state is State.QUEUED)


async def _or_none(read: Callable[[], Awaitable[T]]) -> T | None:
    with suppress(StorageUnavailable, TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            return await read()
    return None
