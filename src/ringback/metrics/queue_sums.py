"""What is open under each label: summed up once, and then brought up to date by the services that have changed.

Many services have the label `other`. To look at all of them in each scrape would take longer than all the rest of it.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

from msgspec import Struct, field

from ringback.application.queue_counts import ServiceFigures
from ringback.domain.callback import State
from ringback.domain.priority import Priority

# Services that are looked at without letting other tasks run: less than a millisecond.
_AT_ONCE: Final = 50


class Figures(Protocol):
    """What is counted of all services."""

    @property
    def counted(self) -> bool: ...
    def all(self) -> Mapping[str, ServiceFigures]: ...
    def of(self, service_id: str) -> ServiceFigures: ...
    def take_changed(self) -> Collection[str] | None: ...
    async def oldest(self, service_ids: Collection[str] | None = None) -> Mapping[str, Mapping[Priority, datetime]]: ...


class LabelSum(Struct):
    """The sum of all services of one label."""

    waiting: Counter[Priority] = field(default_factory=Counter)
    in_progress: Counter[Priority] = field(default_factory=Counter)
    scheduled: int = 0
    # When the one of each service that has waited longest became due.
    since: dict[Priority, dict[str, datetime]] = {}

    def add(self, figures: ServiceFigures, sign: int) -> None:
        self.scheduled += sign * figures.scheduled
        for (priority, state), count in figures.counts.items():
            sums = self.waiting if state is State.QUEUED else self.in_progress
            sums[priority] += sign * count
            if not sums[priority]:
                del sums[priority]

    def oldest(self) -> dict[Priority, datetime]:
        return {priority: min(of_each.values()) for priority, of_each in self.since.items() if of_each}


class QueueSums:
    """The sums of all labels, after each `follow`."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._labels: Mapping[str, str] = {}
        # Under which label each service is counted, and with what.
        self._counted: dict[str, tuple[str, ServiceFigures]] = {}
        self._to_count: set[str] = set()
        self._to_date: set[str] = set()
        # The services of which callbacks wait, and none is in progress.
        self.alone: set[str] = set()
        self.by_label: defaultdict[str, LabelSum] = defaultdict(LabelSum)

    async def follow(self, labels: Mapping[str, str], label_of: Callable[[str], str]) -> None:
        """Count what has changed; all, when other services have labels of their own than before."""
        changed = self._figures.take_changed()
        if changed is None or labels is not self._labels:
            changed = {*self._figures.all(), *self._counted, *(changed or ())}
            self._labels = labels
            self._counted.clear()
            self._to_date.clear()
            self.alone.clear()
            self.by_label.clear()
        self._to_count.update(changed)
        while portion := _portion(self._to_count):
            for service_id in portion:
                self._count(service_id, label_of(service_id))
            await asyncio.sleep(0)

    def _count(self, service_id: str, label: str) -> None:
        figures = self._figures.of(service_id)
        if (before := self._counted.pop(service_id, None)) is not None:
            self.by_label[before[0]].add(before[1], -1)
        if figures.counts or figures.scheduled:
            self._counted[service_id] = label, figures
            self.by_label[label].add(figures, 1)
        if figures.waiting and not figures.in_progress:
            self.alone.add(service_id)
        else:
            self.alone.discard(service_id)
        self._to_count.discard(service_id)
        self._to_date.add(service_id)
        self._drop_dates(service_id, label)

    async def date(self, label_of: Callable[[str], str]) -> bool:
        """Find out since when the oldest of what has changed waits; return True. Raise `StorageUnavailable`."""
        left = set(self._to_date)
        while portion := _portion(left):
            found = await self._figures.oldest(portion)
            for service_id in portion:
                left.discard(service_id)
                self._date(service_id, label_of(service_id), found.get(service_id, {}))
        return True

    def _date(self, service_id: str, label: str, found: Mapping[Priority, datetime]) -> None:
        self._drop_dates(service_id, label)
        of_label = self.by_label[label].since
        for priority, since in found.items():
            of_label.setdefault(priority, {})[service_id] = since
        counted = self._counted.get(service_id)
        if counted is None or counted[1].waiting.keys() <= found.keys():
            self._to_date.discard(service_id)

    def _drop_dates(self, service_id: str, label: str) -> None:
        for of_each in self.by_label[label].since.values():
            of_each.pop(service_id, None)


def _portion(service_ids: Collection[str]) -> Sequence[str]:
    return list(islice(service_ids, _AT_ONCE))
