"""What is counted of callbacks is what happened to them, step by step as it was written."""

from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from ringback.domain.callback import TERMINAL, Callback
from ringback.domain.events import Answered, AttemptEnded, Blocked, LeaseLapsed, LeaseReleased
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.metrics.promises import PromiseFigures
from ringback.metrics.service_labels import ServiceLabels
from tests.world.samples import NOW, SERVICE, cancel, dial, ending, new, offer, seconds
from tests.world.scraped import Scraped
from tests.world.use_cases import World

ID = SERVICE.service_id


class Told:
    """The figures, told of callbacks version by version."""

    def __init__(self, world: World, max_services: int = 10) -> None:
        self.figures = PromiseFigures(ServiceLabels(world.directory, max_services))

    def tell(self, *versions: Callback) -> None:
        self.figures.tell(None, versions[0])
        for before, changed in pairwise(versions):
            self.figures.tell(before, changed)

    @property
    def scraped(self) -> Scraped:
        return Scraped.of(self.figures.collect())


@pytest.fixture
async def told(world: World) -> Told:
    await world.store.put_service(SERVICE)
    await world.directory.refresh()
    return Told(world)


def test_a_whole_life(told: Told) -> None:
    callback = new()
    offered = offer(callback, at=NOW + seconds(3))
    dialled = dial(offered)
    connected = after(dialled, Answered(at=NOW))
    told.tell(callback, offered, dialled, connected, after(connected, ending(Outcome.ANSWERED)))
    scraped = told.scraped
    assert scraped.value("ringback_callbacks_created_total", service_id=ID) == 1
    assert scraped.value("ringback_attempts_total", service_id=ID, outcome="ANSWERED") == 1
    assert scraped.value("ringback_due_to_lease_seconds_sum", service_id=ID) == 3
    assert scraped.value("ringback_due_to_lease_seconds_bucket", service_id=ID, le="2.5") == 0
    assert scraped.value("ringback_due_to_lease_seconds_bucket", service_id=ID, le="5.0") == 1
    ended = scraped.all_of("ringback_callbacks_ended_total")
    assert {labels for labels, count in ended.items() if count} == {
        frozenset({("service_id", ID), ("state", "COMPLETED")})
    }


def test_the_states_in_which_callbacks_end_are_there_before_one_has_ended(told: Told) -> None:
    """Else Prometheus would not see the first increase."""
    for state in TERMINAL:
        assert told.scraped.value("ringback_callbacks_ended_total", service_id=ID, state=state.value) == 0


def test_each_attempt_counts_once_and_each_lease(told: Told) -> None:
    callback = new(max_retries=3)
    versions = [callback]
    for _ in range(2):
        versions.append(offer(versions[-1]))
        versions.append(after(versions[-1], LeaseReleased(at=NOW)))  # nobody was dialled
    versions.append(offer(versions[-1]))
    versions.append(dial(versions[-1]))
    versions.append(after(versions[-1], ending(Outcome.BUSY)))
    versions.append(cancel(versions[-1]))
    told.tell(*versions)
    scraped = told.scraped
    assert scraped.value("ringback_due_to_lease_seconds_count", service_id=ID) == 3
    assert sum(scraped.all_of("ringback_attempts_total").values()) == 1
    assert scraped.value("ringback_callbacks_ended_total", service_id=ID, state="CANCELLED") == 1


def test_an_attempt_that_lapses_is_interrupted(told: Told) -> None:
    dialled = dial(offer(new()))
    lapsed = after(dialled, LeaseLapsed(at=NOW + seconds(60), service=SERVICE))
    told.figures.tell(dialled, lapsed)
    assert told.scraped.value("ringback_attempts_total", service_id=ID, outcome="INTERRUPTED") == 1


def test_a_callback_that_rules_block_has_an_attempt_of_that_outcome(told: Told) -> None:
    callback = new()
    blocked = after(callback, Blocked(at=NOW, detail="DIAL_RULE phone.deny"))
    told.tell(callback, blocked)
    scraped = told.scraped
    assert scraped.value("ringback_attempts_total", service_id=ID, outcome="BLOCKED") == 1
    assert scraped.value("ringback_callbacks_ended_total", service_id=ID, state="FAILED") == 1


def test_time_while_the_service_was_closed_is_no_wait(told: Told) -> None:
    callback = replace(new(), next_attempt_time=NOW + timedelta(hours=10))
    told.figures.tell(callback, offer(callback, at=NOW + timedelta(hours=10, seconds=2)))
    assert told.scraped.value("ringback_due_to_lease_seconds_sum", service_id=ID) == 2


def test_a_clock_that_was_set_back_makes_no_wait_negative(told: Told) -> None:
    callback = new()
    told.figures.tell(callback, offer(callback, at=NOW - seconds(5)))
    assert told.scraped.value("ringback_due_to_lease_seconds_sum", service_id=ID) == 0


async def test_services_beyond_the_bound_are_one(world: World) -> None:
    services = [await world.service(sip_address=f"sip:q{n}@cc.example") for n in range(5)]
    told = Told(world, max_services=2)
    for service in services:
        told.tell(new(service=service))
    counted = told.scraped.all_of("ringback_callbacks_created_total")
    assert sum(counted.values()) == 5
    assert len(counted) == 3
    assert counted[frozenset({("service_id", "other")})] == 3


async def test_a_service_that_is_deleted_leaves_nothing(world: World) -> None:
    told = Told(world, max_services=2)
    for n in range(10):
        service = await world.service(sip_address=f"sip:q{n}@cc.example")
        told.tell(new(service=service), offer(new(service=service)))
        assert len(told.scraped.all_of("ringback_callbacks_created_total")) == 1
        assert await world.store.delete_service(service.service_id, service.revision)
        await world.directory.refresh()
    assert not told.scraped.all_of("ringback_callbacks_created_total")


def test_what_was_not_counted_before_is_not_counted_by_an_update(told: Told) -> None:
    """Later reports about an attempt that has ended do not make it end again."""
    ended = after(dial(offer(new())), AttemptEnded(at=NOW, outcome=Outcome.BUSY, service=SERVICE))
    told.figures.tell(ended, replace(ended, revision=ended.revision + 1))
    assert not told.scraped.all_of("ringback_attempts_total")
