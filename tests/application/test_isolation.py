"""Callers that share a server, and see nothing of each other: also not by what is refused, and how."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY, Caller, Grant, Right, Role
from ringback.application.callbacks.create import CreateCommand
from ringback.application.dispatch.lease_request import LeaseRequest
from ringback.application.events.watch import Watches
from ringback.domain.callback import Callback, State
from ringback.domain.errors import (
    CallbackAlreadyExists,
    CallbackNotFound,
    LeaseExpired,
    NotAllowed,
    RingbackError,
    TargetAlreadyPending,
)
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.ids import LeaseToken
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest, ServiceName
from ringback.domain.service import Service, TargetPolicy
from ringback.domain.target import Target
from ringback.domain.update import RequestUpdate
from ringback.ports.dialer import OutcomeReport
from ringback.wire.errors import status_of
from tests.world.granting import granting_of
from tests.world.use_cases import World

CRM = Caller("crm", [Grant(role=Role.CALLER, caller_ids=("crm", "crm-eu"))])
ERP = Caller("erp", [Grant(role=Role.CALLER, caller_ids=("erp",))])
OPS = Caller("ops", [Grant(role=Role.OPERATOR)])
VIEWER = Caller("board", [Grant(role=Role.VIEWER)])
MASKED = Caller("wall", [Grant(role=Role.VIEWER, masked=True)])
PBX, OTHER_PBX = (Caller(name, [Grant(role=Role.DIALER)]) for name in ("pbx", "other-pbx"))
PHONE = "tel:+41785556677"
REPORT = OutcomeReport(outcome=Outcome.BUSY)
ABSENT = "0190b2f4-7d1c-7a53-9d3e-1f2a3b4c5d6e"


def within(service: Service, caller: Caller, role: Role = Role.CALLER) -> Caller:
    grant = Grant(role=role, caller_ids=caller.caller_ids, services=frozenset({service.sip_address}))
    return Caller(caller.identity, [grant])


def command(service: Service, **fields: Any) -> CreateCommand:
    request_id = fields.pop("request_id", "")
    request: dict[str, Any] = {
        "target": PHONE,
        "service_id": service.service_id,
        "priority": Priority.NORMAL,
        "seconds_between_retries": 60,
    }
    return CreateCommand(CallbackRequest(**(request | fields)), request_id)


async def create(world: World, caller: Caller, service: Service, **fields: Any) -> Callback:
    return (await world.callback_creation.create(caller, command(service, **fields))).callback


async def refusal(call: Awaitable[object]) -> RingbackError:
    with pytest.raises(RingbackError) as raised:
        await call
    return raised.value


def said(refused: RingbackError, name: str) -> tuple[type, str]:
    """Return all that a caller gets, without the name that it asked for."""
    return type(refused), str(status_of(refused)).replace(name, "…")


def raise_priority() -> RequestUpdate:
    return RequestUpdate(CallbackRequest(priority=Priority.HIGH), ("priority",))


BY_KEY: list[Callable[[World, Caller, Key], Awaitable[object]]] = [
    lambda world, caller, key: world.callback_queries.get(caller, key),
    lambda world, caller, key: world.callback_changes.cancel(caller, key, "", ""),
    lambda world, caller, key: world.callback_changes.cancel(caller, key, "", "wrong etag"),
    lambda world, caller, key: world.callback_changes.update(caller, key, raise_priority(), Faults(), ""),
]


# --- Callbacks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", BY_KEY)
async def test_anothers_callback_looks_like_none(
    world: World, call: Callable[[World, Caller, Key], Awaitable[object]]
) -> None:
    theirs = await create(world, ERP, await world.service(), external_task_id="task-1")
    by_task = [ExternalTaskKey(caller_id="erp", external_task_id=task) for task in ("task-1", "task-2")]
    for (foreign, name), (absent, other_name) in (
        ((theirs.callback_id, theirs.callback_id), (ABSENT, ABSENT)),
        ((by_task[0], "task-1"), (by_task[1], "task-2")),
    ):
        found, missing = await refusal(call(world, CRM, foreign)), await refusal(call(world, CRM, absent))
        assert isinstance(found, CallbackNotFound)
        assert said(found, name) == said(missing, other_name)
    assert await world.callback_queries.get(ERP, theirs.callback_id) == theirs


async def test_a_national_number_does_not_tell_whether_anothers_callback_is_there(world: World) -> None:
    """An update is checked with the region of the callback's service, if that can be seen."""
    theirs = await create(world, ERP, await world.service(default_region="CH"))
    update = RequestUpdate(CallbackRequest(target="tel:0785556677"), ("target",))
    foreign, absent = [
        await refusal(world.callback_changes.update(CRM, key, update, Faults(), ""))
        for key in (theirs.callback_id, ABSENT)
    ]
    assert said(foreign, theirs.callback_id) == said(absent, ABSENT)


async def test_lists_and_resolve_have_ones_own_only(world: World) -> None:
    service = await world.service()
    mine, eu = await create(world, CRM, service), await create(world, CRM, service, caller_id="crm-eu")
    theirs = await create(world, ERP, service)
    everything = [mine, eu, theirs]
    for caller, expected in ((CRM, [mine, eu]), (ERP, [theirs]), (OPS, everything), (VIEWER, everything)):
        for wanted in (CallbackFilter(), CallbackFilter(keys=tuple(c.callback_id for c in everything))):
            page = await world.callback_queries.list(caller, wanted, 0, "")
            assert [c.callback_id for c in page.callbacks] == [c.callback_id for c in reversed(expected)]
    resolved = await world.callback_changes.resolve(CRM, Target.parse(PHONE), "", lambda _: True)
    assert {c.callback_id for c in resolved.callbacks} == {mine.callback_id, eu.callback_id}
    assert await world.state(theirs) is State.QUEUED


async def test_an_empty_caller_id_is_ones_own(world: World) -> None:
    service = await world.service()
    made = await create(world, CRM, service, external_task_id="7")
    assert (made.request.caller_id, made.identity) == ("crm", "crm")
    for caller_id in ("", "crm"):
        again = await world.callback_creation.create(CRM, command(service, external_task_id="7", caller_id=caller_id))
        assert (again.created, again.callback) == (False, made)
        key = ExternalTaskKey(caller_id=caller_id, external_task_id="7")
        assert await world.callback_queries.get(CRM, key) == made
        page = await world.callback_queries.list(CRM, CallbackFilter(keys=(key,)), 0, "")
        assert page.callbacks == [made]


async def test_another_caller_id_or_service_is_not_allowed_whether_it_exists_or_not(world: World) -> None:
    mine = await world.service()
    other = await world.service(sip_address="sip:other@cc.example", default_region="CH")
    caller = within(mine, CRM)
    assert isinstance(await refusal(create(world, CRM, mine, caller_id="erp")), NotAllowed)
    for fields in ({}, {"target": "tel:0785556677"}, {"priority": 0}):
        by_id = [
            said(await refusal(create(world, caller, mine, **fields, service_id=service_id)), service_id)
            for service_id in (other.service_id, ABSENT)
        ]
        by_sip = [
            said(await refusal(create(world, caller, mine, **fields, service_id=None, service_sip=sip)), sip)
            for sip in (other.sip_address, "sip:none@cc.example")
        ]
        assert by_id[0] == by_id[1]
        assert by_sip[0] == by_sip[1]
        assert (by_id[0][0], by_sip[0][0]) == (NotAllowed, NotAllowed)
    assert (
        await create(world, caller, mine, service_id=None, service_sip=mine.sip_address)
    ).service_id == mine.service_id
    for seen in (ServiceName("service_id", other.service_id), ServiceName("service_id", ABSENT)):
        assert isinstance(await refusal(world.directory.seen(caller, seen)), NotAllowed)


@pytest.mark.parametrize("policy", [TargetPolicy.REFUSE, TargetPolicy.RETURN_EXISTING])
async def test_a_taken_target_does_not_name_anothers_callback(world: World, policy: TargetPolicy) -> None:
    service = await world.service(same_target_policy=policy)
    theirs = await create(world, ERP, service)
    single = await refusal(create(world, CRM, service))
    many = await world.callback_creation.create_many(CRM, [command(service)])
    preview = await world.callback_creation.preview(CRM, [command(service)])
    waiting = await create(world, CRM, service, target="tel:+41785556688")
    update = RequestUpdate(CallbackRequest(target=PHONE), ("target",))
    updated = await refusal(world.callback_changes.update(CRM, waiting.callback_id, update, Faults(), ""))
    for refused in (single, many[0], preview[0], updated):
        assert isinstance(refused, TargetAlreadyPending)
        assert (refused.callback_id, refused.state) == ("", "")
        assert theirs.callback_id not in str(refused)


async def test_a_taken_name_does_not_tell_of_a_callback_that_is_out_of_sight(world: World) -> None:
    mine, other = await world.service(), await world.service(sip_address="sip:other@cc.example")
    hidden = await create(world, CRM, other, external_task_id="7")
    for target in (PHONE, "tel:+41785556688"):
        refused = await refusal(create(world, within(mine, CRM), mine, external_task_id="7", target=target))
        assert isinstance(refused, CallbackAlreadyExists)
        assert (refused.callback_id, refused.state, refused.differing_fields) == ("", "", ())
        assert hidden.callback_id not in str(refused)


async def test_a_request_id_is_ones_own(world: World) -> None:
    service = await world.service()
    theirs = await create(world, ERP, service, request_id=ABSENT)
    mine = await create(world, CRM, service, request_id=ABSENT)
    assert mine.callback_id != theirs.callback_id
    assert await create(world, CRM, service, request_id=ABSENT) == mine


async def test_a_masked_viewer_searches_for_no_number_and_sees_none(world: World) -> None:
    service = await world.service()
    made = await create(world, CRM, service)
    for number in (PHONE, "tel:+41785556600"):
        wanted = CallbackFilter(dial_target=number)
        assert isinstance(await refusal(world.callback_queries.list(MASKED, wanted, 0, "")), NotAllowed)
        assert isinstance(await refusal(anext(watch(world, MASKED, wanted))), NotAllowed)
    seen = await world.callback_queries.get(MASKED, made.callback_id)
    [listed] = (await world.callback_queries.list(MASKED, CallbackFilter(), 0, "")).callbacks
    assert seen == listed
    assert "5556" not in repr(seen)
    assert (await world.callback_queries.get(VIEWER, made.callback_id)) == made


TEXTS: dict[str, Any] = {
    "external_task_id": "case 078 555 66 77",
    "labels": {"team": "eu", "phone": "0785556677"},
    "supervisor": "sip:785556677@cc.example",
    "caller_id": "crm-41785556677",
}
BY_HIDDEN_TEXT = [
    CallbackFilter(labels={"phone": "0785556677"}),
    CallbackFilter(labels={"team": "eu", "phone": "0785556677"}),
    CallbackFilter(supervisors=("sip:785556677@cc.example", "x")),
    CallbackFilter(caller_ids=("crm-41785556677",)),
    CallbackFilter(keys=(ExternalTaskKey(caller_id="crm-41785556677", external_task_id="case 078 555 66 77"),)),
]


async def seen_in_watch(world: World, caller: Caller, wanted: CallbackFilter) -> list[str]:
    """Return the ids in the snapshot of a watch."""
    ids: list[str] = []
    async for batch in watch(world, caller, wanted):
        ids += [event.callback.callback_id for event in batch.events]
        if batch.snapshot_complete:
            break
    return ids


@pytest.mark.parametrize("wanted", BY_HIDDEN_TEXT)
async def test_a_masked_viewer_finds_nothing_by_a_text_that_it_does_not_see(
    world: World, wanted: CallbackFilter
) -> None:
    """Guessed often enough, it would tell the digits that are hidden."""
    service = await world.service()
    made = await create(world, OPS, service, **TEXTS)
    others = [
        await create(
            world,
            OPS,
            service,
            **{
                **TEXTS,
                "target": f"tel:+4178555667{n}",
                "external_task_id": "",
            },
        )
        for n in range(3)
    ]
    queries, ids = world.callback_queries, {c.callback_id for c in (made, *others)}
    assert made.callback_id in {c.callback_id for c in (await queries.list(VIEWER, wanted, 0, "")).callbacks}
    hidden = await queries.list(MASKED, wanted, 2, "")
    assert (hidden.callbacks, hidden.next_page_token) == ([], "")
    assert await seen_in_watch(world, MASKED, wanted) == []
    assert not any(wanted_by(MASKED, wanted).matches(c) for c in (made, *others))
    # What is seen whole is found.
    for seen in (CallbackFilter(labels={"team": "eu"}), CallbackFilter(keys=tuple(ids))):
        assert {c.callback_id for c in (await queries.list(MASKED, seen, 0, "")).callbacks} == ids
        assert set(await seen_in_watch(world, MASKED, seen)) == ids


def wanted_by(caller: Caller, wanted: CallbackFilter) -> CallbackFilter:
    return replace(wanted, view=caller.view_of(Right.READ_CALLBACKS))


async def test_a_masked_viewer_gets_nothing_by_a_key_that_it_does_not_see(world: World) -> None:
    made = await create(world, OPS, await world.service(), **TEXTS)
    there, absent = (
        ExternalTaskKey(caller_id="crm-41785556677", external_task_id=f"case 078 555 66 7{digit}") for digit in (7, 8)
    )
    assert await world.callback_queries.get(VIEWER, there) == made
    hidden, missing = [await refusal(world.callback_queries.get(MASKED, key)) for key in (there, absent)]
    assert said(hidden, there.external_task_id) == said(missing, absent.external_task_id)


async def test_pages_pass_over_what_a_masked_viewer_does_not_find(world: World) -> None:
    service = await world.service()
    made = []
    for n in range(8):
        target = f"tel:+4178555660{n}" if n % 4 == 0 else f"sip:support{n}@example.com"
        made.append(await create(world, OPS, service, target=target, labels={"note": "41785556600"}))
    wanted = CallbackFilter(labels={"note": "41785556600"})
    found, token = [], ""
    while True:
        page = await world.callback_queries.list(MASKED, wanted, 2, token)
        found += [c.callback_id for c in page.callbacks]
        if not (token := page.next_page_token):
            break
        assert len(page.callbacks) == 2
    expected = [c.callback_id for n, c in enumerate(made) if n % 4]
    assert found == expected[::-1]
    assert await seen_in_watch(world, MASKED, wanted) == expected


def watch(world: World, caller: Caller, wanted: CallbackFilter) -> Any:
    watches = Watches(world.store, world.feed, world.directory, world.clock)
    return watches.watch(caller, wanted, "", snapshot_when_needed=True, heartbeat_s=1)


# --- Leases ------------------------------------------------------------------------------------------------------

REPORTS: list[Callable[[World, Caller, str], Awaitable[object]]] = [
    lambda world, caller, token: world.leases.dialing(caller, token),
    lambda world, caller, token: world.leases.ringing(caller, token),
    lambda world, caller, token: world.leases.connected(caller, token),
    lambda world, caller, token: world.leases.ended(caller, token, REPORT),
    lambda world, caller, token: world.leases.release(caller, token),
]


async def lease(world: World, caller: Caller, **fields: Any) -> list[Callback]:
    """Lease what is next, as a poll does."""
    async with granting_of(world, world.store) as granting, asyncio.timeout(5):
        return list(await granting.lease(caller, LeaseRequest(dialer_id="d", **({"wait_s": 0} | fields))))


def token_of(callback: Callback) -> str:
    assert callback.lease is not None
    return callback.lease.token


@pytest.mark.long
@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("progress", ["OFFERED", "DIALING", "COMPLETED", "QUEUED again", "leased again"])
async def test_anothers_lease_token_is_as_an_unknown_one(
    world: World, report: Callable[[World, Caller, str], Awaitable[object]], progress: str
) -> None:
    await create(world, CRM, await world.service())
    [leased] = await lease(world, PBX)
    token = token_of(leased)
    if progress in ("DIALING", "COMPLETED"):
        await world.leases.dialing(PBX, token)
    if progress == "COMPLETED":
        await world.leases.ended(PBX, token, OutcomeReport(outcome=Outcome.ANSWERED))
    if progress in ("QUEUED again", "leased again"):
        await world.leases.release(PBX, token)
    if progress == "leased again":
        await lease(world, PBX)
    unknown = LeaseToken.new(ABSENT, 1).text
    for forged in (token, LeaseToken.new(leased.callback_id, 1).text, LeaseToken.new(leased.callback_id, 9).text):
        refused, absent = (
            await refusal(report(world, OTHER_PBX, forged)),
            await refusal(report(world, OTHER_PBX, unknown)),
        )
        assert isinstance(refused, LeaseExpired)
        assert said(refused, "") == said(absent, "")
        before = await world.callback_queries.get(OPS, leased.callback_id)
        [extended], [never] = [
            await world.leases.extend(OTHER_PBX, [text], timedelta(minutes=5)) for text in (forged, unknown)
        ]
        assert extended.lost is not None
        assert never.lost is not None
        assert said(extended.lost, "") == said(never.lost, "")
        assert await world.callback_queries.get(OPS, leased.callback_id) == before


async def dialed_by_both(world: World, service: Service) -> tuple[Callback, str]:
    """Return a callback that first one dialer has dialled, and then another one; and the token of the first."""
    made = await create(world, CRM, service)
    tokens = []
    for dialer in (PBX, OTHER_PBX):
        [leased] = await lease(world, dialer)
        tokens.append(token_of(leased))
        await world.leases.dialing(dialer, tokens[-1])
        await world.leases.ended(dialer, tokens[-1], REPORT)
        await world.run_until(timedelta(minutes=5))
    return await world.callback_queries.get(OPS, made.callback_id), tokens[0]


@pytest.mark.parametrize("report", REPORTS)
async def test_an_earlier_attempt_does_not_make_anothers_attempt_known(
    world: World, report: Callable[[World, Caller, str], Awaitable[object]]
) -> None:
    callback, token = await dialed_by_both(world, await world.service())
    assert [attempt.identity for attempt in callback.attempts] == ["pbx", "other-pbx"]
    unknown = await refusal(report(world, PBX, LeaseToken.new(ABSENT, 1).text))
    for fencing_token in (2, 3, 9):
        refused = await refusal(report(world, PBX, LeaseToken.new(callback.callback_id, fencing_token).text))
        assert said(refused, "") == said(unknown, "")
    # Of its own attempt it may know how it ended.
    assert (await world.leases.ended(PBX, token, REPORT))[1]


@pytest.mark.parametrize("report", REPORTS)
async def test_with_the_grant_for_its_service_a_callback_is_gone_once_another_dialer_has_it(
    world: World, report: Callable[[World, Caller, str], Awaitable[object]]
) -> None:
    _, token = await dialed_by_both(world, await world.service())
    reduced = within(await world.service(sip_address="sip:other@cc.example"), Caller("pbx", []), Role.DIALER)
    unknown = await refusal(report(world, PBX, LeaseToken.new(ABSENT, 1).text))
    assert said(await refusal(report(world, reduced, token)), "") == said(unknown, "")


async def test_without_the_grant_for_its_service_the_last_outcome_can_be_repeated(world: World) -> None:
    """Its response may have been lost."""
    await create(world, CRM, await world.service())
    [leased] = await lease(world, PBX)
    await world.leases.dialing(PBX, token_of(leased))
    reduced = within(await world.service(sip_address="sip:other@cc.example"), Caller("pbx", []), Role.DIALER)
    assert [(await world.leases.ended(reduced, token_of(leased), REPORT))[1] for _ in range(2)] == [False, True]


async def test_a_token_that_is_made_up_extends_nothing(world: World) -> None:
    """Also where there are no identities: the id of the callback and the number of the lease are no secret."""
    await create(world, CRM, await world.service())
    [leased] = await lease(world, ANYBODY)
    [extended] = await world.leases.extend(ANYBODY, [LeaseToken.new(leased.callback_id, 1).text], timedelta(minutes=5))
    assert extended.lost is not None
    assert await world.callback_queries.get(OPS, leased.callback_id) == leased


async def test_another_identity_does_not_get_leases_by_the_name_of_a_dialer(world: World) -> None:
    await create(world, CRM, await world.service())
    [leased] = await lease(world, PBX, request_id=ABSENT)
    assert await lease(world, OTHER_PBX, request_id=ABSENT) == []
    assert await lease(world, PBX, request_id=ABSENT) == [leased]


async def test_a_dialer_gets_callbacks_of_granted_services_only(world: World) -> None:
    mine, other = await world.service(), await world.service(sip_address="sip:other@cc.example")
    await create(world, CRM, other)
    dialer = within(mine, Caller("pbx", []), Role.DIALER)
    nowhere = Caller("pbx", [Grant(role=Role.DIALER, services=frozenset({"sip:gone@cc.example"}))])
    assert await lease(world, dialer) == []
    assert await lease(world, dialer, service_ids=frozenset({other.service_id})) == []
    assert await lease(world, nowhere) == [], "no service is not every service"
    made = await create(world, CRM, mine, target="tel:+41785556688")
    assert [c.callback_id for c in await lease(world, dialer)] == [made.callback_id]


async def test_a_grant_that_is_gone_begins_no_call_and_cuts_none_off(world: World) -> None:
    service, other = await world.service(), await world.service(sip_address="sip:other@cc.example")
    await create(world, CRM, service)
    await create(world, CRM, service, target="tel:+41785556688")
    offered, dialed = await lease(world, PBX, max_leases=2)
    await world.leases.dialing(PBX, token_of(dialed))
    reduced = within(other, Caller("pbx", []), Role.DIALER)
    assert isinstance(await refusal(world.leases.dialing(reduced, token_of(offered))), NotAllowed)
    tokens = [token_of(offered), token_of(dialed)]
    lost, kept = await world.leases.extend(reduced, tokens, timedelta(minutes=5))
    assert (lost.lost is not None, kept.lost) == (True, None)
    ended, _ = await world.leases.ended(reduced, token_of(dialed), REPORT)
    assert ended.attempts[-1].outcome is Outcome.BUSY
    assert await world.state(offered) is State.OFFERED


async def test_a_repeated_poll_hands_out_no_lease_whose_grant_is_gone(world: World) -> None:
    service, other = await world.service(), await world.service(sip_address="sip:other@cc.example")
    await create(world, CRM, service)
    await create(world, CRM, service, target="tel:+41785556688")
    offered, dialed = await lease(world, PBX, max_leases=2, request_id=ABSENT)
    await world.leases.dialing(PBX, token_of(dialed))
    reduced = within(other, Caller("pbx", []), Role.DIALER)
    again = await lease(world, reduced, max_leases=2, request_id=ABSENT)
    assert [c.callback_id for c in again] == [dialed.callback_id]
    again = await lease(world, PBX, max_leases=2, request_id=ABSENT)
    assert {c.callback_id for c in again} == {offered.callback_id, dialed.callback_id}


# --- Queues ------------------------------------------------------------------------------------------------------


async def test_a_position_names_no_callback_of_others(world: World) -> None:
    service = await world.service()
    theirs = await create(world, ERP, service)
    mine = await create(world, CRM, service)
    await lease(world, PBX)
    for caller, named in ((CRM, False), (OPS, True)):
        view = await world.look(caller, service, mine)
        assert view.standing is not None
        assert "Its target is in a call" in view.standing.explanation
        assert (theirs.callback_id in view.standing.explanation) is named


# --- Roles -------------------------------------------------------------------------------------------------------


async def test_the_log_has_who_did_it(world: World) -> None:
    made = await create(world, CRM, await world.service())
    [leased] = await lease(world, PBX)
    await world.leases.dialing(PBX, token_of(leased))
    await world.callback_changes.cancel(OPS, made.callback_id, "", "")
    await world.leases.ended(PBX, token_of(leased), REPORT)
    entries = await world.store.events(0, 100)
    assert [entry.identity for entry in entries] == ["crm", "pbx", "pbx", "ops", "pbx"]
