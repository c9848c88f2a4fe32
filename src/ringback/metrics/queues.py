"""What waits, for which service, and whether anybody is there for it: from figures that are kept, and settings.

Services that have no label of their own are one, `other`: what can be added up is their sum. It is open as soon as one
of them is, and paused when all are, so that no alert of the others is held back; a dialer is there when it is for all.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

from prometheus_client.metrics_core import Metric as Family

from ringback.application.directory import Directory
from ringback.domain.errors import StorageUnavailable
from ringback.domain.priority import Priority
from ringback.domain.service import Service
from ringback.metrics import catalogue
from ringback.metrics.catalogue import Metric
from ringback.metrics.families import value, values
from ringback.metrics.queue_sums import Figures, QueueSums
from ringback.metrics.service_labels import OTHER, ServiceLabels, masked_address
from ringback.ports.clock import Clock
from ringback.ports.values import ALL_SERVICES

T = TypeVar("T")
# A scrape does without what the database does not say by then.
_PATIENCE_S: Final = 2.0
# Services that are counted without letting other tasks run: less than a millisecond.
_AT_ONCE: Final = 100


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
        self._settings = _Settings(directory, labels)
        self._sums = QueueSums(figures)
        self._preparing = asyncio.Lock()
        self._now = clock.now()
        self._services: Sequence[Service] = ()
        self._queues: dict[str, _Queue] = {}
        self._has_counts = self._has_oldest = self._has_attendance = False
        # What was there once stays there as 0: a line that is missing is no value to Prometheus.
        self._seen: dict[Metric, dict[tuple[str, str], None]] = {}

    async def prepare(self) -> None:
        """Look at what has changed. What the database would have to say is left out while it is away."""
        async with self._preparing:
            settings, sums = self._settings, self._sums
            polled, _ = await asyncio.gather(_or_none(self._attendance.polled_for), self._follow())
            self._has_attendance = polled is not None
            now = self._now
            self._services = settings.services
            queues = settings.queues()
            for label, each in sums.by_label.items():
                queue = queues[label]
                queue.waiting, queue.in_progress = Counter(each.waiting), Counter(each.in_progress)
                queue.scheduled, queue.oldest = each.scheduled, each.oldest()
            for service_id in self._resting(now):
                queues[settings.label_of(service_id)].resting = True
            if polled is not None and ALL_SERVICES not in polled:
                self._miss_dialers(queues, polled)
            self._queues = queues

    async def _follow(self) -> None:
        settings, sums = self._settings, self._sums
        await settings.follow(self._clock.now())
        self._has_counts = self._figures.counted
        await sums.follow(settings.labels, settings.label_of)
        is_dated = await _or_none(lambda: sums.date(settings.label_of))
        self._has_oldest = self._has_counts and bool(is_dated)
        self._now = self._clock.now()

    def _miss_dialers(self, queues: Mapping[str, _Queue], polled: Collection[str]) -> None:
        for service_id, label in self._settings.labels.items():
            if service_id not in polled:
                queue = queues[label]
                queue.has_dialer = False
                if service_id in self._settings.dialling and service_id in self._sums.alone:
                    queue.unattended = True

    def collect(self) -> Iterator[Family]:
        yield value(catalogue.SERVICES, len(self._services))
        yield values(catalogue.SERVICE_INFO, [(labels, 1) for labels in self._settings.addresses])
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


class _Settings:
    """What is exposed of the settings of services. It is looked at again when one has changed, and in each minute.

    Opening hours begin and end with a minute.
    """

    def __init__(self, directory: Directory, labels: ServiceLabels) -> None:
        self._directory = directory
        self._labels = labels
        self._seen: tuple[int, datetime] | None = None
        # The same object until one of them changes.
        self.labels: Mapping[str, str] = {}
        self._queues: Mapping[str, _Queue] = {}
        self.services: Sequence[Service] = ()
        # Of the services that have a label of their own.
        self.addresses: Sequence[tuple[str, str]] = ()
        # The ids of those that may begin a call now, as far as capacity and hours go.
        self.dialling: set[str] = set()

    async def follow(self, now: datetime) -> None:
        seen = self._directory.changes, now.replace(second=0, microsecond=0)
        if seen == self._seen:
            return
        services = self._directory.all()
        label_of = {service.service_id: self._labels.of(service.service_id) for service in services}
        queues: defaultdict[str, _Queue] = defaultdict(_Queue)
        dialling = set[str]()
        for number, service in enumerate(services, start=1):
            is_open = service.opening_hours.is_open(now)
            _add_settings(queues[label_of[service.service_id]], service, is_open=is_open)
            if is_open and service.capacity > 0:
                dialling.add(service.service_id)
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
        own = [service for service in services if label_of[service.service_id] != OTHER]
        self.addresses = [(service.service_id, masked_address(service)) for service in own]
        if label_of != self.labels:
            self.labels = label_of
        self.services, self.dialling, self._queues = services, dialling, queues
        self._seen = seen

    def label_of(self, service_id: str) -> str:
        return self.labels.get(service_id, OTHER)

    def queues(self) -> defaultdict[str, _Queue]:
        """Return a queue with the settings of each label, and nothing in it yet.

        There is another one as soon as something is counted of a service that is not known here yet.
        """
        queues: defaultdict[str, _Queue] = defaultdict(_Queue)
        for label, each in self._queues.items():
            queues[label] = _Queue(
                capacity=each.capacity, paused=each.paused, open=each.open, max_queue_s=each.max_queue_s
            )
        return queues


def _add_settings(queue: _Queue, service: Service, *, is_open: bool) -> None:
    queue.capacity += service.capacity
    queue.paused = queue.paused and service.paused
    queue.open = queue.open or is_open
    queue.max_queue_s = min(queue.max_queue_s, service.max_queue_time.total_seconds())


async def _or_none(read: Callable[[], Awaitable[T]]) -> T | None:
    with suppress(StorageUnavailable, TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            return await read()
    return None
