"""Contract: services are compared and swapped, and have one address each."""

import asyncio
from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from ringback.domain.callback import State
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.domain.priority import FRESH_ROUND
from ringback.domain.queue import Turn
from ringback.domain.service import FirstLeg, RetryRule, TargetPolicy
from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import ALL_SERVICES, Demand
from tests.world.samples import NOW, OTHER_SERVICE, SERVICE, cancel, changes, every_state, new, seconds

THIRD_SERVICE = replace(
    SERVICE,
    service_id="00000000-0000-4000-8000-000000000000",
    sip_address="sip:third@example.com",
    display_name="Dritter Dienst ☎",
    max_concurrent_calls=0,
    paused=True,
    default_max_retries=0,
    ring_timeout=timedelta(seconds=12.5),
    max_queue_time=timedelta(days=366),
    opening_hours=OpeningHours(
        time_zone="Europe/Zurich",
        periods=(OpeningPeriod(1, 480, 1440), OpeningPeriod(7, 0, 1)),
        closed_dates=frozenset({date(2026, 12, 25), date(2026, 8, 1)}),
    ),
    retry_rules={
        Outcome.BUSY: RetryRule(retry=True, min_delay=timedelta(seconds=30), max_retries=0),
        Outcome.DECLINED: RetryRule(retry=False),
    },
    first_leg=FirstLeg.TARGET,
    priority_weights=(70, 6, 5, 4, 3, 2, 1),
    same_target_policy=TargetPolicy.REFUSE,
)


async def test_services_are_told_by_id_with_every_setting(store: Store) -> None:
    await store.put_service(THIRD_SERVICE)
    assert (await store.services()).services == [THIRD_SERVICE, SERVICE, OTHER_SERVICE]


async def test_a_successor_replaces_the_service(store: Store) -> None:
    changed = replace(SERVICE, sip_address="sip:new@example.com", paused=True, update_time=NOW + seconds(1), revision=2)
    await store.put_service(changed)
    assert (await store.services()).services == [changed, OTHER_SERVICE]


async def test_what_is_not_the_successor_is_refused(store: Store) -> None:
    await store.put_service(replace(SERVICE, revision=2))
    for revision in (2, 4):
        with pytest.raises(RevisionConflict):
            await store.put_service(replace(SERVICE, paused=True, revision=revision))
    with pytest.raises(RevisionConflict):
        await store.put_service(replace(THIRD_SERVICE, revision=2))
    assert (await store.services()).services == [replace(SERVICE, revision=2), OTHER_SERVICE]


async def test_the_id_of_a_new_service_must_be_free(store: Store) -> None:
    with pytest.raises(DuplicateService) as refusal:
        await store.put_service(replace(SERVICE, sip_address="sip:new@example.com"))
    assert (refusal.value.service_id, refusal.value.field) == (SERVICE.service_id, "service_id")


async def test_an_address_belongs_to_one_service(store: Store) -> None:
    for service in (
        replace(THIRD_SERVICE, sip_address=SERVICE.sip_address),
        replace(OTHER_SERVICE, sip_address=SERVICE.sip_address, revision=2),
    ):
        with pytest.raises(DuplicateService) as refusal:
            await store.put_service(service)
        assert (refusal.value.service_id, refusal.value.field) == (SERVICE.service_id, "sip_address")
    assert (await store.services()).services == [SERVICE, OTHER_SERVICE]


async def test_an_address_that_was_given_up_is_free(store: Store) -> None:
    await store.put_service(replace(SERVICE, sip_address="sip:new@example.com", revision=2))
    await store.put_service(replace(THIRD_SERVICE, sip_address=SERVICE.sip_address))


async def test_changing_a_service_leaves_its_round_alone(store: Store) -> None:
    turn = Turn(SERVICE.service_id, (1, -1, 0, 0, 0, 0, 0, 0), 1)
    await store.apply([], turn)
    await store.put_service(replace(SERVICE, paused=True, revision=2))
    queue = await store.queue(SERVICE.service_id, 1, NOW)
    assert queue is not None
    assert queue.turn == turn


async def test_a_service_without_callbacks_is_deleted(store: Store) -> None:
    assert await store.delete_service(SERVICE.service_id, 1) is True
    assert (await store.services()).services == [OTHER_SERVICE]
    assert await store.queue(SERVICE.service_id, 1, NOW) is None


@pytest.mark.long
@pytest.mark.parametrize("state", State)
async def test_a_service_is_deleted_when_all_its_callbacks_have_ended(store: Store, state: State) -> None:
    kept = next(sample for sample in every_state() if sample.state is state)
    await store.create([kept])
    assert await store.delete_service(SERVICE.service_id, 1) is kept.ended
    assert await store.get(kept.callback_id) == kept


async def test_a_service_is_deleted_after_its_last_callback_ended(store: Store) -> None:
    callback = new()
    await store.create([callback])
    assert await store.delete_service(SERVICE.service_id, 1) is False
    await store.apply(changes(callback, cancel(callback)))
    assert await store.delete_service(SERVICE.service_id, 1) is True


async def test_deleting_compares_the_revision(store: Store) -> None:
    for service_id, revision in ((SERVICE.service_id, 2), ("no-such-service", 1)):
        with pytest.raises(RevisionConflict):
            await store.delete_service(service_id, revision)
    assert len((await store.services()).services) == 2


async def test_a_service_made_again_begins_a_new_round(store: Store) -> None:
    await store.apply([], Turn(SERVICE.service_id, (1, -1, 0, 0, 0, 0, 0, 0), 1))
    await store.delete_service(SERVICE.service_id, 1)
    await store.put_service(SERVICE)
    queue = await store.queue(SERVICE.service_id, 1, NOW)
    assert queue is not None
    assert queue.turn == Turn(SERVICE.service_id, FRESH_ROUND, 0)


async def test_every_change_of_a_service_makes_a_new_version(store: Store) -> None:
    versions = [await store.services_version()]
    await store.put_service(THIRD_SERVICE)
    versions.append(await store.services_version())
    await store.put_service(replace(THIRD_SERVICE, paused=False, revision=2))
    versions.append(await store.services_version())
    await store.delete_service(THIRD_SERVICE.service_id, 2)
    versions.append((await store.services()).version)
    assert versions == sorted(set(versions))


async def test_what_is_refused_makes_no_new_version(store: Store) -> None:
    version = await store.services_version()
    with pytest.raises(DuplicateService):
        await store.put_service(SERVICE)
    await store.create([new()])
    assert await store.delete_service(SERVICE.service_id, 1) is False
    assert await store.services_version() == version


async def test_a_change_of_a_service_wakes_those_who_wait_for_it(store: Store) -> None:
    version = await store.services_version()
    waiting = asyncio.create_task(store.wait_for_services(version))
    await store.put_service(THIRD_SERVICE)
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(store.wait_for_services(version), 5)
    assert await store.services_version() > version


async def test_what_dialers_poll_for_is_known_until_it_is_over(store: Store) -> None:
    noted = Demand(ALL_SERVICES, "pbx", NOW + seconds(60))
    await store.note_demand([noted], NOW)
    assert noted in await store.demand(NOW + seconds(59))
    assert not await store.demand(NOW + seconds(60))
    later = Demand(OTHER_SERVICE.service_id, "pbx", NOW + seconds(120))
    await store.note_demand([later], NOW + seconds(60))
    assert later in await store.demand(NOW + seconds(60))
    assert noted not in await store.demand(NOW + seconds(60))
