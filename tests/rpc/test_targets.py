"""One person, one call: what happens to a second callback to the same target."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import grpc
import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, refusal_in
from tests.world.dialer import CONNECTED, DIALING, Dialer
from tests.world.requests import cancel, from_now, ids, refused, reschedule, update, update_service

ALLOW, REFUSE, RETURN_EXISTING = (
    directory_pb.TARGET_POLICY_ALLOW,
    directory_pb.TARGET_POLICY_REFUSE,
    directory_pb.TARGET_POLICY_RETURN_EXISTING,
)
# One target, as two people write it.
SPACED, PLAIN = "tel: +41 78 555 66 77", "tel:+41785556677"


async def ask(api: Api, target: str, *, validate_only: bool = False, **fields: Any) -> pb.CreateCallbackResponse:
    return await api.callbacks.CreateCallback(
        pb.CreateCallbackRequest(callback_request=api.request(target, **fields), validate_only=validate_only)
    )


async def resolve(api: Api, target: str, reason: str = "") -> Sequence[cb.Callback]:
    response = await api.callbacks.ResolveCallbacks(
        pb.ResolveCallbacksRequest(target=target, reason=reason, include_callbacks=True)
    )
    assert not response.more
    assert [(r.callback_id, r.state) for r in response.results] == [
        (r.callback.callback_id, r.callback.state) for r in response.results
    ]
    return [result.callback for result in response.results]


async def complete(dialer: Dialer, lease: Any) -> None:
    await dialer.report(lease, DIALING)
    await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)


# --- One number, wherever it enters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("tel:+375 801 1234567", "tel:+3758011234567"),  # 8 is also the trunk prefix of Belarus
        ("tel:801 123 45 67", "tel:+3758011234567"),
        ("tel:8 029 491-19-11", "tel:+375294911911"),
        ("tel:+52 1 55 1234 5678", "tel:+525512345678"),
    ],
)
async def test_a_number_is_read_alike_by_every_call(api: Api, written: str, dialled: str) -> None:
    await update_service(api, default_region="BY")
    due = from_now(hours=1)
    created = [
        await api.create(written, due_date=due),
        await api.create(PLAIN, alternative_target=written, due_date=due),
        await update(api, await api.create(PLAIN, due_date=due), target=written),
    ]
    assert [callback.dial_target for callback in created] == [dialled] * 3
    for spelling in (written, dialled):
        page = await api.callbacks.ListCallbacks(
            pb.ListCallbacksRequest(filter=cb.CallbackFilter(dial_target=spelling))
        )
        assert ids(page.callbacks) == ids(reversed(created))
    assert sorted(ids(await resolve(api, written))) == sorted(ids(created))


# --- A second request ------------------------------------------------------------------------------------------


async def test_a_second_callback_is_allowed_unless_the_service_says_otherwise(api: Api) -> None:
    first, second = await ask(api, SPACED), await ask(api, PLAIN)
    assert (first.created, second.created) == (True, True)
    assert first.callback.dial_target == second.callback.dial_target


@pytest.mark.long
@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("fields", [{}, {"external_task_id": "8"}, {"priority": cb.PRIORITY_HIGH}], ids=str)
async def test_a_second_callback_is_refused_and_the_first_one_named(
    api: Api, fields: dict[str, Any], validate_only: bool
) -> None:
    await update_service(api, same_target_policy=REFUSE)
    first = await api.create(SPACED, due_date=from_now(hours=1))
    refusal = await refused(ask(api, PLAIN, validate_only=validate_only, **fields))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "TARGET_ALREADY_PENDING")
    assert refusal.metadata["callback_id"] == first.callback_id
    assert await api.list_all() == [first]


@pytest.mark.parametrize("validate_only", [False, True])
async def test_a_second_request_is_answered_with_the_open_callback(api: Api, validate_only: bool) -> None:
    """The callback keeps its own request, and the second one's name stays free."""
    await update_service(api, same_target_policy=RETURN_EXISTING)
    first = await api.create(SPACED, due_date=from_now(hours=1))
    second = await ask(api, PLAIN, external_task_id="8", priority=cb.PRIORITY_HIGH, validate_only=validate_only)
    assert (second.created, second.callback) == (False, first)
    await cancel(api, first)
    assert (await ask(api, "sip:x@y.example", external_task_id="8")).created


@pytest.mark.parametrize("policy", [REFUSE, RETURN_EXISTING])
async def test_a_repetition_is_no_second_request(api: Api, policy: Any) -> None:
    await update_service(api, same_target_policy=policy)
    request = pb.CreateCallbackRequest(callback_request=api.request(PLAIN), request_id=str(uuid4()))
    first = await api.callbacks.CreateCallback(request)
    named = await ask(api, "sip:x@y.example", external_task_id="7")
    again = await api.callbacks.CreateCallback(request)
    assert (first.created, again.created, again.callback) == (True, False, first.callback)
    again = await ask(api, "sip:x@y.example", external_task_id="7")
    assert (again.created, again.callback) == (False, named.callback)
    other = await refused(ask(api, PLAIN, external_task_id="7"))
    assert other.reason == "CALLBACK_ALREADY_EXISTS"


@pytest.mark.parametrize("end", ["cancel", "outcome"])
@pytest.mark.parametrize("policy", [REFUSE, RETURN_EXISTING])
async def test_once_the_first_has_ended_a_second_is_taken(api: Api, dialer: Dialer, policy: Any, end: str) -> None:
    await update_service(api, same_target_policy=policy)
    first = await api.create(SPACED)
    if end == "cancel":
        await cancel(api, first)
    else:
        await complete(dialer, await dialer.lease_one())
    second = await ask(api, PLAIN)
    assert second.created
    assert second.callback.callback_id != first.callback_id


async def test_other_targets_and_other_services_are_not_second(api: Api) -> None:
    await update_service(api, same_target_policy=REFUSE)
    elsewhere = await api.add_service("sip:sales@cc.example", same_target_policy=REFUSE)
    await api.create(PLAIN)
    assert (await ask(api, "tel:+41785556678")).created
    assert (await ask(api, PLAIN, service_id=elsewhere)).created
    # What counts is what is dialled.
    assert (await ask(api, PLAIN, alternative_target="sip:x@y.example")).created
    assert (await refused(ask(api, "sip:a@y.example", alternative_target=SPACED))).reason == "TARGET_ALREADY_PENDING"


@pytest.mark.parametrize("policy", [REFUSE, RETURN_EXISTING])
async def test_twenty_requests_at_once_make_one_callback(api: Api, policy: Any) -> None:
    await update_service(api, same_target_policy=policy)
    targets = [SPACED, PLAIN] * 10
    responses = await asyncio.gather(*(ask(api, target) for target in targets), return_exceptions=True)
    taken = [response for response in responses if isinstance(response, pb.CreateCallbackResponse)]
    [only] = await api.list_all()
    assert sum(response.created for response in taken) == 1
    assert {response.callback.callback_id for response in taken} == {only.callback_id}
    assert len(taken) == (1 if policy == REFUSE else len(targets))


async def test_within_a_batch_the_second_is_second_too(api: Api) -> None:
    await update_service(api, same_target_policy=REFUSE)
    requests = [
        pb.CreateCallbackRequest(callback_request=api.request(SPACED)),
        pb.CreateCallbackRequest(callback_request=api.request(PLAIN), validate_only=True),
        pb.CreateCallbackRequest(callback_request=api.request(PLAIN)),
        pb.CreateCallbackRequest(callback_request=api.request("sip:x@y.example")),
    ]
    response = await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests))
    assert [result.created for result in response.results] == [True, False, False, True]
    refusals = [refusal_in(result.error) for result in response.results]
    assert [refusal.reason for refusal in refusals] == ["", *["TARGET_ALREADY_PENDING"] * 2, ""]
    assert {refusal.metadata["callback_id"] for refusal in refusals[1:3]} == {response.results[0].callback_id}


# --- One call at a time ----------------------------------------------------------------------------------------


async def test_a_target_that_is_in_a_call_waits_without_holding_up_others(api: Api, dialer: Dialer) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    first = await api.create(PLAIN)
    second = await api.create(SPACED, priority=cb.PRIORITY_STRICT_PRIORITY, service_id=elsewhere)
    third = await api.create(PLAIN)
    behind = await api.create("sip:behind@b.example", service_id=elsewhere)
    [lease] = await dialer.lease(service_ids=[api.service_id], max_leases=10)
    assert lease.callback.callback_id == first.callback_id
    assert ids(await dialer.lease(10)) == [behind.callback_id]
    await dialer.report(lease, DIALING, CONNECTED)
    assert await dialer.lease(10) == []
    await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)
    [lease] = await dialer.lease(10)
    assert lease.callback.callback_id in {second.callback_id, third.callback_id}
    await complete(dialer, lease)
    [last] = await dialer.lease(10)
    assert {*ids([lease, last])} == {second.callback_id, third.callback_id}


async def test_many_polls_at_once_never_call_one_target_twice(api: Api) -> None:
    services = [api.service_id, *[await api.add_service(f"sip:{n}@cc.example") for n in range(3)]]
    for service_id in services:
        await api.create(PLAIN, service_id=service_id)
    dialers = [Dialer(api, f"dialer-{n}") for n in range(12)]
    for left in range(len(services), 0, -1):
        responses = await asyncio.gather(*(dialer.lease(10) for dialer in dialers))
        leases = [(dialer, lease) for dialer, response in zip(dialers, responses, strict=True) for lease in response]
        assert len(leases) == 1, f"with {left} waiting"
        await complete(*leases[0])
    assert {c.state for c in await api.list_all()} == {cb.CALLBACK_STATE_COMPLETED}


async def test_a_reschedule_to_a_target_in_a_call_waits_for_it(api: Api, dialer: Dialer) -> None:
    await api.create(PLAIN)
    lease = await dialer.lease_one()
    other = await api.create("sip:x@y.example", due_date=from_now(hours=1))
    await reschedule(api, other, due_date=from_now(hours=-1), target=SPACED)
    await api.until(other.callback_id, lambda callback: callback.state == cb.CALLBACK_STATE_QUEUED)
    assert await dialer.lease() == []
    await dialer.release(lease)
    assert len(await dialer.lease(10)) == 1


# --- A person who was served meanwhile -------------------------------------------------------------------------


async def test_resolving_ends_all_that_is_open_to_a_target(api: Api, dialer: Dialer) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    ended = await api.create(PLAIN)
    await complete(dialer, await dialer.lease_one())
    dialing = await api.create(SPACED)
    await dialer.report(await dialer.lease_one(), DIALING)
    queued = await api.create(PLAIN, service_id=elsewhere)
    scheduled = await api.create("sip:x@y.example", alternative_target=SPACED, due_date=from_now(hours=1))
    other = await api.create("sip:x@y.example", due_date=from_now(hours=1))
    resolved = await resolve(api, SPACED, "called in")
    assert ids(resolved) == ids([dialing, queued, scheduled])
    assert [c.state for c in resolved] == [
        cb.CALLBACK_STATE_CANCELLING,
        cb.CALLBACK_STATE_CANCELLED,
        cb.CALLBACK_STATE_CANCELLED,
    ]
    assert {c.cancel_reason for c in resolved} == {"called in"}
    for callback in resolved:
        assert await api.get(callback.callback_id) == callback
    assert (await api.get(ended.callback_id)).state == cb.CALLBACK_STATE_COMPLETED
    assert await api.get(other.callback_id) == other
    assert ids(await resolve(api, PLAIN, "again")) == [dialing.callback_id]
    assert (await api.get(dialing.callback_id)).cancel_reason == "called in"


async def test_resolving_leaves_a_conversation_alone(api: Api, dialer: Dialer) -> None:
    await api.create(PLAIN)
    connected = (await dialer.report(await dialer.lease_one(), DIALING, CONNECTED)).callback
    assert list(await resolve(api, SPACED)) == [connected]
    assert await api.get(connected.callback_id) == connected


async def test_resolving_what_nobody_asked_for_is_ok(api: Api) -> None:
    assert list(await resolve(api, PLAIN)) == []


@pytest.mark.parametrize(
    ("target", "reason", "fields"), [("", "", {"target"}), ("fax:1", "x" * 513, {"target", "reason"})]
)
async def test_faults_of_resolving(api: Api, target: str, reason: str, fields: set[str]) -> None:
    refusal = await refused(resolve(api, target, reason))
    assert (refusal.reason, set(refusal.fields)) == ("INVALID_FIELD", fields)
