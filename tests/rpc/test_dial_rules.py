"""Dial rules over a channel: the refusal of a create and an update, the rules of a service, and a blocked callback."""

import asyncio

import grpc
import pytest

from ringback.app import App
from ringback.domain.dial_rules import DEFAULT_RULES, DialRules, PhoneRules
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id, refusal_in, refusal_of
from tests.world.dialer import DIALING, Dialer

SWISS = "tel:+41785556677"


async def test_a_create_is_refused_with_the_rule_and_the_field(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.create("tel:+19005551234")
    refusal = refusal_of(error.value)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "DIAL_RULE")
    assert refusal.metadata == {"rule": "phone.deny_kinds"}
    assert refusal.fields == ("callback_request.target",)
    assert "900555" not in str(error.value.trailing_metadata())


async def test_with_another_fault_it_is_an_invalid_field(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.create("sip:112@h.example", priority=0)
    refusal = refusal_of(error.value)
    assert refusal.reason == "INVALID_FIELD"
    assert refusal.fields == ("callback_request.target", "callback_request.priority")


async def test_one_item_of_a_batch_is_refused(api: Api) -> None:
    requests = [pb.CreateCallbackRequest(callback_request=api.request(t)) for t in ("sip:anna@127.0.0.1", SWISS)]
    results = (await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests))).results
    assert refusal_in(results[0].error).reason == "DIAL_RULE"
    assert results[1].created


async def test_the_rules_of_a_service_come_back_and_hold(api: Api) -> None:
    rules = directory_pb.DialRules(
        phone=directory_pb.PhoneRules(allow=["+43"], deny_kinds=["mobile"]),
        sip=directory_pb.SipRules(allow_hosts=["*.example"]),
        attempts_per_number_and_day=1,
        quiet_hours=directory_pb.QuietHours(to="08:00", zone="Europe/Zurich", **{"from": "21:00"}),
    )
    request = directory_pb.UpdateServiceRequest(
        service=directory_pb.Service(service_id=api.service_id, dial_rules=rules)
    )
    request.service.keep_ended.FromSeconds(7200)
    request.update_mask.paths[:] = ["dial_rules", "keep_ended"]
    service = (await api.directory.UpdateService(request)).service
    assert service.dial_rules == rules
    assert service.keep_ended.seconds == 7200
    for target in (SWISS, "tel:+436641234567", "sip:anna@h.other"):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await api.create(target)
        assert refusal_of(error.value).reason == "DIAL_RULE"
    request.service.ClearField("dial_rules")
    request.update_mask.paths[:] = ["dial_rules"]
    service = (await api.directory.UpdateService(request)).service
    assert not service.HasField("dial_rules")
    assert service.keep_ended.seconds == 7200
    assert (await api.create(SWISS)).callback_id


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"phone": {"allow": ["41"]}}, "phone.allow[0]"),
        ({"phone": {"deny": ["+41", "+ 43"]}}, "phone.deny[1]"),
        ({"phone": {"deny_kinds": ["expensive"]}}, "phone.deny_kinds[0]"),
        ({"sip": {"allow_hosts": ["loopback"]}}, "sip.allow_hosts[0]"),
        ({"sip": {"allow_hosts": ["*", "10.0.0.1/8"]}}, "sip.allow_hosts[1]"),
        ({"sip": {"deny_hosts": [""]}}, "sip.deny_hosts[0]"),
        ({"phone": {"deny": ["+41"] * 1001}}, "phone.deny"),
        ({"attempts_per_number_and_day": 0}, "attempts_per_number_and_day"),
        ({"quiet_hours": {}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "08:00", "to": "08:00"}}, "quiet_hours.to"),
        ({"quiet_hours": {"from": "08:00", "to": "09:00", "zone": "Mars"}}, "quiet_hours.zone"),
    ],
)
async def test_rules_of_a_service_that_are_refused(api: Api, rules: dict[str, object], field: str) -> None:
    service = directory_pb.Service(sip_address="sip:new@cc.example", dial_rules=rules)  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.directory.CreateService(directory_pb.CreateServiceRequest(service=service))
    refusal = refusal_of(error.value)
    assert refusal.reason == "INVALID_FIELD"
    assert f"service.dial_rules.{field}" in refusal.fields


async def test_an_update_of_the_target_is_refused(api: Api) -> None:
    waiting = await api.create(SWISS)
    request = pb.UpdateCallbackRequest(
        key=by_id(waiting.callback_id), callback_request=cb.CallbackRequest(target="sip:*21*1%23@h.example")
    )
    request.update_mask.paths.append("target")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.callbacks.UpdateCallback(request)
    assert refusal_of(error.value).metadata == {"rule": "phone.deny_kinds"}


async def test_what_is_denied_by_now_fails_as_blocked_and_is_not_leased(app: App, api: Api, dialer: Dialer) -> None:
    denied = await api.create(SWISS)
    allowed = await api.create("tel:+436641234567")
    app.replace_dial_rules(DialRules(phone=PhoneRules(deny=("+41",)), sip=DEFAULT_RULES.sip))
    assert [lease.callback.callback_id for lease in await dialer.lease(10)] == [allowed.callback_id]
    ended = await api.get(denied.callback_id)
    assert ended.state == cb.CALLBACK_STATE_FAILED
    [attempt] = ended.attempts
    assert attempt.outcome == cb.CALL_OUTCOME_BLOCKED
    assert attempt.detail == "phone.deny: begins with a prefix that is denied"


async def test_calls_that_begin_at_the_same_time_are_not_more_than_a_day_may_have(api: Api, dialer: Dialer) -> None:
    """Each extension of a number is a phone of its own: nothing but the limit keeps them from being called at once."""
    service_id = await api.add_service("sip:many@cc.example", max_concurrent_calls=100)
    for extension in range(30):
        await api.create(f"{SWISS};ext={extension}", service_id=service_id)
    leases = await dialer.lease(30)
    assert len(leases) == 30
    results = await asyncio.gather(*(dialer.report(lease, DIALING) for lease in leases), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 20
    states = [callback.state for callback in await api.list_all(service_ids=[service_id])]
    assert (states.count(cb.CALLBACK_STATE_DIALING), states.count(cb.CALLBACK_STATE_FAILED)) == (20, 10)
