"""The HTTP dialer with a real gateway, on real sockets: orders, reports, and calls of which either is lost."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.dialers.http import HttpDialer, Patience
from ringback.dialers.http_messages import GatewayEvent, is_signed, parse_report, sign
from ringback.dialers.http_settings import HttpDialerSettings
from ringback.dialers.http_transport import MAX_CONNECTIONS
from ringback.domain.callback import Callback
from ringback.domain.errors import LeaseExpired, LeaseRefused, StorageUnavailable
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import HandedOver, NotDialled, OutcomeReport
from tests.world.gateway import SECRET, Gateway, running_gateway, send, signature
from tests.world.samples import SERVICE, dial, new, offer

# So short that what is waited for in vain is over at once.
SHORT = Patience(order_s=0.05, first_retry_s=0.001, longest_retry_s=0.01, silence_s=0.01, grace_s=0.05)
PATIENT = Patience(order_s=0, first_retry_s=0.001)


class ScriptedCall:
    """A `Call` that notes what is recorded of it."""

    def __init__(self) -> None:
        self.hang_up = asyncio.Event()
        self.superseded = False
        self.recorded: list[object] = []
        self.kept = b""
        self.refusal: LeaseRefused | StorageUnavailable | None = None

    async def dialing(self, call_ids: Sequence[str] = ()) -> Callback:
        if self.refusal is not None:
            raise self.refusal
        self.recorded.append(("dialing", *call_ids))
        return new()

    async def ringing(self) -> None:
        self.recorded.append("ringing")

    async def connected(self) -> None:
        self.recorded.append("connected")

    async def keep(self, body: bytes) -> None:
        self.kept = body

    def judge_address(self, address: str) -> str:
        return ""


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture
async def call() -> ScriptedCall:
    return ScriptedCall()


async def started(gateway: Gateway, patience: Patience = PATIENT) -> HttpDialer:
    listen = ("127.0.0.1", 0)
    return await HttpDialer.start(HttpDialerSettings(url=gateway.url, secret=SECRET, listen=listen), patience)


@pytest.fixture
async def dialer(gateway: Gateway) -> AsyncIterator[HttpDialer]:
    dialer = await started(gateway)
    yield dialer
    dialer.stop()


@pytest.fixture
async def hasty(gateway: Gateway) -> AsyncIterator[HttpDialer]:
    dialer = await started(gateway, SHORT)
    yield dialer
    dialer.stop()


def placing(dialer: HttpDialer, call: ScriptedCall, **service: Any) -> asyncio.Task[object]:
    return asyncio.ensure_future(dialer.place(offer(new()), replace(SERVICE, **service), call))


@pytest.mark.parametrize("trace", ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None])
async def test_each_order_of_a_call_has_the_trace_of_its_callback(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall, trace: str | None
) -> None:
    offered = replace(offer(new()), trace_parent=trace)
    placed = asyncio.ensure_future(dialer.place(offered, SERVICE, call))
    order = await gateway.order()
    assert "traceparent" not in order
    await gateway.report(order, "dialing")
    call.hang_up.set()
    await gateway.order("cancel")
    await gateway.report(order, "ended", outcome="ABANDONED")
    await placed
    taken_over = asyncio.ensure_future(dialer.resume(dial(offered), SERVICE, ScriptedCall(), order["order"].encode()))
    await gateway.report(await gateway.order("status"), "ended", outcome="BUSY")
    await taken_over
    assert gateway.traces == [trace] * 3


async def test_a_call_from_its_order_to_its_end(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    callback = offer(new(target="tel:+41445556677", description="about the bill", context_url="https://crm.example/7"))
    service = replace(
        SERVICE,
        agent_address="sip:agents@pbx.example",
        caller_line_identity="tel:+41441112233",
        max_call_duration=timedelta(minutes=10),
    )
    placed = asyncio.ensure_future(dialer.place(callback, service, call))
    order = await gateway.order()
    assert call.kept == order["order"].encode()
    assert order == {
        "order": order["order"],
        "type": "call",
        "report_url": dialer.report_url,
        "callback_id": callback.callback_id,
        "attempt": 1,
        "target": "tel:+41445556677",
        "service": "sip:support@example.com",
        "agent_address": "sip:agents@pbx.example",
        "first_leg": "AGENT",
        "ring_timeout_s": 30.0,
        "max_call_duration_s": 600.0,
        "caller_line_identity": "tel:+41441112233",
        "caller_line_restricted": False,
        "context_url": "https://crm.example/7",
        "description": "about the bill",
        "external_task_id": "",
    }
    assert callback.lease is not None
    assert callback.lease.token not in json.dumps(order)
    assert await gateway.report(order, "dialing", call_ids=["a@pbx", "b@pbx"]) == 200
    assert await gateway.report(order, "ringing") == 200
    assert await gateway.report(order, "connected") == 200
    assert await gateway.report(order, "ended", outcome="ANSWERED", agent="sip:anna@pbx", q850_cause=16) == 200
    assert await placed == OutcomeReport(
        outcome=Outcome.ANSWERED, agent="sip:anna@pbx", q850_cause=16, call_ids=("a@pbx", "b@pbx")
    )
    assert call.recorded == [("dialing", "a@pbx", "b@pbx"), "ringing", "connected"]


async def test_reports_that_come_twice_or_late_change_nothing(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall
) -> None:
    placed = placing(dialer, call)
    order = await gateway.order()
    for event in ("dialing", "dialing", "connected", "dialing", "connected"):
        assert await gateway.report(order, event) == 200
    assert call.recorded == [("dialing",), "connected"]
    assert await gateway.report(order, "not_dialled") == 409
    assert await gateway.report(order, "ended", outcome="MACHINE") == 200
    assert await placed == OutcomeReport(outcome=Outcome.MACHINE)
    assert await gateway.report(order, "ended", outcome="MACHINE") == 200
    assert await gateway.report(order, "ringing") == 200
    # A target is not dialled for an order that is over.
    assert await gateway.report(order, "dialing") == 409
    assert call.recorded == [("dialing",), "connected"]


@pytest.mark.parametrize(
    ("event", "recorded"),
    [
        ({"event": "ringing"}, [("dialing",), "ringing"]),
        ({"event": "connected"}, [("dialing",), "connected"]),
        ({"event": "ended", "outcome": "ANSWERED"}, [("dialing",), "connected"]),
        ({"event": "ended", "outcome": "BUSY"}, [("dialing",)]),
    ],
)
async def test_what_was_not_reported_before_is_implied(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall, event: dict[str, Any], recorded: list[object]
) -> None:
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, **event) == 200
    assert call.recorded == recorded
    if event["event"] != "ended":
        assert await gateway.report(order, "ended", outcome="BUSY") == 200
    assert isinstance(await placed, OutcomeReport)


async def test_agents_who_do_not_answer_use_no_attempt(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall
) -> None:
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "not_dialled", reason="nobody is there", agents_unavailable=True) == 200
    assert await placed == NotDialled("nobody is there", agents_unavailable=True)
    assert call.recorded == []


async def test_a_target_that_must_not_be_dialled(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    call.refusal = LeaseExpired("id", "cancelled")
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "dialing") == 409
    with pytest.raises(LeaseExpired):
        await placed
    assert await gateway.report(order, "dialing") == 409


async def test_what_cannot_be_recorded_is_reported_again(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall
) -> None:
    call.refusal = StorageUnavailable("the disk is full")
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "ended", outcome="BUSY") == 503
    call.refusal = None
    assert await gateway.report(order, "ended", outcome="BUSY") == 200
    assert await placed == OutcomeReport(outcome=Outcome.BUSY)


# --- The signal to hang up -------------------------------------------------------------------------------------------


async def test_a_cancel_before_the_target_is_dialled(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    placed = placing(dialer, call)
    order = await gateway.order()
    call.hang_up.set()
    cancel = await gateway.order("cancel")
    assert cancel == {"order": order["order"], "type": "cancel", "report_url": dialer.report_url}
    assert isinstance(await placed, NotDialled)
    assert await gateway.report(order, "dialing") == 409
    assert call.recorded == []


async def test_a_cancel_while_the_target_rings(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "ringing") == 200
    call.hang_up.set()
    await gateway.order("cancel")
    assert await gateway.report(order, "ended", outcome="NO_ANSWER", sip_status=487) == 200
    assert await placed == OutcomeReport(outcome=Outcome.NO_ANSWER, sip_status=487)


async def test_a_cancel_of_an_order_that_was_not_delivered_yet(
    gateway: Gateway, call: ScriptedCall, hasty: HttpDialer
) -> None:
    """The order is not repeated after its cancel."""
    gateway.answers = [503]
    placed = placing(hasty, call)
    await gateway.order()
    call.hang_up.set()
    assert isinstance(await placed, NotDialled)
    kinds = [gateway.orders.get_nowait()["type"] for _ in range(gateway.orders.qsize())]
    assert kinds[-1] == "cancel"


async def test_a_dialing_that_comes_again_after_the_cancel(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall
) -> None:
    """Its first response may have been lost, and the target not be called yet."""
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "dialing") == 200
    assert await gateway.report(order, "dialing") == 200
    call.hang_up.set()
    await gateway.order("cancel")
    assert await gateway.report(order, "dialing") == 409
    assert await gateway.report(order, "ended", outcome="ABANDONED") == 200
    assert await placed == OutcomeReport(outcome=Outcome.ABANDONED)


async def test_an_answered_call_cannot_have_been_busy(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    """A gateway that contradicts itself has a call that has ended, and a target that was reached."""
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "connected") == 200
    assert await gateway.report(order, "ended", outcome="BUSY", detail="486 at the agent") == 200
    assert await placed == OutcomeReport(outcome=Outcome.ANSWERED, detail="reported as BUSY: 486 at the agent")


@pytest.mark.parametrize("outcome", [Outcome.MACHINE, Outcome.ABANDONED, Outcome.INTERRUPTED])
async def test_what_may_follow_an_answer(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall, outcome: Outcome
) -> None:
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "connected") == 200
    assert await gateway.report(order, "ended", outcome=outcome) == 200
    assert await placed == OutcomeReport(outcome=outcome)


async def test_call_ids_count_with_each_report(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    """A PBX may have the name of the target's leg only when that is up."""
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "dialing", call_ids=["agent@pbx"]) == 200
    assert await gateway.report(order, "ringing", call_ids=["agent@pbx", "target@pbx"]) == 200
    assert await gateway.report(order, "connected", call_ids=["target@pbx", "bridge@pbx"]) == 200
    assert await gateway.report(order, "ended", outcome="ANSWERED") == 200
    assert await placed == OutcomeReport(outcome=Outcome.ANSWERED, call_ids=("agent@pbx", "target@pbx", "bridge@pbx"))


async def test_a_gateway_that_never_says_how_a_cancelled_call_ended(
    gateway: Gateway, hasty: HttpDialer, call: ScriptedCall
) -> None:
    placed = placing(hasty, call)
    order = await gateway.order()
    assert await gateway.report(order, "dialing") == 200
    call.hang_up.set()
    assert await placed == OutcomeReport(outcome=Outcome.INTERRUPTED, detail="hung up, and no end was reported")


# --- Gateways that fail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [503, 429, None])
async def test_an_order_is_repeated_with_its_key_until_it_is_taken(
    gateway: Gateway, call: ScriptedCall, answer: int | None
) -> None:
    gateway.answers = [answer, answer]
    dialer = await started(gateway, Patience(first_retry_s=0.001))
    placed = placing(dialer, call)
    first, second, third = [await gateway.order() for _ in range(3)]
    assert first == second == third
    assert await gateway.report(first, "ended", outcome="BUSY") == 200
    assert await placed == OutcomeReport(outcome=Outcome.BUSY)
    dialer.stop()


@pytest.mark.parametrize("answer", [503, 401, 403, 404])
async def test_a_gateway_that_takes_no_orders_uses_no_attempts(
    gateway: Gateway, hasty: HttpDialer, call: ScriptedCall, answer: int
) -> None:
    gateway.answers = [answer] * 1000
    detail = f"the gateway did not take the order: {answer}"
    assert await placing(hasty, call) == NotDialled(detail, agents_unavailable=True)


async def test_there_is_no_gateway(call: ScriptedCall) -> None:
    with running_gateway() as gone:
        url = gone.url
    settings = HttpDialerSettings(url=url, secret=SECRET, listen=("127.0.0.1", 0))
    dialer = await HttpDialer.start(settings, SHORT)
    detail = "the gateway did not take the order: no response"
    assert await placing(dialer, call) == NotDialled(detail, agents_unavailable=True)
    dialer.stop()


async def test_an_order_that_is_refused_uses_an_attempt(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall
) -> None:
    gateway.answers = [422]
    detail = "the gateway did not take the order: 422"
    assert await placing(dialer, call) == OutcomeReport(outcome=Outcome.NETWORK_FAILURE, detail=detail)
    assert call.recorded == [("dialing",)]


async def test_the_status_of_a_silent_call_is_requested(gateway: Gateway, call: ScriptedCall) -> None:
    dialer = await started(gateway, Patience(order_s=0, silence_s=0.01))
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "connected") == 200
    await gateway.order("status")
    gateway.answers = [404]
    assert await placed == OutcomeReport(outcome=Outcome.ANSWERED, detail="the gateway has lost the call")
    dialer.stop()


@pytest.mark.parametrize(
    ("reported", "result"),
    [
        (None, NotDialled("the gateway has not reported an end in time", agents_unavailable=True)),
        (
            "dialing",
            OutcomeReport(outcome=Outcome.INTERRUPTED, detail="the gateway has not reported an end in time"),
        ),
    ],
)
async def test_a_call_without_an_end_is_cancelled(
    gateway: Gateway, hasty: HttpDialer, call: ScriptedCall, reported: str | None, result: object
) -> None:
    placed = placing(hasty, call, ring_timeout=timedelta(0))
    order = await gateway.order()
    if reported is not None:
        assert await gateway.report(order, reported) == 200
    assert await placed == result
    kinds = [gateway.orders.get_nowait()["type"] for _ in range(gateway.orders.qsize())]
    assert kinds[-1] == "cancel"


# --- Stops and restarts ----------------------------------------------------------------------------------------------


async def test_a_server_that_stops_leaves_the_call_to_the_next_one(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall
) -> None:
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "connected") == 200
    dialer.drain()
    assert await placed == HandedOver()
    # Nobody here takes it any more, and it must come again.
    assert await gateway.report(order, "ended", outcome="ANSWERED") == 503
    dialer.stop()
    successor, resumed = await started(gateway), ScriptedCall()
    try:
        resuming = asyncio.ensure_future(successor.resume(dial(offer(new())), SERVICE, resumed, call.kept))
        status = await gateway.order("status")
        assert status == {"order": order["order"], "type": "status", "report_url": successor.report_url}
        assert await gateway.report(status, "ended", outcome="ANSWERED") == 200
        assert await resuming == OutcomeReport(outcome=Outcome.ANSWERED)
        assert resumed.recorded == ["connected"]
    finally:
        successor.stop()


async def test_a_server_that_stops_begins_no_call(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    """Nothing is known of the agents then: their service does not rest on the other servers."""
    placed = placing(dialer, call)
    await gateway.order()
    dialer.drain()
    await gateway.order("cancel")
    result = await placed
    assert isinstance(result, NotDialled)
    assert not result.agents_unavailable


async def test_a_call_that_the_gateway_has_lost_meanwhile(
    gateway: Gateway, dialer: HttpDialer, call: ScriptedCall
) -> None:
    """It is not ordered again: the target may have been rung."""
    gateway.answers = [404]
    resumed = await dialer.resume(dial(offer(new())), SERVICE, call, b"0" * 32)
    assert resumed == OutcomeReport(outcome=Outcome.INTERRUPTED, detail="the gateway did not take the order: 404")


async def test_a_call_whose_lease_is_over_is_ended(gateway: Gateway, dialer: HttpDialer, call: ScriptedCall) -> None:
    await dialer.resume(None, None, call, b"0" * 32)
    assert (await gateway.order("cancel"))["order"] == "0" * 32


async def test_a_process_that_has_just_started_does_not_disown_calls(gateway: Gateway) -> None:
    """They may be those of an earlier process, which are taken over in a moment."""
    dialer = await started(gateway, Patience(order_s=3600))
    order = {"order": "0" * 32, "report_url": dialer.report_url}
    assert await gateway.report(order, "connected") == 503
    dialer.stop()


@pytest.mark.parametrize(
    ("url", "is_told"),
    [("http://gateway.example/", True), ("https://gateway.example/", False), ("http://[::1]:80/", False)],
)
async def test_orders_in_plain_text_are_told_of(url: str, is_told: bool, caplog: pytest.LogCaptureFixture) -> None:
    settings = HttpDialerSettings(url=url, secret=SECRET, listen=("127.0.0.1", 0))
    (await HttpDialer.start(settings, PATIENT)).stop()
    assert ("in plain text" in caplog.text) is is_told


# --- Hostile reports -------------------------------------------------------------------------------------------------


def in_json(value: object) -> bytes:
    return json.dumps({"order": "0" * 32, "event": value, "outcome": value, "detail": value}).encode()


@pytest.fixture
def report_body() -> bytes:
    return json.dumps({"order": "0" * 32, "event": "ringing"}).encode()


async def test_an_order_that_there_is_not(dialer: HttpDialer, report_body: bytes) -> None:
    assert (
        await send(dialer.report_url, report_body, {"Ringback-Signature": signature(report_body, time.time())}) == 404
    )


@pytest.mark.parametrize("age_s", [-400, 400])
async def test_a_signature_of_another_time(dialer: HttpDialer, report_body: bytes, age_s: int) -> None:
    header = signature(report_body, time.time() - age_s)
    assert await send(dialer.report_url, report_body, {"Ringback-Signature": header}) == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1",
        "t=1,v1=",
        "t=01,v1=" + "0" * 64,
        "t=" + "9" * 5000 + ",v1=" + "0" * 64,
        "v1=" + "0" * 64,
        "\u00b2",
        "t=\u0661,v1=" + "0" * 64,
    ],
)
async def test_a_signature_that_is_none(dialer: HttpDialer, report_body: bytes, header: str) -> None:
    assert await send(dialer.report_url, report_body, {"Ringback-Signature": header.encode().decode("latin-1")}) == 401


async def test_a_signature_of_something_else(dialer: HttpDialer, report_body: bytes) -> None:
    now = time.time()
    good = signature(report_body, now)
    for body, header in (
        (report_body + b" ", good),
        (report_body, signature(report_body, now, "another secret")),
        (report_body, good.replace(f"t={int(now)}", f"t={int(now) - 1}")),
        (report_body, good.upper()),
        (report_body, f"{good},{good}"),
    ):
        assert await send(dialer.report_url, body, {"Ringback-Signature": header}) == 401
    assert await send(dialer.report_url, report_body, {}) == 401


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"event": "ringing"}',
        b"[" * 10_000,
        *(
            json.dumps({"order": "0" * 32, "event": "ringing"} | wrong).encode()
            for wrong in (
                {"order": "0"},
                {"order": "../" * 11},
                {"event": "rang"},
                {"event": "ended"},
                {"event": "ended", "outcome": "GREAT"},
                {"outcome": "BUSY"},
                {"sip_status": 99},
                {"sip_status": 700},
                {"sip_status": "486"},
                {"q850_cause": 128},
                {"detail": "x" * 513},
                {"detail": "a\nb"},
                {"agent": 7},
                {"call_ids": ["a"] * 5},
                {"call_ids": ["a b"]},
                {"unknown": 1},
            )
        ),
    ],
)
async def test_a_report_that_cannot_be_read(dialer: HttpDialer, report: bytes) -> None:
    assert await send(dialer.report_url, report, {"Ringback-Signature": signature(report, time.time())}) == 400


async def test_a_report_that_is_too_large(dialer: HttpDialer) -> None:
    body = b" " * 20_000
    assert await send(dialer.report_url, body, {"Ringback-Signature": signature(body, time.time())}) == 413


async def test_another_method(dialer: HttpDialer) -> None:
    assert await send(dialer.report_url, b"", {}, "GET") == 405


async def test_many_connections_that_send_nothing(dialer: HttpDialer, report_body: bytes) -> None:
    """So many are kept open and no more; when they have gone, reports are taken again."""
    port = int(dialer.report_url.rstrip("/").rpartition(":")[2])
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    for _, each in (*opened, (reader, writer)):
        each.close()
        await each.wait_closed()
    headers = {"Ringback-Signature": signature(report_body, time.time())}
    assert await send(dialer.report_url, report_body, headers) == 404


@given(
    st.binary()
    | st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists).map(in_json)
)
def test_any_body_is_a_report_or_is_none(body: bytes) -> None:
    try:
        report = parse_report(body)
    except ValueError:
        return
    assert report.event in GatewayEvent


@given(st.binary(), st.text(), st.floats(0, 2**33))
def test_only_the_signature_of_the_body_is_one(body: bytes, header: str, now_s: float) -> None:
    secret = SECRET.encode()
    assert not is_signed(secret, body, header, now_s)
    signed = sign(secret, body, int(now_s))
    assert signed == signature(body, now_s)
    assert is_signed(secret, body, signed, now_s)
    assert not is_signed(secret, body + b"x", signed, now_s)
    assert not is_signed(secret, body, signed, now_s + 302)


@pytest.mark.parametrize(
    "no_http", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000]
)
async def test_what_is_no_http(dialer: HttpDialer, gateway: Gateway, call: ScriptedCall, no_http: bytes) -> None:
    """It is refused, and the next report is taken."""
    port = int(dialer.report_url.rstrip("/").rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(no_http)
    writer.write_eof()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 4")
    writer.close()
    placed = placing(dialer, call)
    order = await gateway.order()
    assert await gateway.report(order, "ended", outcome="BUSY") == 200
    assert await placed == OutcomeReport(outcome=Outcome.BUSY)
