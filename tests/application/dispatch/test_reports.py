"""Many reports at once: how they are stored, and what happens when they are decided by what is out of date."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.dispatch.reports import AttemptReport, Reported
from ringback.domain.callback import Callback, State
from ringback.domain.dial_rules import DEFAULT_RULES
from ringback.domain.errors import LeaseExpired
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import CallProgress, OutcomeReport, ProgressReport
from ringback.ports.values import Change
from ringback.storage.store import SqlStore
from tests.world.samples import seconds
from tests.world.use_cases import World

DIALING, CONNECTED = ProgressReport(CallProgress.DIALING), ProgressReport(CallProgress.CONNECTED)
ANSWERED = OutcomeReport(outcome=Outcome.ANSWERED)


class Written:
    """What `apply_many` of the store is called with, and what else happens just before."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.groups: list[Sequence[Sequence[Change]]] = []
        self.rivals: list[Any] = []
        store = world.store
        assert isinstance(store, SqlStore)
        apply_many = store.apply_many

        async def apply_and_note(groups: Sequence[Sequence[Change]]) -> Sequence[Exception | None]:
            self.groups.append(groups)
            if self.rivals:
                await self.rivals.pop()
            return await apply_many(groups)

        monkeypatch.setattr(store, "apply_many", apply_and_note)


@pytest.fixture
def written(world: World, monkeypatch: pytest.MonkeyPatch) -> Written:
    return Written(world, monkeypatch)


async def leased(world: World, count: int, *targets: str) -> list[Callback]:
    service = await world.service(max_concurrent_calls=count)
    for target in targets or [f"sip:{n}@b.example" for n in range(count)]:
        await world.create(service, target, max_retries=0)
    leases = [await world.lease() for _ in range(count)]
    await hear(world)
    return leases


async def hear(world: World) -> None:
    """Let the log tell everything that was committed."""
    world.feed._append(await world.store.events(world.feed.newest, 1000))


def report(callback: Callback, what: ProgressReport | OutcomeReport) -> AttemptReport:
    assert callback.lease is not None
    return AttemptReport(callback.lease.token, what)


def states(results: Sequence[object]) -> list[State]:
    return [result.callback.state for result in results if isinstance(result, Reported)]


def forbid_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*_: Any) -> None:
        pytest.fail("read")

    for name in ("get", "get_many", "dialled_of", "services_version"):
        monkeypatch.setattr(world.store, name, read)


async def test_whole_lives_are_one_write_and_no_read(
    world: World, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = await leased(world, 3)
    forbid_reads(world, monkeypatch)
    reports = [report(call, what) for what in (DIALING, CONNECTED, ANSWERED) for call in calls]
    results = await world.reports.report(ANYBODY, reports)
    assert states(results) == [State.DIALING] * 3 + [State.CONNECTED] * 3 + [State.COMPLETED] * 3
    assert [[len(group) for group in groups] for groups in written.groups] == [[3, 3, 3]]


async def test_leases_that_were_extended_need_no_read(
    world: World, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = await leased(world, 2)
    tokens = [report(call, DIALING).token for call in calls]
    await world.leases.extend(ANYBODY, tokens, seconds(60))
    forbid_reads(world, monkeypatch)
    results = await world.reports.report(ANYBODY, [report(call, DIALING) for call in calls])
    assert states(results) == [State.DIALING] * 2
    assert len(written.groups) == 1


async def test_a_faster_writer_holds_up_no_other_callback(world: World, written: Written) -> None:
    first, second = await leased(world, 2)
    written.rivals = [world.callback_changes.cancel(ANYBODY, first.callback_id, "", "")]
    results = await world.reports.report(
        ANYBODY, [report(first, DIALING), report(second, DIALING), report(first, CONNECTED)]
    )
    assert states(results) == [State.DIALING]
    assert [isinstance(result, LeaseExpired) for result in results] == [True, False, True]
    assert [await world.state(call) for call in (first, second)] == [State.CANCELLED, State.DIALING]


async def test_it_is_decided_again_as_often_as_others_are_faster(world: World, written: Written) -> None:
    (call,) = await leased(world, 1)
    token = report(call, DIALING).token
    written.rivals = [world.leases.extend(ANYBODY, [token], seconds(60 + n)) for n in range(3)]
    assert states(await world.reports.report(ANYBODY, [report(call, DIALING)])) == [State.DIALING]
    assert len(written.groups) == 4


async def test_a_refusal_is_never_from_memory(world: World) -> None:
    """The log has not told yet that the lease was given back, and granted again."""
    (call,) = await leased(world, 1)
    await world.leases.release(ANYBODY, report(call, DIALING).token)
    again = await world.lease()
    results = await world.reports.report(ANYBODY, [report(again, DIALING)])
    assert states(results) == [State.DIALING]


async def test_a_number_is_dialled_no_more_often_than_is_allowed_also_within_one_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.clock, "now", lambda: world.clock.pass_time(timedelta(microseconds=1)))
    world.dial_policy.replace(replace(DEFAULT_RULES, attempts_per_number_and_day=2))
    calls = await leased(world, 3, *(f"tel:+41785556677;ext={n}" for n in range(3)))
    results = await world.reports.report(ANYBODY, [report(call, DIALING) for call in calls])
    assert states(results) == [State.DIALING] * 2
    assert isinstance(results[2], LeaseExpired)
    assert await world.state(calls[2]) is State.FAILED


async def test_what_others_send_is_stored_in_between(world: World, written: Written) -> None:
    calls = await leased(world, 5)
    world.reports._portion = lambda: 4
    reports = [report(call, what) for call in calls for what in (DIALING, CONNECTED)]
    await world.reports.report(ANYBODY, reports)
    assert [len(groups) for groups in written.groups] == [2, 2, 1]


async def test_a_preview_stores_nothing(world: World, written: Written) -> None:
    (call,) = await leased(world, 1)
    reports = [report(call, DIALING), report(call, ANSWERED), AttemptReport("nonsense", DIALING)]
    results = await world.reports.preview(ANYBODY, reports)
    assert states(results) == [State.DIALING, State.COMPLETED]
    assert isinstance(results[2], LeaseExpired)
    assert written.groups == []
    assert await world.state(call) is State.OFFERED
