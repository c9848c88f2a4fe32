"""`ringback history` and `ringback trace`: what they print, and how they exit."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.dialers.sip.messages.trace import Trace
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, by_id
from tests.world.command_line import Run
from tests.world.dialer import BUSY, DIALING, RINGING, Dialer
from tests.world.ladder_messages import request, response

UNKNOWN_ID: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
PEER: Final = Destination(Transport.UDP, "192.0.2.1", 5060)
AT: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without a built-in dialer."""
    return replace(settings, dialer="none")


@pytest.fixture
def dialer(api: Api) -> Dialer:
    return Dialer(api)


async def test_a_life_line_by_line(ringback: Run, api: Api, dialer: Dialer) -> None:
    created = await api.create(max_retries=0)
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING, RINGING)
    await dialer.end(lease, BUSY, sip_status=486)
    ran = await ringback("history", created.callback_id)
    assert ran.code == 0
    assert [re.split(" {2,}", line.rstrip())[1:] for line in ran.out.splitlines()] == [
        ["created", "queued", "-"],
        ["leased", "offered", "-", "by dialer test"],
        ["dialled", "dialing", "-", "attempt 1"],
        ["updated", "dialing", "-", "rings"],
        ["failed", "failed", "-", "busy (SIP 486)"],
    ]


async def test_as_json(ringback: Run, api: Api) -> None:
    created = await api.create(caller_id="crm", external_task_id="42")
    await api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(created.callback_id)))
    ran = await ringback("history", "crm/42", "--json")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert [event["callback"]["revision"] for event in events] == ["1", "2"]


async def test_one_that_there_is_not(ringback: Run) -> None:
    for command in (("history",), ("trace",)):
        ran = await ringback(*command, UNKNOWN_ID)
        assert ran.code == 1
        assert ran.err.startswith("CALLBACK_NOT_FOUND: ")


async def test_the_ladder_of_the_last_attempt(ringback: Run, app: App, api: Api, dialer: Dialer) -> None:
    trace = Trace()
    app.use_cases.attempt_traces.attach(trace)
    for index, (sent, data) in enumerate(
        [(True, request("INVITE", "a", sdp=True)), (False, response("200 OK", "a")), (True, request("INVITE", "b"))]
    ):
        trace.record("sent" if sent else "received", PEER, data, AT + index * timedelta(seconds=1))
    created = await api.create()
    await dialer.report(await dialer.lease_one(), DIALING, call_ids=["a", "b"])
    ran = await ringback("trace", created.callback_id, "--messages")
    assert ran.code == 0
    assert ran.out.splitlines()[:5] == [
        "           agent                      ringback                      target",
        "    0.000  |<--------- INVITE sdp --------|                              |",
        "    1.000  |----------- 200 OK ---------->|                              |",
        "    2.000  |                              |----------- INVITE ---------->|",
        "    2.000  - Call-IDs: agent a, target b",
    ]
    assert "2026-03-02T09:00:02Z sent UDP 192.0.2.1:5060" in ran.out
    assert "445556677" not in ran.out
    as_json = await ringback("trace", created.callback_id, "--attempt", "1", "--json")
    assert [json.loads(line)["call_id"] for line in as_json.out.splitlines()] == ["a", "a", "b"]


async def test_without_messages_it_says_so(ringback: Run, api: Api, dialer: Dialer) -> None:
    created = await api.create()
    none = await ringback("trace", created.callback_id)
    assert (none.code, none.err) == (1, "INVALID_FIELD:\n  attempt: there was none\n")
    await dialer.report(await dialer.lease_one(), DIALING)
    ran = await ringback("trace", created.callback_id)
    assert (ran.code, ran.out, ran.err) == (0, "", "the server has no messages of attempt 1\n")
