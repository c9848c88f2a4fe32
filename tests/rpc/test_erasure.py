"""EraseTarget: everything about one phone, for good, and whoever follows the log ends up without it."""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ringback.app import App
from ringback.application import erasure
from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api
from tests.world.database_files import files_with
from tests.world.dialer import ANSWERED, CONNECTED, DIALING, Dialer
from tests.world.identities import GRANTED, OWN, RULES, Identities
from tests.world.requests import from_now, refused, update, update_service

PHONE = "tel:+41785556677"
SNAPSHOT, REMOVED = pb.CALLBACK_EVENT_TYPE_SNAPSHOT, pb.CALLBACK_EVENT_TYPE_REMOVED
Known = dict[str, cb.Callback]


async def erase(api: Api, target: str = PHONE) -> tuple[int, int]:
    response = await api.directory.EraseTarget(directory_pb.EraseTargetRequest(target=target))
    return response.erased, response.in_progress


def fold(known: Known, events: Iterable[pb.CallbackEvent]) -> Known:
    """Apply the events to what is known, as a dashboard does."""
    for event in events:
        if event.type == REMOVED:
            known.pop(event.callback.callback_id, None)
        else:
            known[event.callback.callback_id] = event.callback
    return known


async def read_from(
    app: App, api: Api, token: str = "", *, in_snapshot: bool = False, **wanted: Any
) -> list[pb.WatchCallbacksResponse]:
    """Return the responses of a watch that have what has happened until now."""
    await app.use_cases.feed.catch_up()
    stream: Any = api.callbacks.WatchCallbacks(
        pb.WatchCallbacksRequest(
            filter=cb.CallbackFilter(**wanted), resume_token=token, snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED
        )
    )
    responses = [await stream.read()]
    while (in_snapshot or not token) and not responses[-1].snapshot_complete:
        responses.append(await stream.read())
    stream.cancel()
    return responses


def tells(responses: Iterable[pb.WatchCallbacksResponse]) -> bool:
    return any(re.search("5556677|555 66 77", str(response)) for response in responses)


async def test_every_spelling_in_every_place_and_state_is_erased(api: Api, tmp_path: Path) -> None:
    await update_service(api, default_region="CH")
    other_service = await api.add_service("sip:other@cc.example", default_region="CH")
    later = from_now(days=1)
    everywhere: list[tuple[str, dict[str, Any]]] = [
        (PHONE, {}),
        ("tel: +41 78 555-66.77", {"due_date": later}),
        ("tel:0785556677", {"service_id": other_service}),
        ("sip:+41-78-555-66-77@gw.example;user=phone", {}),
        ("sips:+41785556677@gw.example:5070", {}),
        (PHONE, {"alternative_target": "sip:anna@example.com", "description": "078 555 66 77"}),
        ("sip:anna@example.com", {"alternative_target": "tel:+41 78 555 66 77", "labels": {"phone": "+41785556677"}}),
    ]
    for target, fields in everywhere:
        await api.create(target, **fields)
    corrected = await api.create("tel:0785556677", due_date=later)
    await update(api, corrected, target="sip:berta@example.com")
    twice = await api.create("sip:carla@example.com", due_date=later)
    await update(api, twice, target=PHONE)
    await update(api, twice, target="sip:carla@example.com")
    kept = [await api.create(target) for target in ("tel:+41785556678", PHONE + ";ext=1", "sip:anna@example.com")]

    assert await erase(api, "tel:+41 (0)78 555 66 77") == (9, 0)

    assert {c.callback_id for c in await api.list_all()} == {c.callback_id for c in kept}
    await erase(api, PHONE + ";ext=1")
    assert files_with(tmp_path, b"5556677") == []
    assert await erase(api) == (0, 0)


async def test_a_call_in_progress_is_hung_up_and_erased_by_a_repetition(api: Api) -> None:
    dialer = Dialer(api)
    connected = await api.create()
    await dialer.report(call := await dialer.lease_one(), DIALING, CONNECTED)
    dialing = await api.create(PHONE)
    await dialer.report(lease := await dialer.lease_one(), DIALING)
    waiting = await api.create(PHONE)

    assert await erase(api) == (1, 1)
    [left] = await api.list_all(states=[cb.CALLBACK_STATE_CANCELLING])
    assert left.callback_id == dialing.callback_id
    [extended] = await dialer.extend(lease.lease_token)
    assert extended.cancel_requested
    await dialer.end(lease, cb.CALL_OUTCOME_NO_ANSWER)

    assert await erase(api) == (1, 0)
    assert await erase(api, "sip:answer@sim.example") == (0, 1)
    await dialer.end(call, ANSWERED)
    assert await erase(api, "sip:answer@sim.example") == (1, 0)
    for callback in (waiting, dialing, connected):
        assert (await refused(api.get(callback.callback_id))).reason == "CALLBACK_NOT_FOUND"


async def test_a_callback_that_is_offered_is_taken_from_its_dialer(api: Api) -> None:
    dialer = Dialer(api)
    await api.create(PHONE)
    lease = await dialer.lease_one()
    assert await erase(api) == (1, 0)
    refusal = await refused(dialer.report(lease, DIALING))
    assert refusal.reason == "LEASE_EXPIRED"


async def test_a_new_promise_to_the_number_can_be_made_at_once(api: Api) -> None:
    request = api.request(PHONE, external_task_id="4711")
    first = await api.callbacks.CreateCallback(pb.CreateCallbackRequest(callback_request=request))
    await erase(api)
    again = await api.callbacks.CreateCallback(pb.CreateCallbackRequest(callback_request=request))
    assert again.created
    assert again.callback.callback_id != first.callback.callback_id


FILTERS: list[dict[str, Any]] = [
    {},
    {"dial_target": PHONE},
    {"labels": {"a": "b"}},
    {"supervisors": ["s"]},
    {"states": [cb.CALLBACK_STATE_SCHEDULED]},
    {"dial_target": PHONE, "states": [cb.CALLBACK_STATE_SCHEDULED]},
    {"keys": [cb.CallbackKey(external_task=cb.ExternalTaskKey(caller_id="crm", external_task_id="1"))]},
]


@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: "+".join(wanted) or "all")
async def test_who_resumes_from_anywhere_ends_up_without_it_and_reads_nothing_of_it(
    app: App, api: Api, settings: Settings, wanted: dict[str, Any]
) -> None:
    fields = {"due_date": from_now(days=1), "labels": {"a": "b"}, "supervisor": "s"}
    mine = await api.create(PHONE, caller_id="crm", external_task_id="1", **fields)
    await api.create("sip:other@example.com", **fields)
    responses = await read_from(app, api, **wanted)
    await update(api, mine, description="078 555 66 77")
    await update(api, mine, priority=cb.PRIORITY_LOW)
    responses += await read_from(app, api, responses[-1].resume_token, **wanted)

    assert await erase(api) == (1, 0)

    expected = {c.callback_id for c in await api.list_all(**wanted)}
    await app.stop()  # what a server has in memory is another path than what it reads
    async with await App.start(replace(settings)) as restarted, Api.connect(restarted.port) as fresh:
        known: Known = {}
        in_snapshot = False
        for response in responses:
            in_snapshot = (in_snapshot or response.snapshot_started) and not response.snapshot_complete
            known = fold({} if response.snapshot_started else known, response.events)
            rest = await read_from(restarted, fresh, response.resume_token, in_snapshot=in_snapshot, **wanted)
            assert not tells(rest)
            assert set(fold(dict(known), [event for later in rest for event in later.events])) == expected


@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: "+".join(wanted) or "all")
async def test_a_watch_is_told_and_what_the_server_has_in_memory_is_redacted(
    app: App, api: Api, wanted: dict[str, Any]
) -> None:
    first = await read_from(app, api, **wanted)
    fields = {"due_date": from_now(days=1), "labels": {"a": "b"}, "supervisor": "s"}
    mine = await api.create(PHONE, caller_id="crm", external_task_id="1", **fields)
    before = await read_from(app, api, first[-1].resume_token, **wanted)
    assert await erase(api) == (1, 0)
    known = fold({}, [event for response in (*first, *before) for event in response.events])
    assert set(known) == {mine.callback_id}
    live = await read_from(app, api, before[-1].resume_token, **wanted)
    assert fold(known, [event for response in live for event in response.events]) == {}
    again = await read_from(app, api, first[-1].resume_token, **wanted)
    assert not tells(again)
    [*_, last] = [event for response in again for event in response.events]
    assert last.type == REMOVED
    assert last.callback.callback_id == mine.callback_id
    assert last.callback.callback_request == cb.CallbackRequest(caller_id="crm", priority=cb.PRIORITY_NORMAL)


@pytest.mark.parametrize(("target", "field"), [("", "target"), ("tel:0785556677", "target"), ("anna", "target")])
async def test_what_is_no_target_is_refused(api: Api, target: str, field: str) -> None:
    refusal = await refused(erase(api, target))
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", (field,))


async def test_many_callbacks_are_erased_in_portions(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "_READ", 7)
    monkeypatch.setattr(erasure, "_WRITE", 3)
    for number in range(20):
        await api.create(PHONE if number % 2 else f"tel:+417955566{number:02}", due_date=from_now(days=1))
    assert await erase(api) == (10, 0)
    assert len(await api.list_all()) == 10


# --- Who may, and who has ----------------------------------------------------------------------------------------


@pytest.fixture
async def secured(settings: Settings) -> AsyncIterator[App]:
    async with await App.start(replace(settings, access=RULES)) as app:
        yield app


@pytest.fixture
async def identities(secured: App) -> AsyncIterator[Identities]:
    async with Identities.at(f"127.0.0.1:{secured.port}") as all_:
        yield all_


async def test_who_has_erased_is_in_the_log_and_whom_is_not(
    secured: App, identities: Identities, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "ringback")
    subject = await identities.subject(OWN, GRANTED)
    operator = identities["operator"]
    [*_, first] = await read_from(secured, operator)
    assert await erase(operator, f"tel:{subject.number}") == (1, 0)
    [response] = await read_from(secured, operator, first.resume_token)
    last = response.events[-1]
    assert (last.type, last.identity, last.callback.callback_id) == (REMOVED, "operator", subject.callback_id)
    assert "operator has erased a target: 1 callbacks; 0 more are in a call" in caplog.messages
    assert subject.number[-7:] not in caplog.text


@pytest.mark.parametrize("name", ["caller", "dialer", "viewer", "masked viewer"])
async def test_nobody_else_may_whatever_is_wrong_with_the_request(identities: Identities, name: str) -> None:
    for target in (PHONE, "", "nonsense"):
        assert (await refused(erase(identities[name], target))).reason == "NOT_ALLOWED"


async def test_a_caller_is_told_that_its_callback_is_gone(secured: App, identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED)
    caller, other = identities["caller"], identities["other caller"]
    [*_, mine] = await read_from(secured, caller)
    [*_, others] = await read_from(secured, other)
    await erase(identities["operator"], f"tel:{subject.number}")
    [response] = await read_from(secured, caller, mine.resume_token)
    assert (response.events[-1].type, response.events[-1].callback.callback_id) == (REMOVED, subject.callback_id)
    assert {event.identity for event in response.events} == {""}
    [response] = await read_from(secured, other, others.resume_token)
    assert not response.events
