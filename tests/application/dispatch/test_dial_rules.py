"""Targets that may not be dialled, any more or now: at the create, at the lease, and when DIALING is reported."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.callbacks.create import CreateCommand
from ringback.application.dispatch.queue_position import WaitingReason
from ringback.domain.callback import Callback, State
from ringback.domain.dial_rules import DEFAULT_RULES, NO_RULES, DialRules, PhoneRules, SipRules
from ringback.domain.errors import DialRuleBroken, InvalidRequest, LeaseExpired
from ringback.domain.faults import Faults
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.quiet_hours import parse_quiet_hours
from ringback.domain.request import CallbackRequest
from ringback.domain.service import RetryRule, Service, TargetPolicy
from ringback.domain.update import RequestUpdate
from ringback.ports.dialer import OutcomeReport
from tests.world.dialer import PATIENCE_S
from tests.world.granting import granting_of, poll
from tests.world.use_cases import MONDAY_9, World

PHONE = "tel:+41785556677"
SWISS_DENIED = DialRules(phone=PhoneRules(deny=("+41",)))
HOUR = timedelta(hours=1)
# It is 10:00 in Zurich when the clock of a world shows Monday, 9:00.
QUIET_NOW = parse_quiet_hours("09:30", "11:30", "target")


@pytest.fixture
async def listening(world: World) -> AsyncIterator[World]:
    """Let the world hear of what is committed."""
    await world.feed.start()
    loop = asyncio.create_task(world.feed.run())
    yield world
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def serve(world: World, count: int = 10) -> list[str]:
    """Return the ids that a poll gets, without its loop."""
    await world.feed.catch_up()
    await world.assigner.start()
    return [c.callback_id for c in await world.serve(poll(max_leases=count))]


async def now(world: World, callback: Callback) -> Callback:
    return await world.callback_queries.get(ANYBODY, callback.callback_id)


async def narrow(world: World, service: Service, rules: DialRules) -> Service:
    return await world.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(current, dial_rules=rules)
    )


def check_blocked(callback: Callback, rule: str, attempts: int = 1) -> None:
    assert callback.state is State.FAILED
    assert len(callback.attempts) == attempts
    last = callback.attempts[-1]
    assert last.outcome is Outcome.BLOCKED
    assert last.detail.startswith(f"{rule}: ")
    assert last.end_time == last.start_time == callback.end_time
    assert "78555" not in last.detail


# --- Rules that have changed since the create ------------------------------------------------------------------------


async def test_the_servers_rules_hold_at_the_lease(listening: World) -> None:
    service = await listening.service(retry_rules={Outcome.BLOCKED: RetryRule(retry=True)})
    denied = await listening.create(service, PHONE)
    allowed = await listening.create(service, "tel:+436641234567")
    listening.dial_policy.replace(SWISS_DENIED)
    assert await serve(listening) == [allowed.callback_id]
    check_blocked(await now(listening, denied), "phone.deny")


async def test_a_services_rules_hold_at_the_lease(listening: World) -> None:
    service = await listening.service()
    denied = await listening.create(service, PHONE)
    await narrow(listening, service, DialRules(phone=PhoneRules(allow=("+43",))))
    assert await serve(listening) == []
    check_blocked(await now(listening, denied), "phone.allow")


async def test_what_is_blocked_uses_up_neither_the_poll_nor_the_turn(listening: World) -> None:
    service = await listening.service(max_concurrent_calls=3)
    for n in range(250):
        await listening.create(service, f"tel:+4178555{n:04}", priority=Priority.STRICT_PRIORITY)
    others = [await listening.create(service, f"tel:+43664123456{n}", priority=Priority.LOW) for n in range(3)]
    listening.dial_policy.replace(SWISS_DENIED)
    [before] = (await listening.store.turns([service.service_id])).values()
    async with granting_of(listening, listening.store) as granting, asyncio.timeout(PATIENCE_S):
        granted = await granting.lease(ANYBODY, poll(max_leases=10, wait_s=0))
    assert [c.callback_id for c in granted] == [c.callback_id for c in others]
    [after] = (await listening.store.turns([service.service_id])).values()
    assert after.revision == before.revision + 1
    assert await listening.store.queued(service.service_id, 1) == []


async def test_the_servers_rules_hold_when_dialing_is_reported(listening: World) -> None:
    service = await listening.service()
    await listening.create(service, PHONE)
    leased = await listening.lease()
    assert leased.lease is not None
    listening.dial_policy.replace(SWISS_DENIED)
    with pytest.raises(LeaseExpired, match="place no call"):
        await listening.leases.dialing(ANYBODY, leased.lease.token)
    blocked = await now(listening, leased)
    check_blocked(blocked, "phone.deny")
    assert blocked.attempts[-1].dialer_id == leased.lease.dialer_id
    assert await listening.store.dialled(MONDAY_9 - HOUR, 10) == []


async def test_a_services_rules_hold_when_dialing_is_reported_also_of_another_server(listening: World) -> None:
    service = await listening.service()
    await listening.create(service, PHONE)
    leased = await listening.lease()
    assert leased.lease is not None
    other = World(listening.store, listening.clock)
    await other.directory.start()
    await narrow(other, service, SWISS_DENIED)
    with pytest.raises(LeaseExpired, match="FAILED; place no call"):
        await listening.leases.dialing(ANYBODY, leased.lease.token)
    check_blocked(await now(listening, leased), "phone.deny")


async def test_a_repeated_report_of_a_call_in_progress_is_not_judged_again(listening: World) -> None:
    service = await listening.service()
    await listening.create(service, PHONE)
    leased = await listening.lease()
    assert leased.lease is not None
    await listening.leases.dialing(ANYBODY, leased.lease.token)
    listening.dial_policy.replace(SWISS_DENIED)
    assert (await listening.leases.dialing(ANYBODY, leased.lease.token)).state is State.DIALING


async def test_a_late_report_of_an_earlier_lease_is_not_taken_for_the_blocked_attempt(listening: World) -> None:
    service = await listening.service()
    callback = await listening.create(service, PHONE)
    leased = await listening.lease()
    assert leased.lease is not None
    await listening.leases.release(ANYBODY, leased.lease.token)
    listening.dial_policy.replace(SWISS_DENIED)
    assert await serve(listening) == []
    check_blocked(await now(listening, callback), "phone.deny")
    with pytest.raises(Exception, match=r"leased again since|is over"):
        await listening.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BLOCKED))


async def test_wider_rules_allow_what_was_refused(listening: World) -> None:
    service = await listening.service()
    listening.dial_policy.replace(SWISS_DENIED)
    with pytest.raises(DialRuleBroken):
        await listening.create(service, PHONE)
    listening.dial_policy.replace(NO_RULES)
    assert (await listening.create(service, PHONE)).state is State.QUEUED


async def test_a_service_cannot_allow_what_the_server_denies(listening: World) -> None:
    wide = DialRules(phone=PhoneRules(allow=("+",)), sip=SipRules(allow_hosts=("127.0.0.0/8", "*")))
    service = await listening.service(dial_rules=wide)
    for target in ("sip:anna@127.0.0.1", "tel:+19005551234", "sip:112@h.example"):
        with pytest.raises(DialRuleBroken):
            await listening.create(service, target)


# --- Create and update -----------------------------------------------------------------------------------------------


async def test_a_repeated_create_finds_its_callback_although_its_target_is_denied_by_now(listening: World) -> None:
    service = await listening.service()
    callback = await listening.create(service, PHONE, external_task_id="4711")
    listening.dial_policy.replace(SWISS_DENIED)
    assert (await listening.create(service, PHONE, external_task_id="4711")).callback_id == callback.callback_id
    with pytest.raises(DialRuleBroken):
        await listening.create(service, PHONE, external_task_id="4712")


async def test_what_is_dialled_is_judged_and_what_it_replaces_is_not(listening: World) -> None:
    service = await listening.service(dial_rules=SWISS_DENIED)
    accepted = await listening.create(service, PHONE, alternative_target="tel:+436641234567")
    assert accepted.dial_target == "tel:+436641234567"
    with pytest.raises(DialRuleBroken) as refusal:
        await listening.create(service, "tel:+436641234567", alternative_target=PHONE)
    assert [(fault.field, fault.rule) for fault in refusal.value.violations] == [
        ("callback_request.alternative_target", "phone.deny")
    ]


async def test_a_broken_rule_and_another_fault_are_told_together(listening: World) -> None:
    service = await listening.service(dial_rules=SWISS_DENIED)
    with pytest.raises(InvalidRequest) as refusal:
        await listening.create(service, PHONE, priority=77)
    fields = [fault.field for fault in refusal.value.violations]
    assert fields == ["callback_request.target", "callback_request.priority"]


@pytest.mark.parametrize("validate_only", [False, True])
async def test_every_way_to_create_is_refused(listening: World, validate_only: bool) -> None:
    service = await listening.service()
    request = CallbackRequest(
        target="tel:+19005551234", service_id=service.service_id, priority=Priority.NORMAL, seconds_between_retries=1
    )
    command = CreateCommand(request, validate_only=validate_only)
    creation = listening.callback_creation
    with pytest.raises(DialRuleBroken, match=r"callback_request\.target: phone\.deny_kinds"):
        await creation.create(ANYBODY, command)
    assert [type(result) for result in await creation.create_many(ANYBODY, [command])] == [DialRuleBroken]
    assert [type(result) for result in await creation.preview(ANYBODY, [command])] == [DialRuleBroken]
    assert (await listening.store.history()).newest == 0


async def update(world: World, callback: Callback, **values: object) -> Callback:
    names = tuple(name for name in CallbackRequest.__struct_fields__ if name in values)
    change = RequestUpdate(CallbackRequest(**values), names)  # type: ignore[arg-type]
    return await world.callback_changes.update(ANYBODY, callback.callback_id, change, Faults(), "")


async def test_an_update_of_the_target_is_judged_and_one_of_another_field_is_not(listening: World) -> None:
    service = await listening.service()
    callback = await listening.create(service, PHONE)
    await narrow(listening, service, SWISS_DENIED)
    await update(listening, callback, description="urgent")
    await update(listening, callback, priority=Priority.HIGH, due_date=MONDAY_9 + HOUR)
    for values in (
        {"target": PHONE},
        {"alternative_target": PHONE},
        {"target": "tel:+43664123456", "alternative_target": PHONE},
    ):
        with pytest.raises(DialRuleBroken):
            await update(listening, callback, **values)
    assert (await update(listening, callback, target="tel:+436641234567")).dial_target == "tel:+436641234567"


async def test_an_update_that_clears_the_alternative_target_is_judged(listening: World) -> None:
    service = await listening.service(dial_rules=SWISS_DENIED)
    callback = await listening.create(service, PHONE, alternative_target="tel:+436641234567")
    with pytest.raises(DialRuleBroken) as refusal:
        await update(listening, callback, alternative_target="")
    assert [fault.field for fault in refusal.value.violations] == ["callback_request.alternative_target"]


# --- Attempts per number and day -------------------------------------------------------------------------------------


async def dial_once(world: World, service: Service, target: str = PHONE) -> None:
    world.clock.pass_time(timedelta(seconds=1))
    await world.create(service, target, max_retries=0)
    leased = await world.lease()
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    await world.feed.catch_up()


LIMITED = replace(DEFAULT_RULES, attempts_per_number_and_day=3)
SPELLINGS = [PHONE, "tel:+41785556677;ext=1", "sip:+41785556677@a.example", "sips:+41-78-555-66-77@b.example:5099"]


@pytest.fixture
async def limited(listening: World) -> World:
    listening.dial_policy.replace(LIMITED)
    return listening


async def test_a_number_is_dialled_so_often_a_day_over_all_services_and_spellings(limited: World) -> None:
    services = [await limited.service(sip_address=f"sip:q{n}@cc.example") for n in range(3)]
    for service, target in zip(services, SPELLINGS, strict=False):
        await dial_once(limited, service, target)
    for service in services:
        for target in SPELLINGS:
            with pytest.raises(DialRuleBroken, match="attempts_per_number_and_day"):
                await limited.create(service, target)
    assert (await limited.create(services[0], "tel:+41785556678")).state is State.QUEUED


async def test_those_that_were_accepted_before_are_blocked_at_the_lease(limited: World) -> None:
    service = await limited.service()
    waiting = [await limited.create(service, PHONE, priority=Priority.NOTHING_ELSE) for _ in range(2)]
    for _ in range(3):
        await dial_once(limited, service)
    assert await serve(limited) == []
    for callback in waiting:
        check_blocked(await now(limited, callback), "attempts_per_number_and_day")


async def test_a_retry_uses_up_the_day_as_well(limited: World) -> None:
    service = await limited.service()
    callback = await limited.create(service, PHONE, max_retries=9, seconds_between_retries=60)
    for _ in range(3):
        leased = await limited.lease()
        assert leased.lease is not None
        await limited.leases.dialing(ANYBODY, leased.lease.token)
        await limited.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
        await limited.run_until(timedelta(minutes=1))
    assert await serve(limited) == []
    check_blocked(await now(limited, callback), "attempts_per_number_and_day", attempts=4)


async def test_one_that_is_due_tomorrow_is_accepted_today(limited: World) -> None:
    """The day is one of the service's zone: 15 hours after 9:00 UTC it is tomorrow in UTC, and not yet in New York."""
    service = await limited.service()
    new_york = await limited.service(sip_address="sip:ny@cc.example", opening_hours=OpeningHours("America/New_York"))
    for _ in range(3):
        await dial_once(limited, service)
    due = MONDAY_9 + timedelta(hours=15)
    limited.clock.wall = MONDAY_9
    assert (await limited.create(service, PHONE, due_date=due)).state is State.SCHEDULED
    with pytest.raises(DialRuleBroken):
        await limited.create(new_york, PHONE, due_date=due)
    with pytest.raises(DialRuleBroken):
        await limited.create(service, PHONE, due_date=due - timedelta(seconds=1))
    limited.clock.pass_time(timedelta(hours=15))
    assert (await limited.create(service, PHONE)).state is State.QUEUED


async def test_the_count_survives_a_restart(limited: World) -> None:
    service = await limited.service()
    for _ in range(3):
        await dial_once(limited, service)
    restarted = World(limited.store, limited.clock, LIMITED)
    await restarted.directory.start()
    await restarted.recent_dials.start()
    with pytest.raises(DialRuleBroken):
        await restarted.create(service, PHONE)


async def test_at_the_lease_the_store_counts_not_what_this_server_has_heard(limited: World) -> None:
    service = await limited.service()
    waiting = await limited.create(service, PHONE, priority=Priority.NOTHING_ELSE)
    for _ in range(3):
        await dial_once(limited, service)
    deaf = World(limited.store, limited.clock, LIMITED)
    await deaf.directory.start()
    await deaf.assigner.start()
    assert await deaf.serve(poll()) == []
    check_blocked(await now(limited, waiting), "attempts_per_number_and_day")


async def test_a_service_may_have_a_smaller_number_and_not_a_larger_one(limited: World) -> None:
    small = await limited.service(dial_rules=DialRules(attempts_per_number_and_day=1))
    large = await limited.service(sip_address="sip:l@cc.example", dial_rules=DialRules(attempts_per_number_and_day=9))
    await dial_once(limited, small)
    with pytest.raises(DialRuleBroken):
        await limited.create(small, PHONE)
    for _ in range(2):
        await dial_once(limited, large)
    with pytest.raises(DialRuleBroken):
        await limited.create(large, PHONE)


async def test_an_update_to_a_number_that_was_dialled_too_often_is_refused(limited: World) -> None:
    service = await limited.service()
    for _ in range(3):
        await dial_once(limited, service)
    callback = await limited.create(service, "tel:+41785556678")
    with pytest.raises(DialRuleBroken, match="attempts_per_number_and_day"):
        await update(limited, callback, target=PHONE)
    assert (await update(limited, callback, target=PHONE, due_date=MONDAY_9 + 24 * HOUR)).dial_target == PHONE


async def test_a_lower_number_holds_when_dialing_is_reported(limited: World) -> None:
    service = await limited.service()
    for _ in range(2):
        await dial_once(limited, service)
    await limited.create(service, PHONE)
    leased = await limited.lease()
    assert leased.lease is not None
    limited.dial_policy.replace(replace(LIMITED, attempts_per_number_and_day=2))
    with pytest.raises(LeaseExpired):
        await limited.leases.dialing(ANYBODY, leased.lease.token)
    check_blocked(await now(limited, leased), "attempts_per_number_and_day")


async def test_a_number_without_its_country_code_is_one_number_however_it_is_written(limited: World) -> None:
    service = await limited.service()
    waiting = await limited.create(service, "sip:004-1785556677@gw.example", priority=Priority.NOTHING_ELSE)
    for user in ("0041785556677", "0041-785556677", "00-41785556677"):
        await dial_once(limited, service, f"sip:{user}@gw.example")
    with pytest.raises(DialRuleBroken, match="attempts_per_number_and_day"):
        await limited.create(service, "sip:0041785-556677@gw.example")
    leased = await limited.lease()
    assert leased.lease is not None
    with pytest.raises(LeaseExpired):
        await limited.leases.dialing(ANYBODY, leased.lease.token)
    check_blocked(await now(limited, waiting), "attempts_per_number_and_day")


async def test_when_dialing_is_reported_the_store_counts_not_what_this_server_has_heard(limited: World) -> None:
    """Extensions of one number are phones of their own, so their calls may begin at the same time."""
    service = await limited.service()
    await limited.create(service, f"{PHONE};ext=9")
    leased = await limited.lease()
    assert leased.lease is not None
    for _ in range(3):
        await dial_once(limited, service)
    deaf = World(limited.store, limited.clock, LIMITED)
    await deaf.directory.start()
    with pytest.raises(LeaseExpired):
        await deaf.leases.dialing(ANYBODY, leased.lease.token)
    check_blocked(await now(limited, leased), "attempts_per_number_and_day")


# --- Quiet hours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_server", [True, False])
async def test_a_create_in_quiet_hours_waits_for_their_end(listening: World, of_server: bool) -> None:
    rules = DialRules(quiet_hours=QUIET_NOW)
    listening.dial_policy.replace(rules if of_server else NO_RULES)
    service = await listening.service(dial_rules=NO_RULES if of_server else rules)
    quiet = await listening.create(service, PHONE)
    assert (quiet.state, quiet.next_attempt_time) == (State.SCHEDULED, MONDAY_9 + 1.5 * HOUR)
    awake = await listening.create(service, "tel:+12125551234")
    assert awake.state is State.QUEUED
    await listening.run_until(HOUR)
    assert await listening.state(quiet) is State.SCHEDULED
    await listening.run_until(0.5 * HOUR)
    assert await listening.state(quiet) is State.QUEUED


async def test_a_queued_callback_for_which_it_gets_quiet_is_moved_at_the_lease(listening: World) -> None:
    service = await listening.service(max_concurrent_calls=1)
    listening.dial_policy.replace(DialRules(quiet_hours=parse_quiet_hours("10:30", "11:30", "target")))
    quiet = await listening.create(service, PHONE, priority=Priority.STRICT_PRIORITY)
    awake = await listening.create(service, "tel:+12125551234")
    listening.clock.pass_time(HOUR)
    assert await serve(listening) == [awake.callback_id]
    moved = await now(listening, quiet)
    assert (moved.state, moved.next_attempt_time) == (State.SCHEDULED, MONDAY_9 + 1.5 * HOUR)
    assert (moved.ready_time, moved.attempts) == (quiet.ready_time, ())


async def test_a_lease_on_which_nothing_was_dialled_goes_back_when_it_gets_quiet(listening: World) -> None:
    service = await listening.service()
    await listening.create(service, PHONE)
    leased = await listening.lease()
    assert leased.lease is not None
    listening.dial_policy.replace(DialRules(quiet_hours=QUIET_NOW))
    with pytest.raises(LeaseExpired, match="SCHEDULED; place no call"):
        await listening.leases.dialing(ANYBODY, leased.lease.token)
    back = await now(listening, leased)
    assert (back.state, back.next_attempt_time, back.attempts) == (State.SCHEDULED, MONDAY_9 + 1.5 * HOUR, ())


async def test_a_retry_in_quiet_hours_waits_for_their_end(listening: World) -> None:
    service = await listening.service()
    listening.dial_policy.replace(DialRules(quiet_hours=parse_quiet_hours("10:01", "11:30", "target")))
    await listening.create(service, PHONE, seconds_between_retries=600)
    leased = await listening.lease()
    assert leased.lease is not None
    await listening.leases.dialing(ANYBODY, leased.lease.token)
    ended, _ = await listening.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    assert (ended.state, ended.next_attempt_time) == (State.SCHEDULED, MONDAY_9 + 1.5 * HOUR)


async def test_replaced_quiet_hours_move_what_waits(listening: World) -> None:
    service = await listening.service()
    listening.dial_policy.replace(DialRules(quiet_hours=QUIET_NOW))
    callback = await listening.create(service, PHONE)
    await listening.run_until(timedelta(0))
    listening.dial_policy.replace(NO_RULES)
    # It is moved first, and then it is due.
    await listening.run_until(timedelta(0))
    await listening.run_until(timedelta(0))
    assert await listening.state(callback) is State.QUEUED


async def test_an_update_to_a_target_for_which_it_is_quiet_waits_for_its_end(listening: World) -> None:
    service = await listening.service()
    listening.dial_policy.replace(DialRules(quiet_hours=QUIET_NOW))
    callback = await listening.create(service, PHONE)
    awake = await update(listening, callback, target="tel:+12125551234")
    assert awake.next_attempt_time == MONDAY_9
    assert (await update(listening, callback, target=PHONE)).next_attempt_time == MONDAY_9 + 1.5 * HOUR


async def test_the_queue_tells_that_it_is_quiet(listening: World) -> None:
    service = await listening.service()
    listening.dial_policy.replace(DialRules(quiet_hours=QUIET_NOW))
    callback = await listening.create(service, PHONE)
    standing = (await listening.look(ANYBODY, service, callback)).standing
    assert standing is not None
    assert standing.reason is WaitingReason.CLOSED
    assert standing.explanation == "It is quiet for its target until 2026-11-02T10:30:00Z. Nobody waits in its queue."


async def test_quiet_hours_that_never_end_let_it_expire(listening: World) -> None:
    rules = DialRules(quiet_hours=parse_quiet_hours("00:00", "12:00", "UTC"))
    service = await listening.service(dial_rules=DialRules(quiet_hours=parse_quiet_hours("12:00", "24:00", "UTC")))
    listening.dial_policy.replace(rules)
    callback = await listening.create(service, PHONE, expire_time=MONDAY_9 + HOUR)
    assert (callback.state, callback.next_attempt_time) == (State.SCHEDULED, callback.expire_time)
    await listening.run_until(HOUR)
    assert await listening.state(callback) is State.EXPIRED


# --- Pauses between retries ------------------------------------------------------------------------------------------


async def test_the_server_may_ask_for_a_longer_pause_after_an_outcome(listening: World) -> None:
    listening.dial_policy.replace(DialRules(min_seconds_between_retries={Outcome.BUSY: 30, Outcome.NO_ANSWER: 600}))
    service = await listening.service()
    for outcome, pause in ((Outcome.BUSY, 30), (Outcome.NO_ANSWER, 600), (Outcome.UNREACHABLE, 7)):
        await listening.create(service, PHONE, seconds_between_retries=7)
        leased = await listening.lease()
        assert leased.lease is not None
        await listening.leases.dialing(ANYBODY, leased.lease.token)
        ended, _ = await listening.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=outcome))
        assert ended.ready_time == MONDAY_9 + timedelta(seconds=pause)


async def test_return_existing_does_not_dial_what_is_denied(listening: World) -> None:
    service = await listening.service(same_target_policy=TargetPolicy.RETURN_EXISTING)
    await listening.create(service, PHONE)
    listening.dial_policy.replace(SWISS_DENIED)
    with pytest.raises(DialRuleBroken):
        await listening.create(service, PHONE)
