"""Folding a watch of queues gives what GetQueue says of each, whatever has happened meanwhile."""

from contextlib import suppress
from dataclasses import replace as replaced
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.application.access import ANYBODY, Caller, Grant, Role
from ringback.application.dispatch import queue_watch
from ringback.application.dispatch.dialer_presence import DialerCount
from ringback.application.dispatch.lease_request import LeaseRequest
from ringback.application.dispatch.queue_view import QueueView, is_news
from ringback.domain.errors import RingbackError, ServiceInUse
from ringback.domain.filter import CallbackFilter
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.queue_state import QueueState
from ringback.domain.service import Service
from ringback.ports.dialer import OutcomeReport
from tests.world.use_cases import MONDAY_9, OFFICE_HOURS, World

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from ringback.application.dispatch.queue_watch import QueueBatch
    from ringback.domain.callback import Callback


@pytest.fixture(autouse=True)
def _long_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_watch, "STREAM_AGE", timedelta(days=1000))


class Watcher:
    """One that takes what comes, and folds it."""

    def __init__(self, world: World, caller: Caller = ANYBODY, *service_ids: str) -> None:
        self._world = world
        # Without anything new, a batch comes at once.
        self._batches: AsyncGenerator[QueueBatch, None] = world.queue_watches.watch(caller, service_ids, heartbeat_s=0)
        self.views: dict[str, QueueView] = {}
        self.services: dict[str, Service] = {}
        self.told: list[str] = []

    async def take(self) -> None:
        """Take what is there: a batch with something, and the empty one after it."""
        while True:
            batch = await anext(self._batches)
            for service in batch.services:
                self.services[service.service_id] = service
            for view in batch.queues:
                self.views[view.service.service_id] = view
                self.told.append(view.service.service_id)
            for service_id in batch.removed:
                del self.views[service_id], self.services[service_id]
            if not batch.queues and not batch.services and not batch.removed and not batch.complete:
                return

    async def close(self) -> None:
        await self._batches.aclose()


async def read_log(world: World) -> None:
    while events := await world.store.events(world.feed.newest, 100):
        world.feed._append(events)


async def settle(world: World) -> None:
    """Have everything that was committed counted, and looked at; nothing is looked at again before its time."""
    await read_log(world)
    if not world.queue_figures.counted:
        await world.queue_figures.count()
    world.clock.pass_time(timedelta(seconds=6))
    await world.queue_watches.look()


async def check(world: World, watcher: Watcher) -> None:
    await settle(world)
    await watcher.take()
    services = {service.service_id: service for service in world.directory.all()}
    assert watcher.services == services
    assert watcher.views.keys() == services.keys()
    for service_id, service in services.items():
        assert not is_news(await world.queue_views.look(ANYBODY, service, None), watcher.views[service_id])


class Play:
    """What may happen to services and callbacks, one step at a time."""

    STEPS: ClassVar = (
        *("make", "create", "create", "later", "lease", "dial", "end", "release", "rest"),
        *("pause", "off", "hours", "rename", "delete", "poll", "pass"),
    )

    def __init__(self, world: World) -> None:
        self._world = world
        self._number = 0
        self._leased: list[Callback] = []

    async def step(self, what: str, which: int) -> None:
        self._number += 1
        services = sorted(self._world.directory.all(), key=lambda service: service.create_time)
        if what == "make" or not services:
            await self._world.service(sip_address=self._address, max_concurrent_calls=2)
        elif what == "pass":
            await self._world.run_until(timedelta(minutes=7 * (which + 1)))
        elif what in {"dial", "end", "release", "rest"}:
            with suppress(RingbackError):
                await self._report(what)
        else:
            await self._about(services[which % len(services)], what, which)

    @property
    def _address(self) -> str:
        return f"sip:{self._number}.{self._world.clock.running_s}@cc.example"

    async def _report(self, what: str) -> None:
        if not self._leased:
            return
        lease = self._leased[0].lease
        assert lease is not None
        leases = self._world.leases
        if what == "dial":
            await leases.dialing(ANYBODY, lease.token)
            return
        self._leased.pop(0)
        if what == "end":
            await leases.ended(ANYBODY, lease.token, OutcomeReport(outcome=Outcome.BUSY))
        else:
            await leases.release(ANYBODY, lease.token, agents_unavailable=what == "rest")

    async def _about(self, service: Service, what: str, which: int) -> None:
        world = self._world
        target, always = f"sip:{self._number}@b.example", OpeningHours()
        changes: Mapping[str, Mapping[str, Any]] = {
            "pause": {"paused": not service.paused},
            "off": {"max_concurrent_calls": 0 if service.max_concurrent_calls else 2},
            "hours": {"opening_hours": OFFICE_HOURS if service.opening_hours == always else always},
            "rename": {"sip_address": self._address},
        }
        if what in changes:
            await world.directory.update(ANYBODY, service.service_id, "", lambda old: replace(old, **changes[what]))
        elif what == "create":
            await world.create(service, target, priority=Priority(which + 1))
        elif what == "later":
            await world.create(service, target, due_date=world.clock.now() + timedelta(minutes=40 * which + 1))
        elif what == "delete":
            with suppress(ServiceInUse):
                await world.directory.delete(ANYBODY, service.service_id, "")
        elif what == "poll":
            world.presence.ask(f"pbx{which}", frozenset({service.service_id}), wait_s=30)
        elif what == "lease":
            request = LeaseRequest(dialer_id="test", service_ids=frozenset({service.service_id}))
            await read_log(world)
            await world.assigner.start()
            self._leased += await world.serve(request)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(Play.STEPS), st.integers(0, 3)), max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
async def test_folding_a_watch_is_reading_each(world: World, steps: list[tuple[str, int]], looked: list[bool]) -> None:
    watcher, play = Watcher(world), Play(world)
    for (what, which), is_looked_at in zip(steps, looked, strict=False):
        await play.step(what, which)
        await read_log(world)
        if is_looked_at:
            await check(world, watcher)
    await check(world, watcher)
    await check(world, late := Watcher(world))
    await watcher.close()
    await late.close()
    for service in world.directory.all():
        for callback in await world.store.get_many(await open_ids(world)):
            with suppress(RingbackError):
                await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
        with suppress(ServiceInUse):
            await world.directory.delete(ANYBODY, service.service_id, "")


async def open_ids(world: World) -> list[str]:
    return [callback.callback_id for callback in (await world.store.list(CallbackFilter(), "", 1000)).callbacks]


async def test_what_has_not_changed_is_not_told_again(world: World) -> None:
    one = await world.service(sip_address="sip:one@cc.example")
    other = await world.service(sip_address="sip:other@cc.example")
    watcher = Watcher(world)
    await check(world, watcher)
    assert sorted(watcher.told) == sorted([one.service_id, other.service_id])
    watcher.told.clear()
    await world.create(one)
    await check(world, watcher)
    await check(world, watcher)
    world.clock.pass_time(timedelta(minutes=1))
    await check(world, watcher)
    assert watcher.told == [one.service_id]


async def test_an_opening_by_time_alone_is_told(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    watcher = Watcher(world)
    await check(world, watcher)
    view = watcher.views[service.service_id]
    assert (view.opening.next_open, view.opening.next_close) == (None, MONDAY_9.replace(hour=18))
    world.clock.pass_time(timedelta(hours=9))
    await check(world, watcher)
    view = watcher.views[service.service_id]
    assert (view.opening.next_open, view.opening.next_close) == (MONDAY_9 + timedelta(hours=23), None)


async def test_a_dialer_that_has_gone_is_told(world: World) -> None:
    service = await world.service()
    world.presence.ask("pbx", None, wait_s=0)
    watcher = Watcher(world)
    await check(world, watcher)
    assert watcher.views[service.service_id].state is QueueState.OPEN
    world.clock.pass_time(timedelta(minutes=1))
    await check(world, watcher)
    view = watcher.views[service.service_id]
    assert (view.state, view.attendance) == (QueueState.NO_DIALER, DialerCount(0, MONDAY_9))
    world.clock.pass_time(timedelta(minutes=1))
    watcher.told.clear()
    await check(world, watcher)
    assert watcher.told == []


@pytest.mark.parametrize(
    ("wait", "is_told"),
    [(100, False), (110, False), (110.1, True), (90, False), (89.9, True), (None, True)],
)
async def test_an_estimate_is_told_when_it_differs_by_more_than_a_tenth(
    world: World, wait: float | None, *, is_told: bool
) -> None:
    view = await world.look(ANYBODY, await world.service())
    before = replaced(view, estimated_wait=timedelta(seconds=100))
    after = replaced(view, estimated_wait=None if wait is None else timedelta(seconds=wait), estimate_basis="another")
    assert is_news(after, before) is is_told
    nothing = replaced(view, estimated_wait=timedelta(0))
    assert is_news(replaced(view, estimated_wait=timedelta(microseconds=1)), nothing)
    assert not is_news(nothing, nothing)


def viewer(*services: str) -> Caller:
    return Caller("board", [Grant(role=Role.VIEWER, services=frozenset(services))])


async def test_a_grant_by_address_goes_with_the_address(world: World) -> None:
    granted = await world.service(sip_address="sip:granted@cc.example")
    other = await world.service(sip_address="sip:other@cc.example")
    watcher = Watcher(world, viewer("sip:granted@cc.example"))
    await settle(world)
    await watcher.take()
    assert watcher.views.keys() == {granted.service_id}
    await world.directory.update(ANYBODY, granted.service_id, "", lambda s: replace(s, sip_address="sip:x@cc.example"))
    await settle(world)
    await watcher.take()
    assert watcher.views.keys() == set()
    await world.directory.update(
        ANYBODY, other.service_id, "", lambda s: replace(s, sip_address="sip:granted@cc.example")
    )
    await settle(world)
    await watcher.take()
    assert watcher.views.keys() == watcher.services.keys() == {other.service_id}
    await watcher.close()
