"""The one runner of all built-in dialers, on a real SQLite file. The dialer waits for the test, never for a clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY, Caller
from ringback.application.dispatch.lease_request import DEFAULT_LEASE, LeaseRequest
from ringback.application.dispatch.lease_watch import LeaseWatch
from ringback.application.dispatch.leases import Leases
from ringback.dialers import leased_call
from ringback.dialers import runner as runner_module
from ringback.dialers.leased_call import CallPhase, CallTools
from ringback.dialers.runner import DialerRunner
from ringback.domain.callback import Callback, State
from ringback.domain.errors import LeaseRefused, StorageUnavailable
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.outcome import Outcome
from ringback.domain.service import Service
from ringback.ports.dialer import Call, NotDialled, OutcomeReport
from ringback.ports.values import Extension
from tests.world.samples import seconds
from tests.world.use_cases import World

# Short enough to be extended at once. It does not lapse meanwhile: the clock of the world stands still.
LEASE = timedelta(milliseconds=3)


class PlacedCall:
    """One call, as the test sees it."""

    def __init__(self, callback: Callback, call: Call) -> None:
        self.callback = callback
        self.call = call
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.cut_off = asyncio.Event()


class HeldDialer:
    """Dials at once, and ends each call when and how the test says."""

    name = "test"
    owner = ""
    drain_timeout_s = 0.0

    def __init__(self) -> None:
        self.placed: asyncio.Queue[PlacedCall] = asyncio.Queue()
        self.refused: asyncio.Queue[LeaseRefused] = asyncio.Queue()
        self.drains = False

    async def place(self, callback: Callback, service: Service, call: Call) -> OutcomeReport | NotDialled:
        assert service.service_id == callback.service_id
        try:
            placed = PlacedCall(await call.dialing(), call)
        except LeaseRefused as refused:
            self.refused.put_nowait(refused)
            return NotDialled(str(refused))
        self.placed.put_nowait(placed)
        try:
            return OutcomeReport(outcome=await placed.outcome)
        except asyncio.CancelledError:
            placed.cut_off.set()
            raise

    async def resume(self, *_: object) -> OutcomeReport:
        raise AssertionError("nothing was kept")

    def drain(self) -> None:
        self.drains = True


class FailingStore:
    """The store of the world, which fails the named operations."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.failing: set[str] = set()
        # Those that are stored, although they seem to fail.
        self.losing: set[str] = set()
        self._failures = 0
        self._failed = asyncio.Event()
        self.extended = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        if name in self.failing:
            return self._fail
        call = getattr(self._store, name)
        return self._losing(call) if name in self.losing else call

    async def _fail(self, *_: object) -> None:
        self._failures += 1
        self._failed.set()
        raise StorageUnavailable("the disk is full")

    def _losing(self, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[None]]:
        async def lose(*args: object) -> None:
            await call(*args)
            await self._fail()

        return lose

    async def fail_again(self, times: int) -> None:
        """Wait for so many failures."""
        enough = self._failures + times
        while self._failures < enough:
            self._failed.clear()
            await self._failed.wait()

    async def extend(self, extensions: Sequence[Extension]) -> Sequence[bool]:
        if "extend" in self.failing:
            await self._fail()
        kept = await self._store.extend(extensions)
        self.extended.set()
        return kept

    async def extend_again(self) -> None:
        """Wait for an extension that begins after this call, or nearly."""
        for _ in range(2):
            self.extended.clear()
            await self.extended.wait()


class Scene:
    """A runner at work, with its dialer and its store."""

    def __init__(self, world: World, *, lease: timedelta = DEFAULT_LEASE, **options: Any) -> None:
        self.world = world
        self.dialer = HeldDialer()
        self.store = FailingStore(world)
        self.leases = Leases(
            self.store,  # type: ignore[arg-type]
            world.directory,
            world.clock,
            world.dial_policy,
            world.decisions,
            world.calls,
        )
        tools = CallTools(
            leases=self.leases,
            watch=LeaseWatch(world.feed),
            service_of=world.directory.get,
            policy=world.dial_policy,
            kept_calls=None,
            lease=lease,
        )
        self.runner = DialerRunner(self.dialer, "test", world.assigner, tools, **options)
        self.run = asyncio.create_task(self.runner.run())

    async def next_call(self) -> PlacedCall:
        return await self.dialer.placed.get()

    async def until(self, callback: Callback, condition: Callable[[Callback], bool]) -> Callback:
        """Wait, change by change, until the condition is true of the callback."""
        while True:
            found = await self.world.callback_queries.get(ANYBODY, callback.callback_id)
            if condition(found):
                return found
            await asyncio.sleep(0)

    async def drain(self) -> None:
        self.runner.stop()
        self.world.assigner.close()
        await self.run


@asynccontextmanager
async def running(world: World, **options: Any) -> AsyncIterator[Scene]:
    await world.feed.start()
    await world.assigner.start()
    loops = [asyncio.create_task(loop) for loop in (world.feed.run(), world.assigner.run())]
    scene = Scene(world, **options)
    try:
        async with asyncio.timeout(5):
            yield scene
        assert not any(loop.done() for loop in loops)
    finally:
        for task in (*loops, scene.run):
            task.cancel()
        await asyncio.gather(*loops, scene.run, return_exceptions=True)


async def test_the_dialing_report_comes_before_the_call(world: World) -> None:
    async with running(world) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        assert await world.state(callback) is State.DIALING
        [attempt] = placed.callback.attempts
        assert (attempt.number, attempt.dialer_id) == (1, "test")
        placed.outcome.set_result(Outcome.BUSY)
        ended = await scene.until(callback, lambda c: c.lease is None)
        assert ended.attempts[0].outcome is Outcome.BUSY


async def test_what_the_dialer_reports_on_the_way(world: World) -> None:
    async with running(world) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        await placed.call.ringing()
        ringing = await scene.until(callback, lambda c: c.attempts[0].ring_time is not None)
        assert ringing.attempts[0].ring_time == world.clock.now()
        await placed.call.connected()
        await scene.until(callback, lambda c: c.state is State.CONNECTED)
        placed.outcome.set_result(Outcome.ANSWERED)
        await scene.until(callback, lambda c: c.state is State.COMPLETED)


async def test_the_lease_is_kept_during_a_long_call(world: World) -> None:
    async with running(world, lease=LEASE) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        before: datetime | None = None
        for _ in range(3):
            now = world.clock.pass_time(LEASE / 2)
            await scene.store.extend_again()
            await world.scheduler.run_once(now)
            held = await world.callback_queries.get(ANYBODY, callback.callback_id)
            assert held.state is State.DIALING
            assert held.lease is not None
            assert held.lease.expire_time == now + LEASE != before
            before = held.lease.expire_time
        placed.outcome.set_result(Outcome.ANSWERED)
        ended = await scene.until(callback, lambda c: c.ended)
        assert (ended.state, len(ended.attempts)) == (State.COMPLETED, 1)


async def test_a_lost_lease_hangs_the_call_up(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """What became of it is not recorded any more, and the dialer goes on with other calls."""
    caplog.set_level("INFO", "ringback.dialers.runner")
    async with running(world, lease=LEASE, max_calls=1) as scene:
        service = await world.service()
        callback = await world.create(service, max_retries=0)
        placed = await scene.next_call()
        # The lease lapses, however often it is extended until then.
        while (lapsed := await world.callback_queries.get(ANYBODY, callback.callback_id)).lease is not None:
            await world.run_until(seconds(60))
        assert lapsed.attempts[0].outcome is Outcome.INTERRUPTED
        await placed.call.hang_up.wait()
        assert not placed.call.superseded
        placed.outcome.set_result(Outcome.NO_ANSWER)
        await world.create(service, "sip:next@b.example")
        await scene.next_call()
        assert await world.callback_queries.get(ANYBODY, callback.callback_id) == lapsed
        assert f"call of callback {callback.callback_id} given up" in caplog.text


async def test_a_hang_up_reaches_the_dialer(world: World) -> None:
    async with running(world) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        assert not placed.call.hang_up.is_set()
        cancelling = await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
        assert cancelling.state is State.CANCELLING
        await placed.call.hang_up.wait()
        placed.outcome.set_result(Outcome.NO_ANSWER)
        ended = await scene.until(callback, lambda c: c.ended)
        assert ended.state is State.CANCELLED


async def test_what_was_answered_before_the_hang_up(world: World) -> None:
    async with running(world) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
        await placed.call.hang_up.wait()
        await placed.call.connected()
        placed.outcome.set_result(Outcome.ANSWERED)
        ended = await scene.until(callback, lambda c: c.ended)
        assert ended.state is State.COMPLETED


async def test_what_is_cancelled_before_it_is_dialled_is_never_placed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = world.assigner.lease

    async def lease_and_cancel(caller: Caller, request: LeaseRequest) -> Sequence[Callback]:
        leased = await lease(caller, request)
        for callback in leased:
            if callback.dial_target == "sip:cancelled@b.example":
                await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
        return leased

    monkeypatch.setattr(world.assigner, "lease", lease_and_cancel)
    async with running(world) as scene:
        service = await world.service(max_concurrent_calls=1)
        cancelled = await world.create(service, "sip:cancelled@b.example")
        callback = await world.create(service, "sip:next@b.example")
        assert (await scene.next_call()).callback.callback_id == callback.callback_id
        assert (await world.callback_queries.get(ANYBODY, cancelled.callback_id)).attempts == ()


@pytest.mark.parametrize("setting", [{"paused": True}, {"opening_hours": OpeningHours("Mars/Olympus")}], ids=str)
async def test_what_may_not_be_dialled_any_more_is_never_placed(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, setting: dict[str, Any]
) -> None:
    """The service is paused or closed between the lease and DIALING: no call, and no word above DEBUG."""
    caplog.set_level("DEBUG", "ringback.dialers.runner")
    lease = world.assigner.lease
    changes: list[dict[str, Any]] = [setting]

    async def lease_and_change(caller: Caller, request: LeaseRequest) -> Sequence[Callback]:
        leased = await lease(caller, request)
        if leased and changes:
            change = changes.pop()
            await world.directory.update(ANYBODY, leased[0].service_id, "", lambda current: replace(current, **change))
        return leased

    monkeypatch.setattr(world.assigner, "lease", lease_and_change)
    async with running(world) as scene:
        service = await world.service()
        callback = await world.create(service)
        await scene.until(callback, lambda c: c.state is State.QUEUED and c.revision > 1)
        await world.directory.update(
            ANYBODY, service.service_id, "", lambda current: replace(service, revision=current.revision)
        )
        placed = await scene.next_call()
        assert [attempt.number for attempt in placed.callback.attempts] == [1]
        [record] = [r for r in caplog.records if r.name == "ringback.dialers.runner"]
        assert (record.levelname, callback.callback_id in record.message) == ("DEBUG", True)


async def test_no_more_calls_at_once_than_the_dialer_takes(world: World) -> None:
    async with running(world, max_calls=2) as scene:
        service = await world.service(max_concurrent_calls=10)
        callbacks = [await world.create(service, f"sip:{n}@b.example") for n in range(3)]
        first, second = await scene.next_call(), await scene.next_call()
        assert [first.callback.callback_id, second.callback.callback_id] == [c.callback_id for c in callbacks[:2]]
        await world.feed.catch_up()
        assert await world.state(callbacks[2]) is State.QUEUED
        second.outcome.set_result(Outcome.ANSWERED)
        assert (await scene.next_call()).callback.callback_id == callbacks[2].callback_id


@pytest.mark.parametrize("max_calls", [1, 2], ids=["no room for another", "polling"])
async def test_a_stop_waits_for_the_calls(world: World, max_calls: int) -> None:
    async with running(world, max_calls=max_calls) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        drain = asyncio.create_task(scene.drain())
        await placed.call.ringing()
        assert not drain.done()
        assert not placed.cut_off.is_set()
        placed.outcome.set_result(Outcome.ANSWERED)
        await drain
        assert await world.state(callback) is State.COMPLETED
        assert scene.dialer.placed.empty()


async def test_who_does_not_wait_cuts_the_calls_off(world: World) -> None:
    """The attempt stays open, for the next start or the lapse of its lease to close."""
    async with running(world) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        scene.run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scene.run
        assert placed.cut_off.is_set()
        assert await world.state(callback) is State.DIALING


async def test_a_bug_of_the_dialer_ends_the_runner_and_all_its_calls(world: World) -> None:
    """It is not passed off as an outcome: the server ends, and starts anew with what is recorded."""
    async with running(world) as scene:
        service = await world.service(max_concurrent_calls=2)
        broken, other = [await world.create(service, f"sip:{n}@b.example") for n in range(2)]
        first, second = await scene.next_call(), await scene.next_call()
        first.outcome.set_exception(ZeroDivisionError("a bug"))
        with pytest.raises(BaseExceptionGroup) as caught:
            await scene.run
        assert caught.group_contains(ZeroDivisionError)
        assert second.cut_off.is_set()
        for callback in (broken, other):
            assert await world.state(callback) is State.DIALING


async def test_a_call_that_its_dialer_cancels_itself_is_a_bug_too(world: World) -> None:
    """Something that it waits for was cancelled. The call must not be gone without a word."""
    async with running(world) as scene:
        callback = await world.create(await world.service())
        placed = await scene.next_call()
        placed.outcome.cancel()
        with pytest.raises(BaseExceptionGroup) as caught:
            await scene.run
        assert caught.group_contains(RuntimeError, match="cancelled by the dialer itself")
        assert await world.state(callback) is State.DIALING


# --- Outages ---------------------------------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what failed be tried again at once."""
    monkeypatch.setattr(leased_call, "RETRY_S", 0)
    monkeypatch.setattr(runner_module, "_RETRY_S", 0)


@pytest.mark.usefixtures("at_once")
async def test_an_outage_during_the_polls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    polls: list[int] = []
    lease = world.assigner.lease

    async def lease_later(caller: Caller, request: LeaseRequest) -> Sequence[Callback]:
        polls.append(request.max_leases)
        if len(polls) < 3:
            raise StorageUnavailable("the disk is full")
        return await lease(caller, request)

    monkeypatch.setattr(world.assigner, "lease", lease_later)
    async with running(world) as scene:
        await world.create(await world.service())
        await scene.next_call()
        assert len(polls) >= 3


@pytest.mark.usefixtures("at_once")
async def test_a_call_goes_on_during_an_outage(world: World) -> None:
    """Neither extensions nor reports can be stored. They are, in order, when the database is back."""
    async with running(world, lease=LEASE) as scene:
        callback = await world.create(await world.service(), max_retries=0)
        placed = await scene.next_call()
        scene.store.failing = {"apply", "extend"}
        await placed.call.ringing()
        await placed.call.connected()
        await scene.store.fail_again(5)
        assert await world.state(callback) is State.DIALING
        assert not placed.cut_off.is_set()
        assert not placed.call.hang_up.is_set()
        scene.store.failing = set()
        connected = await scene.until(callback, lambda c: c.state is State.CONNECTED)
        assert connected.attempts[0].ring_time is not None
        await scene.store.extend_again()
        placed.outcome.set_result(Outcome.ANSWERED)
        ended = await scene.until(callback, lambda c: c.ended)
        assert (ended.state, ended.attempts[0].outcome) == (State.COMPLETED, Outcome.ANSWERED)


@pytest.mark.usefixtures("at_once")
async def test_an_outcome_waits_for_the_end_of_an_outage(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """So do the reports that came before it, and the call holds its place meanwhile."""
    async with running(world, max_calls=1) as scene:
        service = await world.service()
        callback = await world.create(service)
        placed = await scene.next_call()
        scene.store.failing = {"apply"}
        await placed.call.connected()
        placed.outcome.set_result(Outcome.ANSWERED)
        await scene.store.fail_again(5)
        await world.create(service, "sip:next@b.example")
        await world.feed.catch_up()
        assert scene.dialer.placed.empty()
        scene.store.failing = set()
        ended = await scene.until(callback, lambda c: c.ended)
        assert (ended.state, ended.attempts[0].outcome) == (State.COMPLETED, Outcome.ANSWERED)
        assert ended.attempts[0].answer_time is not None
        await scene.next_call()
    assert "the database is away, trying again" in caplog.text


@pytest.mark.usefixtures("at_once")
async def test_nothing_is_dialled_before_the_report_is_stored(world: World) -> None:
    async with running(world) as scene:
        scene.store.failing = {"apply"}
        callback = await world.create(await world.service())
        await scene.store.fail_again(3)
        assert scene.dialer.placed.empty()
        assert await world.state(callback) is State.OFFERED
        scene.store.failing = set()
        placed = await scene.next_call()
        assert [attempt.number for attempt in placed.callback.attempts] == [1]


@pytest.mark.usefixtures("at_once")
async def test_an_outage_that_outlasts_the_lease_gives_it_back(world: World) -> None:
    """The dialer gives up, and nobody was called: as soon as the database is back the callback is in its place."""
    async with running(world, lease=LEASE) as scene:
        scene.store.failing = {"apply", "extend"}
        callback = await world.create(await world.service())
        refused = await scene.dialer.refused.get()
        assert "the database was away" in str(refused)
        scene.store.failing = set()
        placed = await scene.next_call()
        assert placed.callback.callback_id == callback.callback_id
        assert [attempt.number for attempt in placed.callback.attempts] == [1]


@pytest.mark.usefixtures("at_once")
async def test_an_outage_that_hides_that_dialing_was_stored(world: World) -> None:
    """The report was stored, but its dialer was told otherwise until it gave up: the attempt is used, nobody called."""
    async with running(world, lease=LEASE) as scene:
        scene.store.losing, scene.store.failing = {"apply"}, {"get", "dialled_of", "extend"}
        callback = await world.create(await world.service())
        await scene.dialer.refused.get()
        scene.store.losing, scene.store.failing = set(), set()
        ended = await scene.until(callback, lambda c: c.lease is None and bool(c.attempts))
        [attempt] = ended.attempts
        assert (ended.state, attempt.outcome, attempt.q850_cause) == (State.SCHEDULED, Outcome.NETWORK_FAILURE, 41)


async def test_it_counts_its_calls_by_how_far_they_are(world: World) -> None:
    async with running(world) as scene:
        assert scene.runner.calls() == {}
        service = await world.service()
        callback = await world.create(service)
        placed = await scene.next_call()
        await world.create(service, "sip:other@b.example")
        other = await scene.next_call()
        assert scene.runner.calls() == {CallPhase.DIALING: 2}
        await placed.call.ringing()
        assert scene.runner.calls() == {CallPhase.RINGING: 1, CallPhase.DIALING: 1}
        await placed.call.connected()
        other.call.hang_up.set()
        assert scene.runner.calls() == {CallPhase.CONNECTED: 1, CallPhase.HANGING_UP: 1}
        placed.outcome.set_result(Outcome.ANSWERED)
        await scene.until(callback, lambda c: c.ended)
        other.outcome.set_result(Outcome.BUSY)
        await scene.drain()
        assert scene.runner.calls() == {}
