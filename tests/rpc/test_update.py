"""UpdateCallback: which fields, in which state, and by which rules."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api
from tests.world.dialer import BUSY, CONNECTED, DIALING, Dialer
from tests.world.requests import ask, cancel, from_now, micros, refused, update, update_request, update_service

SCHEDULED, QUEUED = cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_QUEUED
OFFERED, CANCELLING = cb.CALLBACK_STATE_OFFERED, cb.CALLBACK_STATE_CANCELLING
HOUR_US = 3_600_000_000
# A new value for each field that can be changed, and what it was before.
PLAN: dict[str, tuple[Any, Any]] = {
    "target": ("tel: +41 78 555 66 77", "sip:old@b.example"),
    "alternative_target": ("sip:alternative@b.example", ""),
    "max_retries": (7, 1),
    "seconds_between_retries": (70, 60),
    "priority": (cb.PRIORITY_HIGHEST, cb.PRIORITY_LOW),
    "due_date": (from_now(hours=3), from_now(hours=2)),
    "expire_time": (from_now(hours=30), from_now(hours=20)),
}
TEXTS: dict[str, tuple[Any, Any]] = {
    "description": ("a new invoice", "an invoice"),
    "context_url": ("https://crm.example/2", "https://crm.example/1"),
    "supervisor": ("bob", "eve"),
    "labels": ({"team": "red"}, {"team": "blue", "tier": "1"}),
}
FIXED = ("service_id", "service_sip", "incoming_service_sip_uri", "external_task_id", "caller_id")


def before_it(**fields: Any) -> dict[str, Any]:
    return {name: old for name, (_, old) in {**PLAN, **TEXTS}.items() if name != "due_date"} | fields


def changed(before: cb.CallbackRequest, name: str) -> cb.CallbackRequest:
    """Return the request with the new value of one field."""
    after = cb.CallbackRequest()
    after.CopyFrom(before)
    after.ClearField(name)  # type: ignore[arg-type]
    after.MergeFrom(cb.CallbackRequest(**{name: {**PLAN, **TEXTS}[name][0]}))
    return after


# --- Each field, and nothing else ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PLAN, *TEXTS])
async def test_one_field_changes_while_it_waits(api: Api, name: str) -> None:
    callback = await api.create(**before_it(due_date=PLAN["due_date"][1]))
    updated = await update(api, callback, callback.etag, **{name: {**PLAN, **TEXTS}[name][0]})
    assert updated == await api.get(callback.callback_id)
    assert (updated.state, updated.revision) == (SCHEDULED, callback.revision + 1)
    assert updated.callback_request == changed(callback.callback_request, name)
    moved = name == "due_date"
    assert micros(updated.next_attempt_time) - micros(callback.next_attempt_time) == pytest.approx(
        HOUR_US if moved else 0, abs=10_000_000 if moved else 0
    )
    assert (updated.expire_time != callback.expire_time) is (name == "expire_time")
    dialled = {"target": "tel:+41785556677", "alternative_target": "sip:alternative@b.example"}
    assert updated.dial_target == dialled.get(name, "sip:old@b.example")


async def test_all_fields_at_once_and_what_is_not_named_is_ignored(api: Api) -> None:
    callback = await api.create(**before_it())
    values = {name: new for name, (new, _) in {**PLAN, **TEXTS}.items()}
    request = update_request(callback, **values)
    request.callback_request.caller_id = "another"
    request.update_mask.paths.extend(["priority", "priority"])
    updated = (await api.callbacks.UpdateCallback(request)).callback
    expected = callback.callback_request
    for name in values:
        expected = changed(expected, name)
    assert updated.callback_request == expected
    assert updated.dial_target == "sip:alternative@b.example"


@pytest.mark.parametrize(
    "unnamed",
    [
        {"due_date": Timestamp(seconds=2**60)},
        {"expire_time": Timestamp(nanos=-1)},
        {"due_date": from_now(days=3)},  # later than the expiry that is named
        {"target": "fax:1", "alternative_target": "x", "max_retries": -1, "seconds_between_retries": -1},
        {"service_id": "x", "priority": 99, "context_url": "x", "labels": {"": ""}},
    ],
    ids=["no time", "negative nanoseconds", "due after the expiry", "numbers and targets", "texts"],
)
@pytest.mark.parametrize("name", ["description", "expire_time"])
async def test_what_is_not_named_may_have_any_value(api: Api, name: str, unnamed: dict[str, Any]) -> None:
    callback = await api.create(**before_it())
    request = update_request(callback, **{name: {**PLAN, **TEXTS}[name][0]})
    others = {other: value for other, value in unnamed.items() if other != name}
    request.callback_request.MergeFrom(cb.CallbackRequest(**others))
    updated = (await api.callbacks.UpdateCallback(request)).callback
    assert updated.callback_request == changed(callback.callback_request, name)


async def test_what_is_named_but_unset_gets_what_a_create_gives_it(api: Api) -> None:
    callback = await api.create(**before_it(alternative_target="sip:other@b.example", due_date=PLAN["due_date"][1]))
    cleared: dict[str, Any] = dict.fromkeys(("alternative_target", "max_retries", "expire_time", *TEXTS))
    updated = await update(api, callback, **cleared)
    expected = cb.CallbackRequest()
    expected.CopyFrom(callback.callback_request)
    for name in cleared:
        expected.ClearField(name)  # type: ignore[arg-type]
    assert updated.callback_request == expected
    assert updated.dial_target == "sip:old@b.example"
    assert micros(updated.expire_time) == micros(callback.callback_request.due_date) + 7 * 24 * HOUR_US


async def test_a_target_alone_clears_the_alternative_one(api: Api) -> None:
    callback = await api.create("sip:a@b.example", alternative_target="sip:b@b.example")
    updated = await update(api, callback, target="sip:c@b.example")
    assert (updated.callback_request.alternative_target, updated.dial_target) == ("", "sip:c@b.example")
    both = await update(api, updated, target="sip:d@b.example", alternative_target="sip:e@b.example")
    assert (both.callback_request.target, both.dial_target) == ("sip:d@b.example", "sip:e@b.example")


# --- The place in the queue ------------------------------------------------------------------------------------


async def test_a_new_priority_keeps_the_place_in_time(api: Api, dialer: Dialer) -> None:
    first, second = await api.create("sip:a@b.example"), await api.create("sip:c@d.example", priority=cb.PRIORITY_HIGH)
    moved = await update(api, first, priority=cb.PRIORITY_HIGH)
    assert (moved.state, moved.queue_time, moved.next_attempt_time) == (
        QUEUED,
        first.queue_time,
        first.next_attempt_time,
    )
    leases = [await dialer.lease_one() for _ in range(2)]
    assert [lease.callback.callback_id for lease in leases] == [first.callback_id, second.callback_id]


async def test_a_new_due_date_gives_a_new_place(api: Api, dialer: Dialer) -> None:
    first, second = await api.create("sip:a@b.example"), await api.create("sip:c@d.example")
    await update(api, first, due_date=None)
    leases = [await dialer.lease_one(wait_s=10) for _ in range(2)]
    assert [lease.callback.callback_id for lease in leases] == [second.callback_id, first.callback_id]


@pytest.mark.parametrize("name", ["description", "labels", "target", "max_retries", "expire_time"])
async def test_what_is_queued_stays_queued(api: Api, name: str) -> None:
    callback = await api.create(**before_it())
    assert callback.state == QUEUED
    updated = await update(api, callback, **{name: {**PLAN, **TEXTS}[name][0]})
    assert (updated.state, updated.queue_time) == (QUEUED, callback.queue_time)


# --- Retries ---------------------------------------------------------------------------------------------------


async def retrying(api: Api, dialer: Dialer, **fields: Any) -> cb.Callback:
    """Return a callback that waits for its second attempt, an hour after the first."""
    await api.create(**{"seconds_between_retries": 3600, "max_retries": 3, **fields})
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING)
    return (await dialer.end(lease, BUSY)).callback


@pytest.mark.parametrize("seconds", [0, 60, 7200])
async def test_another_gap_moves_a_retry(api: Api, dialer: Dialer, seconds: int) -> None:
    callback = await retrying(api, dialer)
    updated = await update(api, callback, seconds_between_retries=seconds)
    earliest = micros(callback.attempts[0].end_time) + seconds * 1_000_000
    if seconds:
        assert micros(updated.next_attempt_time) == earliest
    else:  # now
        assert earliest <= micros(updated.next_attempt_time) < micros(callback.next_attempt_time)


async def test_an_update_does_not_undercut_the_gap(api: Api, dialer: Dialer) -> None:
    callback = await retrying(api, dialer)
    updated = await update(api, callback, due_date=None)
    assert updated.next_attempt_time == callback.next_attempt_time
    assert not updated.callback_request.HasField("due_date")


async def test_retries_are_counted_from_the_first_attempt(api: Api, dialer: Dialer) -> None:
    callback = await retrying(api, dialer, seconds_between_retries=0)
    refusal = await refused(update(api, callback, max_retries=0))
    assert refusal.fields == ("callback_request.max_retries",)
    await update(api, callback, max_retries=1)
    lease = await dialer.lease_one(wait_s=10)
    await dialer.report(lease, DIALING)
    assert (await dialer.end(lease, BUSY)).callback.state == cb.CALLBACK_STATE_FAILED


@pytest.mark.long
@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"due_date": from_now(hours=3)}, "due_date"),
        ({"seconds_between_retries": 3 * 3600}, "seconds_between_retries"),
        ({"expire_time": from_now(minutes=30)}, "expire_time"),
    ],
    ids=["due date", "gap", "expiry"],
)
async def test_the_next_attempt_comes_before_the_expiry(
    api: Api, dialer: Dialer, fields: dict[str, Any], blamed: str
) -> None:
    callback = await retrying(api, dialer, expire_time=from_now(hours=2))
    refusal = await refused(update(api, callback, **fields))
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", (f"callback_request.{blamed}",))
    assert await api.get(callback.callback_id) == callback


# --- In every state --------------------------------------------------------------------------------------------


async def in_call(api: Api, dialer: Dialer, state: Any) -> tuple[cb.Callback, Any]:
    callback = await api.create(**before_it())
    lease = await dialer.lease_one()
    steps = {
        cb.CALLBACK_STATE_DIALING: [DIALING],
        CANCELLING: [DIALING],
        cb.CALLBACK_STATE_CONNECTED: [DIALING, CONNECTED],
    }
    await dialer.report(lease, *steps.get(state, []))
    if state == CANCELLING:
        await cancel(api, callback)
    callback = await api.get(callback.callback_id)
    assert callback.state == state
    return callback, lease


@pytest.mark.parametrize("state", [OFFERED, cb.CALLBACK_STATE_DIALING, cb.CALLBACK_STATE_CONNECTED, CANCELLING])
async def test_texts_change_during_the_call_and_the_dialer_gets_them(api: Api, dialer: Dialer, state: Any) -> None:
    callback, lease = await in_call(api, dialer, state)
    [untouched] = await dialer.extend(lease.lease_token)
    assert not untouched.HasField("callback")
    updated = await update(api, callback, callback.etag, **{name: new for name, (new, _) in TEXTS.items()})
    assert (updated.state, updated.leased_by) == (state, "test")
    for name, (new, _) in TEXTS.items():
        value = getattr(updated.callback_request, name)
        assert (dict(value) if name == "labels" else value) == new
    for _ in range(2):
        [extended] = await dialer.extend(lease.lease_token)
        assert extended.callback == updated
    if state != OFFERED:
        response = await dialer.report(lease, DIALING)
        assert response.callback.callback_request.description == "a new invoice"


async def test_the_next_lease_has_the_new_texts_from_the_start(api: Api, dialer: Dialer) -> None:
    callback, lease = await in_call(api, dialer, OFFERED)
    await update(api, callback, description="urgent")
    await dialer.release(lease)
    again = await dialer.lease_one(wait_s=10)
    assert again.callback.callback_request.description == "urgent"
    [extended] = await dialer.extend(again.lease_token)
    assert not extended.HasField("callback")


@pytest.mark.long
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (OFFERED, "CALLBACK_IN_PROGRESS"),
        (cb.CALLBACK_STATE_DIALING, "CALLBACK_IN_PROGRESS"),
        (cb.CALLBACK_STATE_CONNECTED, "CALLBACK_CONNECTED"),
        (CANCELLING, "CALLBACK_IN_PROGRESS"),
    ],
)
@pytest.mark.parametrize("name", PLAN)
async def test_the_plan_does_not_change_during_the_call(
    api: Api, dialer: Dialer, name: str, state: Any, reason: str
) -> None:
    callback, _ = await in_call(api, dialer, state)
    for fields in ({}, {"description": "x"}):
        refusal = await refused(update(api, callback, **{name: PLAN[name][0], **fields}))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    assert await api.get(callback.callback_id) == callback


@pytest.mark.parametrize("name", [*PLAN, *TEXTS])
async def test_nothing_changes_after_the_end(api: Api, name: str) -> None:
    callback = await cancel(api, await api.create(**before_it()))
    refusal = await refused(update(api, callback, **{name: {**PLAN, **TEXTS}[name][0]}))
    assert refusal.reason == "CALLBACK_ENDED"
    assert await api.get(callback.callback_id) == callback


# --- What is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*FIXED, "*", "", "colour", "labels.team", "callback_request.target", "service"])
async def test_a_path_that_cannot_be_changed(api: Api, path: str) -> None:
    callback = await api.create()
    request = update_request(callback, description="x")
    request.update_mask.paths.append(path)
    refusal = await refused(api.callbacks.UpdateCallback(request))
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("update_mask",))
    assert await api.get(callback.callback_id) == callback


async def test_all_faults_at_once(api: Api) -> None:
    callback = await api.create()
    refusal = await refused(
        update(
            api,
            callback,
            target="fax:1",
            alternative_target="x",
            max_retries=101,
            seconds_between_retries=None,
            priority=None,
            context_url="x",
            due_date=from_now(days=367),
            supervisor="s" * 129,
            description="d" * 151,
            expire_time=from_now(days=-1),
            labels={"": ""},
        )
    )
    names = "target alternative_target max_retries seconds_between_retries priority context_url due_date supervisor"
    names += " description expire_time labels"
    assert refusal.fields == tuple(f"callback_request.{name}" for name in names.split())
    assert (await refused(update(api, callback))).fields == ("update_mask",)
    many = update_request(callback, description="x")
    many.update_mask.paths.extend(["description"] * 100)
    assert (await refused(api.callbacks.UpdateCallback(many))).fields == ("update_mask",)
    assert (await refused(update(api, callback, target=None))).fields == ("callback_request.target",)
    assert await api.get(callback.callback_id) == callback


async def test_an_old_etag(api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    newer = await update(api, callback, callback.etag, description="x")
    for fields in ({"description": "y"}, {"priority": cb.PRIORITY_LOW}):
        refusal = await refused(update(api, callback, callback.etag, **fields))
        assert (refusal.reason, refusal.metadata["current_etag"]) == ("ETAG_MISMATCH", newer.etag)


# --- Uniqueness ------------------------------------------------------------------------------------------------

POLICIES = [directory_pb.TARGET_POLICY_REFUSE, directory_pb.TARGET_POLICY_RETURN_EXISTING]


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_update_keeps_to_the_same_target_policy(api: Api, policy: Any) -> None:
    await update_service(api, same_target_policy=policy)
    taken = await api.create("tel:+41785556677", due_date=from_now(hours=1))
    other = await api.create("sip:x@b.example", due_date=from_now(hours=1))
    for fields in ({"target": "tel:+41 78 555 66 77"}, {"alternative_target": "tel:+41 (0)78 555 66 77"}):
        refusal = await refused(update(api, other, **fields))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "TARGET_ALREADY_PENDING")
        assert refusal.metadata["callback_id"] == taken.callback_id
    assert await api.get(other.callback_id) == other
    same = await update(api, taken, target="tel:+41 78 555 66 77", description="its own target")
    assert same.dial_target == taken.dial_target
    await cancel(api, taken)
    assert (await update(api, other, target="tel:+41785556677")).dial_target == "tel:+41785556677"


@pytest.mark.parametrize("policy", POLICIES)
async def test_thirty_at_once_onto_one_number(api: Api, policy: Any) -> None:
    await update_service(api, same_target_policy=policy)
    callbacks = [await api.create(f"sip:{n}@b.example", due_date=from_now(hours=1)) for n in range(30)]
    creates = [ask(api, api.request("tel:+41785556677")) for _ in range(3)]
    results = await asyncio.gather(
        *(update(api, callback, target="tel:+41785556677") for callback in callbacks),
        *creates,
        return_exceptions=True,
    )
    at_target = await api.list_all(dial_target="tel:+41785556677")
    assert len(at_target) == 1
    updated = [result for result in results if isinstance(result, cb.Callback)]
    created = [result for result in results if isinstance(result, pb.CreateCallbackResponse) and result.created]
    assert len(updated) + len(created) == 1


async def test_a_repeated_create_finds_the_updated_callback(api: Api) -> None:
    request = api.request("tel:+41785556677", external_task_id="7", description="first")
    first = await ask(api, request)
    updated = await update(api, first.callback, description="second", priority=cb.PRIORITY_HIGH)
    again = await ask(api, request)
    assert (again.created, again.callback) == (False, updated)
    other = await refused(ask(api, updated.callback_request))
    assert other.reason == "CALLBACK_ALREADY_EXISTS"
    assert set(other.metadata["differing_fields"].split(",")) == {"description", "priority"}


# --- National numbers ------------------------------------------------------------------------------------------


async def test_a_national_number_is_one_of_the_service_s_region(api: Api) -> None:
    """In every place where a number enters."""
    service = await update_service(api, default_region="ch", caller_line_identity="tel:044 555 66 77")
    assert (service.default_region, service.caller_line_identity) == ("CH", "tel:+41445556677")
    callback = await api.create("tel:0785556677", due_date=from_now(hours=1))
    assert (callback.dial_target, callback.callback_request.target) == ("tel:+41785556677", "tel:0785556677")
    assert await api.list_all(dial_target="tel:078 555 66 77") == [callback]
    assert await api.list_all(dial_target="tel:0785556677", service_ids=[api.service_id]) == [callback]
    assert await api.list_all(dial_target="tel:0785556677", service_sips=["sip:support@cc.example"]) == [callback]
    moved = await update(api, callback, alternative_target="tel:0791234567")
    assert moved.dial_target == "tel:+41791234567"
    both = await update(api, moved, alternative_target=None)
    assert both.dial_target == "tel:+41785556677"
    await api.add_service("sip:plain@cc.example")  # a service without a region makes no difference
    resolved = await api.callbacks.ResolveCallbacks(pb.ResolveCallbacksRequest(target="tel:0785556677"))
    assert [result.callback_id for result in resolved.results] == [callback.callback_id]


async def test_a_national_number_of_several_regions_or_none_is_refused(api: Api) -> None:
    plain = await api.create(due_date=from_now(hours=1))
    for call in (
        ask(api, api.request("tel:0785556677")),
        api.list_all(dial_target="tel:0785556677"),
        update(api, plain, target="tel:0785556677"),
        api.callbacks.ResolveCallbacks(pb.ResolveCallbacksRequest(target="tel:0785556677")),
    ):
        assert (await refused(call)).reason == "INVALID_FIELD"
    swiss = await api.add_service("sip:swiss@cc.example", default_region="CH")
    await api.add_service("sip:german@cc.example", default_region="DE")
    assert (await refused(api.list_all(dial_target="tel:0785556677"))).fields == ("filter.dial_target",)
    assert await api.list_all(dial_target="tel:0785556677", service_ids=[swiss]) == []


@pytest.mark.parametrize("region", ["DE", ""])
async def test_a_national_number_stays_what_it_was_when_the_region_changes(api: Api, region: str) -> None:
    await update_service(api, default_region="CH")
    callback = await api.create("tel:0785556677", alternative_target="sip:x@b.example", due_date=from_now(hours=1))
    await update_service(api, default_region=region)
    replaced = await update(api, callback, alternative_target="sip:y@b.example", description="an agent's note")
    updated = await update(api, replaced, alternative_target=None)
    assert (updated.dial_target, updated.callback_request.target) == ("tel:+41785556677", "tel:0785556677")
    again = await update(api, updated, alternative_target="sip:z@b.example")
    assert (await update(api, again, alternative_target=None)).dial_target == "tel:+41785556677"
