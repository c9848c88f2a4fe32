"""WatchCallbacks: every committed change, in order, once; resumable anywhere; nothing invented."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.app import App
from ringback.application.events.watch_batches import WatchEvent
from ringback.config import Settings
from ringback.ports.values import Retention
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.callbacks import write_event
from tests.world.api import ENDED, Api, by_external_id, refusal_of
from tests.world.requests import cancel, far_ahead, update

SNAPSHOT, CREATED, UPDATED, REMOVED = (
    pb.CALLBACK_EVENT_TYPE_SNAPSHOT,
    pb.CALLBACK_EVENT_TYPE_CREATED,
    pb.CALLBACK_EVENT_TYPE_UPDATED,
    pb.CALLBACK_EVENT_TYPE_REMOVED,
)
Known = dict[str, cb.Callback]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with the simulated dialer: phones answer, or do not, as their addresses say."""
    return replace(settings, dialer="simulated")


def fold(known: Known, events: Iterable[pb.CallbackEvent]) -> Known:
    """Apply the events to what is known, as a dashboard does."""
    for event in events:
        if event.type == REMOVED:
            del known[event.callback.callback_id]
        else:
            known[event.callback.callback_id] = event.callback
    return known


def watching(api: Api, token: str = "", mode: Any = pb.SNAPSHOT_MODE_WHEN_NEEDED, **wanted: Any) -> Any:
    return api.callbacks.WatchCallbacks(
        pb.WatchCallbacksRequest(filter=cb.CallbackFilter(**wanted), resume_token=token, snapshot_mode=mode)
    )


async def until(stream: Any, reached: Any) -> tuple[list[pb.WatchCallbacksResponse], list[pb.CallbackEvent]]:
    """Return the responses, and their events, up to the first response at which `reached(events)` holds."""
    responses: list[pb.WatchCallbacksResponse] = []
    events: list[pb.CallbackEvent] = []
    while not reached(events):
        response = await stream.read()
        assert response is not grpc.aio.EOF
        responses.append(response)
        events += response.events
    return responses, events


def all_ended(count: int) -> Any:
    return lambda events: sum(e.callback.state in ENDED for e in events if e.type != REMOVED) >= count


async def test_a_whole_life_is_streamed_step_by_step(api: Api) -> None:
    stream = watching(api)
    await stream.read()
    callback = await api.create("sip:busy.answer@sim.example", max_retries=1)
    _, events = await until(stream, all_ended(1))
    events = [e for e in events if e.callback.callback_id == callback.callback_id]
    assert [cb.CallbackState.Name(e.callback.state)[len("CALLBACK_STATE_") :] for e in events] == [
        *("QUEUED", "OFFERED", "DIALING", "SCHEDULED"),
        *("QUEUED", "OFFERED", "DIALING", "DIALING", "CONNECTED", "COMPLETED"),
    ]
    assert [e.type for e in events] == [CREATED] + [UPDATED] * 9
    assert [e.callback.revision for e in events] == list(range(1, 11))
    assert [e.previous_state for e in events] == [0] + [e.callback.state for e in events[:-1]]


async def test_the_stream_continues_exactly_at_every_token(api: Api) -> None:
    stream = watching(api, mode=pb.SNAPSHOT_MODE_NEVER)
    first = await stream.read()
    for _ in range(5):
        await api.create("sip:busy.answer@sim.example", max_retries=1)
    responses, events = await until(stream, all_ended(5))
    seen = 0
    for response in (first, *responses):
        seen += len(response.events)
        left = len(events) - seen
        _, rest = await until(watching(api, response.resume_token), lambda e, left=left: len(e) >= left)
        assert rest == events[seen:]


async def test_a_snapshot_of_many_pages_resumes_at_each_of_them_while_things_change(api: Api) -> None:
    callbacks = await far_ahead(api, 250)
    known: Known = {}
    token, complete, changed = "", False, 0
    while not complete:  # a new stream for each response: a connection that breaks all the time
        stream = watching(api, token)
        responses = [await stream.read() for _ in range(1 if token else 2)]
        stream.cancel()
        for response in responses:
            if response.snapshot_started:
                known.clear()
            fold(known, response.events)
            token, complete = response.resume_token, response.snapshot_complete
        await cancel(api, callbacks[changed])  # in a page that was sent
        await cancel(api, callbacks[-1 - changed])  # in one that was not
        changed += 1
    _, events = await until(watching(api, token), lambda e: len(e) > 0)
    fold(known, events)
    assert changed >= 3
    assert known == {c.callback_id: c for c in await api.list_all()}


async def test_what_leaves_the_filter_is_removed_once(api: Api) -> None:
    stays, leaves = await far_ahead(api, 2)
    stream = watching(api, states=[cb.CALLBACK_STATE_SCHEDULED])
    _, snapshot = await until(stream, lambda events: len(events) == 2)
    assert {e.type for e in snapshot} == {SNAPSHOT}
    await cancel(api, leaves)
    await cancel(api, leaves)
    [later] = await far_ahead(api, 1)
    _, events = await until(stream, lambda events: len(events) == 2)
    assert [(e.type, e.callback.callback_id) for e in events] == [
        (REMOVED, leaves.callback_id),
        (CREATED, later.callback_id),
    ]
    assert events[0].callback.state == cb.CALLBACK_STATE_CANCELLED
    assert events[0].previous_state == cb.CALLBACK_STATE_SCHEDULED
    assert {stays.callback_id, later.callback_id} == set(fold(fold({}, snapshot), events))


async def test_what_ends_enters_a_filter_by_its_end(api: Api) -> None:
    """From memory, and when it is read from the log: what was open before had no end."""
    stays, ends = await far_ahead(api, 2)
    since = ends.create_time
    stream = watching(api, end_after=since, end_before=stays.expire_time, mode=pb.SNAPSHOT_MODE_NEVER)
    token = (await stream.read()).resume_token
    await cancel(api, ends)
    _, [event] = await until(stream, lambda events: len(events) == 1)
    assert (event.type, event.callback.callback_id) == (UPDATED, ends.callback_id)
    _, events = await until(watching(api, token, end_after=since, end_before=stays.expire_time), lambda e: len(e) > 0)
    assert events == [event]
    assert await api.list_all(end_after=since) == [event.callback]
    # A token is bound to the ends of its filter, too.
    later = watching(api, token, end_after=stays.expire_time)
    assert await refused(later) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID")


async def test_an_update_moves_a_callback_out_of_one_filter_and_into_another(api: Api) -> None:
    [callback] = await far_ahead(api, 1)
    normal = watching(api, priorities=[cb.PRIORITY_NORMAL])
    high = watching(api, priorities=[cb.PRIORITY_HIGH], mode=pb.SNAPSHOT_MODE_NEVER)
    await until(normal, lambda events: len(events) == 1)
    await high.read()
    await update(api, callback, priority=cb.PRIORITY_HIGH)
    _, [left] = await until(normal, lambda events: len(events) == 1)
    _, [entered] = await until(high, lambda events: len(events) == 1)
    assert (left.type, entered.type) == (REMOVED, UPDATED)


async def test_a_watch_from_a_list_misses_nothing_since_the_first_page(api: Api) -> None:
    old = await far_ahead(api, 3)
    first = await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=2))
    await cancel(api, old[0])
    [new] = await far_ahead(api, 1)
    second = await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=2, page_token=first.next_page_token))
    assert second.next_page_token == ""
    assert [c.callback_id for c in (*first.callbacks, *second.callbacks)] == [c.callback_id for c in old[::-1]]
    _, events = await until(watching(api, second.resume_token), lambda events: len(events) == 2)
    assert [(e.type, e.callback.callback_id) for e in events] == [
        (UPDATED, old[0].callback_id),
        (CREATED, new.callback_id),
    ]


async def refused(stream: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    refusal = refusal_of(caught.value)
    return refusal.code, refusal.reason


async def test_tokens_are_bound_to_filter_kind_and_database(api: Api, settings: Settings, tmp_path: Any) -> None:
    await far_ahead(api, 3)
    page = await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=2))
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    other_filter = watching(api, page.resume_token, states=[cb.CALLBACK_STATE_QUEUED])
    assert await refused(other_filter) == (invalid, "RESUME_TOKEN_INVALID")
    assert await refused(watching(api, page.next_page_token)) == (invalid, "RESUME_TOKEN_INVALID")
    assert await refused(watching(api, page.resume_token[:-1])) == (invalid, "RESUME_TOKEN_INVALID")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.callbacks.ListCallbacks(
            pb.ListCallbacksRequest(page_token=page.next_page_token, filter=cb.CallbackFilter(caller_ids=["x"]))
        )
    assert refusal_of(caught.value).reason == "PAGE_TOKEN_INVALID"
    elsewhere = Settings(listen=settings.listen, database=tmp_path / "other.db")
    async with await App.start(elsewhere) as other, Api.connect(other.port) as foreign:
        assert await refused(watching(foreign, page.resume_token)) == (invalid, "RESUME_TOKEN_INVALID")


async def test_an_expired_token_is_told_or_leads_to_a_new_snapshot(api: Api, app: App) -> None:
    stream = watching(api)
    token = (await stream.read()).resume_token
    callbacks = await far_ahead(api, 3)
    await cancel(api, callbacks[0])
    forget_all = Retention(events=timedelta(0), min_events=0)
    await app.store.purge(datetime.now(UTC) + timedelta(seconds=1), forget_all, 1000)
    expired = (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    assert await refused(watching(api, token, pb.SNAPSHOT_MODE_NEVER)) == expired
    responses, events = await until(watching(api, token), lambda events: len(events) == 3)
    assert responses[0].snapshot_started
    assert responses[-1].snapshot_complete
    assert fold({}, events) == {c.callback_id: c for c in await api.list_all()}


async def test_what_is_forgotten_is_removed(api: Api, app: App) -> None:
    [kept, ended] = await far_ahead(api, 2)
    await cancel(api, ended)
    stream = watching(api)
    _, events = await until(stream, lambda events: len(events) == 2)
    known = fold({}, events)
    await app.store.purge(datetime.now(UTC) + timedelta(days=31), Retention(), 1000)
    _, [event] = await until(stream, lambda events: len(events) == 1)
    assert (event.type, event.callback.callback_id) == (REMOVED, ended.callback_id)
    assert set(fold(known, [event])) == {kept.callback_id} == {c.callback_id for c in await api.list_all()}


async def test_silence_is_broken_by_heartbeats(api: Api) -> None:
    request = pb.WatchCallbacksRequest(heartbeat_interval=Duration(nanos=1))  # counts as the least, a second
    stream: Any = api.callbacks.WatchCallbacks(request)
    first, second = await stream.read(), await stream.read()
    assert (list(first.events), list(second.events)) == ([], [])
    assert second.resume_token == first.resume_token != ""
    assert second.server_time.ToDatetime() - first.server_time.ToDatetime() >= timedelta(seconds=0.9)


async def test_a_drain_ends_the_stream_with_a_token_that_the_next_server_takes(settings: Settings) -> None:
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        await api.add_service()
        stream = watching(api)
        await stream.read()
        await far_ahead(api, 1)
        await until(stream, lambda events: len(events) == 1)
        await app.stop()
        rest = [await stream.read()]
        while rest[-1] is not grpc.aio.EOF:
            rest.append(await stream.read())
        assert await stream.code() is grpc.StatusCode.OK
        token = rest[-2].resume_token
        service_id = api.service_id
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        api.service_id = service_id
        [created] = await far_ahead(api, 1)
        _, [event] = await until(watching(api, token), lambda events: len(events) == 1)
        assert (event.type, event.callback) == (CREATED, created)


async def test_filters_by_key_follow_external_ids(api: Api) -> None:
    stream = watching(api, keys=[by_external_id("crm", "42")])
    await stream.read()
    await api.create(caller_id="crm", external_task_id="41")
    wanted = await api.create(caller_id="crm", external_task_id="42")
    _, events = await until(stream, all_ended(1))
    assert {e.callback.callback_id for e in events} == {wanted.callback_id}


@pytest.fixture
async def many(api: Api) -> AsyncIterator[list[Any]]:
    streams = [watching(api) for _ in range(99)]
    for stream in streams:
        await stream.read()
    yield streams
    for stream in streams:
        stream.cancel()


async def test_a_watcher_that_does_not_read_holds_up_nobody_and_misses_nothing(api: Api, many: list[Any]) -> None:
    stalled = watching(api)
    await stalled.read()
    created: list[cb.Callback] = []
    for _ in range(5):
        created += await far_ahead(api, 500, description="x" * 150)  # far more than the stream's window holds
    ids = [c.callback_id for c in created]
    for stream in many:
        _, events = await until(stream, lambda events: len(events) == len(created))
        assert [e.callback.callback_id for e in events] == ids
    _, events = await until(stalled, lambda events: len(events) == len(created))
    assert [e.callback.callback_id for e in events] == ids


async def test_what_many_are_sent_is_encoded_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[WatchEvent] = []

    def counted(event: WatchEvent, message: pb.CallbackEvent) -> None:
        encoded.append(event)
        write_event(event, message)

    monkeypatch.setattr("ringback.wire.watch_encoder.write_event", counted)
    token = (await api.callbacks.ListCallbacks(pb.ListCallbacksRequest())).resume_token
    for _ in range(3):
        await far_ahead(api, 500)
    streams = [watching(api, token) for _ in range(20)]
    backlogs = await asyncio.gather(*(until(stream, lambda events: len(events) == 1500) for stream in streams))
    assert len(encoded) == 1500
    assert all(events == backlogs[0][1] for _, events in backlogs)
    for number in range(1, 4):
        await far_ahead(api, 1)
        await asyncio.gather(*(until(stream, lambda events: len(events) == 1) for stream in streams))
        assert len(encoded) == 1500 + number


async def test_a_watch_begins_at_a_time(api: Api, app: App) -> None:
    first, second = await far_ahead(api, 1), await far_ahead(api, 1)
    await app.use_cases.feed.catch_up()

    async def begun(token: str = "", **begin: Any) -> list[str]:
        request = pb.WatchCallbacksRequest(
            resume_token=token, snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED, begin_time=Timestamp(**begin)
        )
        stream: Any = api.callbacks.WatchCallbacks(request)
        response = await stream.read()
        stream.cancel()
        assert not response.snapshot_started
        return [event.callback.callback_id for event in response.events]

    both = [callback.callback_id for callback in (*first, *second)]
    assert await begun(nanos=1) == both
    created = second[0].create_time
    assert await begun(seconds=created.seconds, nanos=created.nanos) == both[1:]
    assert await begun(seconds=created.seconds + 60) == []
    token = (await watching(api, mode=pb.SNAPSHOT_MODE_NEVER).read()).resume_token
    assert await begun(token, nanos=1) == []


async def test_a_beginning_that_is_no_time_is_refused(api: Api) -> None:
    request = pb.WatchCallbacksRequest(begin_time=Timestamp(nanos=-1))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.callbacks.WatchCallbacks(request).read()
    assert refusal_of(caught.value).fields == ("begin_time",)
