"""What is exposed of queues: the figures that are kept, the settings of services, and whether anybody is there."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.queue_counts import ServiceFigures
from ringback.domain.callback import State
from ringback.domain.errors import StorageUnavailable
from ringback.domain.priority import Priority
from ringback.metrics.queues import QueueMetrics
from ringback.metrics.service_labels import ServiceLabels
from ringback.ports.values import ALL_SERVICES
from tests.world.samples import seconds
from tests.world.scraped import Scraped
from tests.world.use_cases import MONDAY_9, OFFICE_HOURS, World

NORMAL, STRICT = Priority.NORMAL, Priority.STRICT_PRIORITY


class Kept:
    """Figures that a test sets."""

    def __init__(self) -> None:
        self.counted = True
        self.lines: dict[str, ServiceFigures] = {}
        self.since: dict[str, dict[Priority, datetime]] = {}
        self.polled: Collection[str] = ()
        self.resting: Collection[str] = ()
        self.fault: Exception | None = None

    def all(self) -> Mapping[str, ServiceFigures]:
        return self.lines if self.counted else {}

    def take_changed(self) -> Collection[str] | None:
        return None if self.counted else ()

    def of(self, service_id: str) -> ServiceFigures:
        return self.lines.get(service_id, ServiceFigures())

    async def oldest(self, service_ids: Collection[str] | None = None) -> Mapping[str, Mapping[Priority, datetime]]:
        if self.fault is not None:
            raise self.fault
        return self.since

    async def polled_for(self) -> Collection[str]:
        if self.fault is not None:
            raise self.fault
        return self.polled


async def scraped(world: World, kept: Kept, figures: QueueMetrics | None = None, max_services: int = 10) -> Scraped:
    figures = figures or figures_of(world, kept, max_services)
    await figures.prepare()
    return Scraped.of(figures.collect())


def figures_of(world: World, kept: Kept, max_services: int = 10) -> QueueMetrics:
    labels = ServiceLabels(world.directory, max_services)
    return QueueMetrics(kept, world.directory, kept, lambda _: kept.resting, world.clock, labels)


async def test_lengths_and_waits(world: World) -> None:
    service = await world.service()
    id_, kept = service.service_id, Kept()
    kept.lines[id_] = ServiceFigures(
        {(NORMAL, State.QUEUED): 7, (STRICT, State.OFFERED): 1, (STRICT, State.CANCELLING): 2}, scheduled=4
    )
    kept.since[id_] = {NORMAL: MONDAY_9 - seconds(90)}
    found = await scraped(world, kept)
    assert found.value("ringback_callbacks_waiting", service_id=id_, priority="NORMAL") == 7
    assert found.value("ringback_callbacks_scheduled", service_id=id_) == 4
    assert found.value("ringback_callbacks_in_progress", service_id=id_, priority="STRICT_PRIORITY") == 3
    assert found.value("ringback_oldest_wait_seconds", service_id=id_, priority="NORMAL") == 90
    assert found.value("ringback_services") == 1


async def test_what_has_emptied_is_zero_and_does_not_vanish(world: World) -> None:
    service = await world.service()
    kept = Kept()
    kept.lines[service.service_id] = ServiceFigures({(NORMAL, State.QUEUED): 1})
    kept.since[service.service_id] = {NORMAL: MONDAY_9}
    figures = figures_of(world, kept)
    await scraped(world, kept, figures)
    kept.lines.clear()
    kept.since.clear()
    found = await scraped(world, kept, figures)
    assert found.value("ringback_callbacks_waiting", service_id=service.service_id, priority="NORMAL") == 0
    assert found.value("ringback_oldest_wait_seconds", service_id=service.service_id, priority="NORMAL") == 0


async def test_settings(world: World) -> None:
    service = await world.service(max_concurrent_calls=7, max_queue_time=timedelta(hours=2), opening_hours=OFFICE_HOURS)
    id_, kept = service.service_id, Kept()
    figures = figures_of(world, kept)
    found = await scraped(world, kept, figures)
    assert found.value("ringback_service_capacity", service_id=id_) == 7
    assert found.value("ringback_service_paused", service_id=id_) == 0
    assert found.value("ringback_service_open", service_id=id_) == 1
    assert found.value("ringback_service_max_queue_seconds", service_id=id_) == 7200
    world.clock.pass_time(timedelta(hours=12))
    kept.resting = {id_}
    found = await scraped(world, kept, figures)
    assert found.value("ringback_service_open", service_id=id_) == 0
    assert found.value("ringback_service_agents_resting", service_id=id_) == 1


async def test_the_address_of_a_service_has_no_number(world: World) -> None:
    service = await world.service(sip_address="sip:+41785556677@cc.example")
    found = await scraped(world, Kept())
    [(labels, _)] = found.all_of("ringback_service_info").items()
    address = dict(labels)["sip_address"]
    assert dict(labels)["service_id"] == service.service_id
    assert "5556677" not in address.replace(" ", "")
    assert address.endswith("@cc.example")


async def test_who_is_there(world: World) -> None:
    one, other = await world.service(), await world.service(sip_address="sip:other@cc.example")
    kept = Kept()
    kept.polled = {one.service_id}
    found = await scraped(world, kept)
    assert found.value("ringback_service_dialer_present", service_id=one.service_id) == 1
    assert found.value("ringback_service_dialer_present", service_id=other.service_id) == 0
    kept.polled = {ALL_SERVICES}
    assert set((await scraped(world, kept)).all_of("ringback_service_dialer_present").values()) == {1}


async def test_services_beyond_the_bound_are_one_that_calls_for_attention(world: World) -> None:
    created = [await world.service(sip_address=f"sip:q{n}@cc.example") for n in range(4)]
    services = sorted(created, key=lambda service: service.service_id)
    kept = Kept()
    for number, service in enumerate(services):
        kept.lines[service.service_id] = ServiceFigures({(NORMAL, State.QUEUED): 10 + number})
        kept.since[service.service_id] = {NORMAL: MONDAY_9 - seconds(number)}
    kept.polled = {service.service_id for service in services[:-1]}
    await world.directory.update(ANYBODY, services[3].service_id, "", lambda service: replace(service, paused=True))
    found = await scraped(world, kept, max_services=2)
    assert len(found.all_of("ringback_service_capacity")) == 3
    assert found.value("ringback_callbacks_waiting", service_id="other", priority="NORMAL") == 12 + 13
    assert found.value("ringback_oldest_wait_seconds", service_id="other", priority="NORMAL") == 3
    assert found.value("ringback_service_dialer_present", service_id="other") == 0
    # The one without a dialer is paused, the other one is not.
    assert found.value("ringback_service_paused", service_id="other") == 0
    assert found.value("ringback_service_unattended", service_id="other") == 0
    kept.polled = ()
    assert (await scraped(world, kept, max_services=2)).value("ringback_service_unattended", service_id="other") == 1


async def test_what_waits_without_a_dialer(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    id_, kept = service.service_id, Kept()
    figures = figures_of(world, kept)

    async def unattended() -> float | None:
        return (await scraped(world, kept, figures)).value("ringback_service_unattended", service_id=id_)

    assert await unattended() == 0  # nothing waits
    kept.lines[id_] = ServiceFigures({(NORMAL, State.QUEUED): 1})
    assert await unattended() == 1
    kept.lines[id_] = ServiceFigures({(NORMAL, State.QUEUED): 1, (NORMAL, State.CONNECTED): 1})
    assert await unattended() == 0  # its dialer may have begun before this server has
    kept.lines[id_] = ServiceFigures({(NORMAL, State.QUEUED): 1})
    kept.polled = {id_}
    assert await unattended() == 0
    kept.polled = ()
    await world.directory.update(ANYBODY, id_, "", lambda service: replace(service, paused=True))
    assert await unattended() == 0
    await world.directory.update(ANYBODY, id_, "", lambda service: replace(service, paused=False))
    assert await unattended() == 1
    world.clock.pass_time(timedelta(hours=12))  # it has closed
    assert await unattended() == 0


async def test_without_the_database_the_rest_is_there(world: World) -> None:
    service = await world.service()
    kept = Kept()
    kept.lines[service.service_id] = ServiceFigures({(NORMAL, State.QUEUED): 1})
    kept.fault = StorageUnavailable("it is away")
    found = await scraped(world, kept)
    assert found.value("ringback_callbacks_waiting", service_id=service.service_id, priority="NORMAL") == 1
    assert not found.all_of("ringback_oldest_wait_seconds")
    assert not found.all_of("ringback_service_dialer_present")


async def test_what_is_not_counted_yet_is_no_zero(world: World) -> None:
    await world.service()
    kept = Kept()
    kept.counted = False
    found = await scraped(world, kept)
    assert "ringback_callbacks_waiting" not in found.names
    assert "ringback_callbacks_scheduled" not in found.names
    assert "ringback_service_capacity" in found.names


async def test_without_services_beyond_the_bound_there_is_no_other(world: World) -> None:
    service = await world.service()
    found = await scraped(world, Kept())
    assert list(found.all_of("ringback_service_capacity")) == [frozenset({("service_id", service.service_id)})]


async def test_what_is_counted_of_a_service_that_is_not_known_yet_is_not_lost(world: World) -> None:
    kept = Kept()
    kept.lines["11111111-1111-4111-8111-111111111111"] = ServiceFigures({(NORMAL, State.QUEUED): 2})
    found = await scraped(world, kept)
    assert found.value("ringback_callbacks_waiting", service_id="other", priority="NORMAL") == 2
