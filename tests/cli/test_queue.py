"""`ringback queue`, `explain` and `resolve`."""

import json
import re
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.cli.queue_tables import queue_facts
from ringback.cli.times import Times
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api
from tests.world.command_line import Run
from tests.world.requests import cancel, from_now

SUPPORT = "sip:support@cc.example"
AT, THEN = Timestamp(seconds=1_900_000_000), "2030-03-17T17:46:40Z"


async def test_a_queue_and_the_reason_why_somebody_waits(ringback: Run, api: Api) -> None:
    await api.add_service("sip:paused@cc.example", paused=True)
    waiting = await api.create(service_sip="sip:paused@cc.example")
    later = await api.create(due_date=from_now(hours=1))
    queue = await ringback("queue", "sip:paused@cc.example")
    rows = [row.split() for row in queue.out.splitlines()]
    assert queue.code == 0
    oldest = Times().write(waiting.next_attempt_time)
    assert ["normal", "1", oldest] in rows
    assert rows[-1] == ["estimated", "wait", "unknown", "(the", "service", "is", "paused)"]
    explained = await ringback("explain", waiting.callback_id)
    view = await api.directory.GetQueue(pb.GetQueueRequest(sip_address="sip:paused@cc.example"))
    paused = Times().write(view.pause_time)
    assert explained == (0, f"queued (paused) Position 1 of 1. The service is paused since {paused}.\n", "")
    due = (await ringback("explain", later.callback_id)).out
    assert (
        due
        == f"scheduled (not-due) It is due at {Times().write(later.next_attempt_time)}. Nobody waits in its queue.\n"
    )
    await cancel(api, later)
    ended = (await ringback("explain", later.callback_id)).out
    assert re.fullmatch(r"cancelled at \S+Z, before any attempt: no reason was given\n", ended)


async def test_the_facts_of_a_queue(ringback: Run, api: Api) -> None:
    await api.add_service("sip:paused@cc.example", paused=True)
    await api.create(service_sip="sip:paused@cc.example", due_date=from_now(hours=0.5))
    await api.create("sip:b@b.example", service_sip="sip:paused@cc.example", due_date=from_now(hours=2))
    view = await api.directory.GetQueue(pb.GetQueueRequest(sip_address="sip:paused@cc.example"))
    queue = await ringback("queue", "sip:paused@cc.example")
    assert queue.out.splitlines()[10:] == [
        f"state           paused since {Times().write(view.pause_time)}",
        "in progress     0 of 10",
        "dialers         1",
        "scheduled       2, 1 due within the hour",
        "oldest since    nobody waits",
        "estimated wait  unknown (the service is paused)",
    ]


async def test_all_queues(ringback: Run, api: Api) -> None:
    await api.add_service("sip:paused@cc.example", paused=True)
    waiting = await api.create(service_sip="sip:paused@cc.example")
    view = await api.directory.GetQueue(pb.GetQueueRequest(sip_address="sip:paused@cc.example"))
    ran = await ringback("queue")
    assert (ran.code, ran.err) == (0, "")
    head, *rows = (re.split(r"  +", row.strip()) for row in ran.out.splitlines())
    assert head[:4] == ["address", "state", "waiting", "oldest since"]
    paused, oldest = Times().write(view.pause_time), Times().write(waiting.next_attempt_time)
    assert rows == [
        ["sip:paused@cc.example", f"paused since {paused}", "1", oldest, "0 of 10", "1", "0"],
        [SUPPORT, "open", "0", "0 of 10", "1", "0", "0s"],
    ]
    printed = [json.loads(line) for line in (await ringback("queue", "--json")).out.splitlines()]
    assert [each["state"] for each in printed] == ["QUEUE_STATE_PAUSED", "QUEUE_STATE_OPEN"]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"state": pb.QUEUE_STATE_OPEN}, "open"),
        ({"state": pb.QUEUE_STATE_OPEN, "next_close_time": AT}, f"open until {THEN}"),
        ({"state": pb.QUEUE_STATE_CLOSED, "next_open_time": AT}, f"closed until {THEN}"),
        ({"state": pb.QUEUE_STATE_CLOSED}, "closed"),
        ({"state": pb.QUEUE_STATE_BEHIND, "expiring": 3}, "behind, 3 expire before their turn"),
        ({"state": pb.QUEUE_STATE_NO_DIALER, "no_dialer_since": AT}, f"no-dialer since {THEN}"),
        ({"state": pb.QUEUE_STATE_PAUSED, "pause_time": AT, "paused_by": "ops"}, f"paused since {THEN} by ops"),
        ({"state": pb.QUEUE_STATE_PAUSED}, "paused"),
        ({"state": pb.QUEUE_STATE_DIALING_OFF, "pause_time": AT}, f"dialing-off since {THEN}"),
        ({"state": pb.QUEUE_STATE_AGENTS_DO_NOT_ANSWER}, "agents-do-not-answer"),
    ],
)
def test_each_state(fields: dict[str, Any], state: str) -> None:
    facts = dict(queue_facts(pb.GetQueueResponse(**fields), Times()))
    assert facts["state"] == state


async def test_an_ended_callback_is_explained_when_its_service_is_gone(ringback: Run, api: Api) -> None:
    service_id = await api.add_service("sip:once@cc.example")
    callback = await api.create("sip:busy.answer@sim.example", service_id=service_id)
    await api.until_ended(callback.callback_id)
    assert (await ringback("services", "delete", "sip:once@cc.example", "--yes")).code == 0
    explained = await ringback("explain", callback.callback_id)
    head, columns, busy, answered = explained.out.splitlines()
    assert re.fullmatch(r"completed \(answered\) at \S+Z, after 2 attempts: the target was reached", head)
    assert columns.split()[:2] == ["attempt", "outcome"]
    assert [busy.split()[:2], answered.split()[:2]] == [["1", "busy"], ["2", "answered"]]
    view = json.loads((await ringback("explain", callback.callback_id, "--json")).out)
    assert head == f"completed (answered) {view['position']['explanation']}"


async def test_resolve_ends_what_is_open_for_a_target(ringback: Run, api: Api) -> None:
    callback = await api.create("tel:+41785556677", due_date=from_now(hours=1))
    resolved = await ringback("resolve", "tel:+41 78 555 66 77", "--reason", "called in")
    assert resolved.code == 0
    assert resolved.out.count(callback.callback_id) == 1
    assert (await api.get(callback.callback_id)).cancel_reason == "called in"
    assert (await ringback("resolve", "nonsense")).err.startswith("INVALID_FIELD:")
