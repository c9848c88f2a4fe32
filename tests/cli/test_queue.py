"""`ringback queue`, `explain` and `resolve`."""

import json
import re

from ringback.cli.times import Times
from tests.world.api import Api
from tests.world.command_line import Run
from tests.world.requests import cancel, from_now

SUPPORT = "sip:support@cc.example"


async def test_a_queue_and_the_reason_why_somebody_waits(ringback: Run, api: Api) -> None:
    await api.add_service("sip:paused@cc.example", paused=True)
    waiting = await api.create(service_sip="sip:paused@cc.example")
    later = await api.create(due_date=from_now(hours=1))
    queue = await ringback("queue", "sip:paused@cc.example")
    rows = [row.split() for row in queue.out.splitlines()]
    assert queue.code == 0
    assert ["normal", "1"] in rows
    assert rows[-1] == ["estimated", "wait", "unknown", "(the", "service", "is", "paused)"]
    explained = await ringback("explain", waiting.callback_id)
    assert explained == (0, "queued (paused) the service is paused\n", "")
    due = (await ringback("explain", later.callback_id)).out
    assert due == f"scheduled (not-due) it is due at {Times().write(later.next_attempt_time)}\n"
    await cancel(api, later)
    ended = (await ringback("explain", later.callback_id)).out
    assert re.fullmatch(r"cancelled at \S+Z, before any attempt: no reason was given\n", ended)


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
