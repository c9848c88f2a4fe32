"""The sums of labels are brought up to date by what has changed, and are always those of all services."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.application.queue_counts import ServiceFigures
from ringback.domain.callback import State
from ringback.domain.errors import StorageUnavailable
from ringback.domain.priority import Priority
from ringback.metrics.queue_sums import LabelSum, QueueSums
from tests.world.samples import NOW, seconds

OTHER = "other"
SERVICES = ("one", "two", "three", "four")
LEVELS = (Priority.NORMAL, Priority.STRICT_PRIORITY)


class Kept:
    """Figures that change, and tell what has."""

    counted = True

    def __init__(self) -> None:
        self.now: dict[str, ServiceFigures] = {}
        self.since: dict[str, dict[Priority, datetime]] = {}
        self.changed: set[str] | None = None
        self.is_away = False

    def all(self) -> Mapping[str, ServiceFigures]:
        return self.now

    def of(self, service_id: str) -> ServiceFigures:
        return self.now.get(service_id, ServiceFigures())

    def take_changed(self) -> Collection[str] | None:
        changed, self.changed = self.changed, set()
        return changed

    async def oldest(self, service_ids: Collection[str] | None = None) -> Mapping[str, Mapping[Priority, datetime]]:
        if self.is_away:
            raise StorageUnavailable("away")
        return {service_id: self.since[service_id] for service_id in service_ids or () if service_id in self.since}

    def put(self, service_id: str, waiting: tuple[int, ...], connected: int, age_s: int) -> None:
        counts = {(level, State.QUEUED): count for level, count in zip(LEVELS, waiting, strict=True) if count}
        if connected:
            counts[Priority.LOW, State.CONNECTED] = connected
        self.now.pop(service_id, None)
        if counts:
            self.now[service_id] = ServiceFigures(counts, scheduled=connected)
        self.since[service_id] = {level: NOW - seconds(age_s) for level, state in counts if state is State.QUEUED}
        if self.changed is not None:
            self.changed.add(service_id)


def expected(kept: Kept, labels: Mapping[str, str]) -> dict[str, LabelSum]:
    sums: dict[str, LabelSum] = {}
    for service_id, figures in kept.now.items():
        each = sums.setdefault(labels.get(service_id, OTHER), LabelSum())
        each.add(figures, 1)
        for level, since in kept.since[service_id].items():
            each.since.setdefault(level, {})[service_id] = since
    return sums


def shown(sums: Mapping[str, LabelSum]) -> object:
    return {
        label: (dict(each.waiting), dict(each.in_progress), each.scheduled, each.oldest())
        for label, each in sums.items()
        if each.waiting or each.in_progress or each.scheduled or each.oldest()
    }


COUNTS = st.integers(0, 2)
PUT = st.tuples(st.sampled_from(SERVICES), st.tuples(COUNTS, COUNTS), COUNTS, st.integers(0, 50))
STEPS = st.lists(st.one_of(PUT, st.sampled_from(["labels", "count", "away", "back"])), max_size=12)


@given(steps=STEPS)
async def test_what_has_changed_is_enough(steps: list[object]) -> None:
    kept = Kept()
    sums = QueueSums(kept)
    labels: dict[str, str] = {"one": "one"}

    def label_of(service_id: str) -> str:
        return labels.get(service_id, OTHER)

    for step in steps:
        match step:
            case "labels":
                labels = {"two": "two"} if "one" in labels else {"one": "one"}
            case "count":
                kept.changed = None
            case "away" | "back":
                kept.is_away = step == "away"
            case (str(service_id), waiting, int(connected), int(age_s)):
                kept.put(service_id, waiting, connected, age_s)  # type: ignore[arg-type]
        await sums.follow(labels, label_of)
        try:
            await sums.date(label_of)
        except StorageUnavailable:
            continue
        assert shown(sums.by_label) == shown(expected(kept, labels))
        alone = {name for name, each in kept.now.items() if each.waiting and not each.in_progress}
        assert sums.alone == alone


async def test_a_line_whose_oldest_is_not_found_yet_is_looked_up_again() -> None:
    kept = Kept()
    sums = QueueSums(kept)
    labels = {"one": "one"}
    kept.put("one", (1, 0), 0, 7)
    found = kept.since.pop("one")
    await sums.follow(labels, lambda _: "one")
    await sums.date(lambda _: "one")
    assert sums.by_label["one"].oldest() == {}
    kept.since["one"] = found
    await sums.follow(labels, lambda _: "one")
    await sums.date(lambda _: "one")
    assert sums.by_label["one"].oldest() == found


async def test_nothing_that_has_not_changed_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    sums = QueueSums(kept)
    labels: dict[str, str] = {}
    for service_id in SERVICES:
        kept.put(service_id, (1, 1), 1, 5)
    looked: Counter[str] = Counter()
    of = kept.of
    monkeypatch.setattr(kept, "of", lambda service_id: (looked.update([service_id]), of(service_id))[1])
    await sums.follow(labels, lambda _: OTHER)
    kept.put("two", (0, 2), 0, 9)
    await sums.follow(labels, lambda _: OTHER)
    await sums.follow(labels, lambda _: OTHER)
    assert looked == Counter({**dict.fromkeys(SERVICES, 1), "two": 2})
