"""WatchQueues: all queues at once, then each that looks different, and nothing that only ticks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.app import App
from ringback.application.dispatch import queue_watch as module
from ringback.application.events.watch import STREAM_AGE
from ringback.domain.errors import StorageUnavailable
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api
from tests.world.dialer import PATIENCE_S, Dialer, until
from tests.world.requests import cancel, create_many, from_now, refused, update_service


class Picture:
    """What a client has of a stream: the queues and the services by id."""

    def __init__(self) -> None:
        self.queues: dict[str, pb.GetQueueResponse] = {}
        self.services: dict[str, pb.Service] = {}
        self.complete = False
        self.responses: list[pb.WatchQueuesResponse] = []

    def fold(self, response: pb.WatchQueuesResponse) -> None:
        assert response.HasField("server_time")
        assert not (response.complete and self.complete)
        self.responses.append(response)
        self.services |= {service.service_id: service for service in response.services}
        for queue in response.queues:
            assert queue.service_id in self.services  # the settings come first
            assert not queue.HasField("position")
            self.queues[queue.service_id] = queue
        for service_id in response.removed_service_ids:
            del self.queues[service_id], self.services[service_id]
        self.complete = self.complete or response.complete


class Stream:
    def __init__(self, call: Any) -> None:
        self._call = call
        self.picture = Picture()

    async def until(self, holds: Callable[[Picture], bool]) -> Picture:
        async with asyncio.timeout(PATIENCE_S):
            while not holds(self.picture):
                response = await self._call.read()
                assert response is not grpc.aio.EOF
                self.picture.fold(response)
        return self.picture

    async def rest(self) -> list[pb.WatchQueuesResponse]:
        responses = []
        async with asyncio.timeout(PATIENCE_S):
            while (response := await self._call.read()) is not grpc.aio.EOF:
                responses.append(response)
        return responses


@asynccontextmanager
async def watching(api: Api, *service_ids: str, heartbeat_s: float = 60) -> AsyncIterator[Stream]:
    request = pb.WatchQueuesRequest(service_ids=service_ids)
    request.heartbeat_interval.FromMilliseconds(round(heartbeat_s * 1000))
    call: Any = api.directory.WatchQueues(request)
    try:
        yield Stream(call)
    finally:
        call.cancel()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 0.02)


def is_complete(picture: Picture) -> bool:
    return picture.complete


async def get_queue(api: Api, service_id: str) -> pb.GetQueueResponse:
    return await api.directory.GetQueue(pb.GetQueueRequest(service_id=service_id))


async def test_the_first_responses_have_all_queues_as_get_queue_has_them(api: Api) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(3)))
    async with watching(api) as stream:
        picture = await stream.until(is_complete)
        for service_id in (api.service_id, elsewhere):
            assert picture.queues[service_id] == await get_queue(api, service_id)
            got = await api.directory.GetService(pb.GetServiceRequest(service_id=service_id))
            assert picture.services[service_id] == got.service


async def test_without_services_it_is_complete_at_once(app: App) -> None:
    async with Api.connect(app.port) as api, watching(api) as stream:
        picture = await stream.until(is_complete)
        assert not picture.queues
        await api.add_service()
        await stream.until(lambda picture: len(picture.queues) == 1)


async def test_what_changes_is_sent(api: Api, dialer: Dialer) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    async with watching(api) as stream:
        await stream.until(is_complete)
        stream.picture.responses.clear()
        callback = await api.create(due_date=from_now(hours=0.5))
        await stream.until(lambda p: p.queues[api.service_id].due_within_hour == 1)
        await cancel(api, callback)
        await stream.until(lambda p: p.queues[api.service_id].scheduled == 0)
        await api.create()
        lease = await dialer.lease_one()
        await stream.until(lambda p: p.queues[api.service_id].in_progress == 1)
        queue = stream.picture.queues[api.service_id]
        assert [each.count for each in queue.in_progress_by_state] == [1, 0, 0, 0]
        assert queue.state == pb.QUEUE_STATE_OPEN
        assert queue.dialers == 1
        await dialer.release(lease, reason="480", agents_unavailable=True)
        await stream.until(lambda p: p.queues[api.service_id].HasField("agents_rest_until"))
        # The rest is over by itself: nothing in the log tells of it.
        await stream.until(lambda p: not p.queues[api.service_id].HasField("agents_rest_until"))
        # The other one has got a dialer at most: this one polls for all.
        told = [queue for response in stream.picture.responses for queue in response.queues]
        assert len([queue for queue in told if queue.service_id == elsewhere]) <= 1
        assert not [service for response in stream.picture.responses for service in response.services]


async def test_settings_are_sent_with_what_follows_from_them(api: Api) -> None:
    async with watching(api) as stream:
        await stream.until(is_complete)
        stream.picture.responses.clear()
        await update_service(api, display_name="Support")
        picture = await stream.until(lambda p: p.services[api.service_id].display_name == "Support")
        assert not [queue for response in picture.responses for queue in response.queues]
        await update_service(api, paused=True)
        picture = await stream.until(lambda p: p.queues[api.service_id].HasField("pause_time"))
        assert picture.services[api.service_id].paused
        assert picture.queues[api.service_id].pause_time == picture.services[api.service_id].update_time


async def test_services_come_and_go(api: Api) -> None:
    async with watching(api) as stream:
        await stream.until(is_complete)
        made = await api.add_service("sip:sales@cc.example")
        await stream.until(lambda p: made in p.queues)
        await api.directory.DeleteService(pb.DeleteServiceRequest(service_id=made))
        picture = await stream.until(lambda p: made not in p.queues)
        assert picture.responses[-1].removed_service_ids == [made]


async def test_only_the_services_that_are_named(api: Api) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    async with watching(api, elsewhere.upper(), str(uuid4())) as stream:
        picture = await stream.until(is_complete)
        assert set(picture.queues) == {elsewhere}


async def test_one_that_is_named_is_sent_once_it_exists(api: Api) -> None:
    coming = str(uuid4())
    async with watching(api, coming) as stream:
        picture = await stream.until(is_complete)
        assert not picture.queues
        service = pb.Service(service_id=coming, sip_address="sip:new@cc.example")
        await api.directory.CreateService(pb.CreateServiceRequest(service=service))
        await stream.until(lambda p: coming in p.queues)


async def test_what_only_ticks_is_not_sent(app: App, api: Api) -> None:
    """Someone waits, and so waits longer and longer."""
    await api.create()
    async with watching(api, heartbeat_s=1) as stream:
        await stream.until(is_complete)
        stream.picture.responses.clear()
        looks = 0
        look = app.use_cases.queue_watches._board.look

        async def counted() -> None:
            nonlocal looks
            looks += 1
            await look()

        app.use_cases.queue_watches._board.look = counted  # type: ignore[method-assign]
        picture = await stream.until(lambda p: bool(p.responses))
        assert looks > 3
        heartbeat = picture.responses[0]
        assert (list(heartbeat.queues), list(heartbeat.services), heartbeat.complete) == ([], [], False)


async def test_watchers_that_come_together_share_a_look(app: App, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 1000.0)
    looked: list[int] = []
    board = app.use_cases.queue_watches._board
    look, catch_up = board._look, asyncio.Event()

    async def slow(now_s: float) -> None:
        looked.append(1)
        await catch_up.wait()
        await look(now_s)

    monkeypatch.setattr(board, "_look", slow)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(watching(api)) for _ in range(10)]
        ready = asyncio.gather(*(stream.until(is_complete) for stream in streams))
        await until(lambda: app.use_cases.queue_watches._watchers == len(streams))
        catch_up.set()
        await ready
    # The first one's, and one for those who came meanwhile; the loop may have come as well.
    assert len(looked) <= 3


async def test_a_watch_begins_with_what_was_committed_before(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 1000.0)
    async with watching(api) as stream:
        await stream.until(is_complete)
        made = await api.add_service("sip:sales@cc.example")
        async with watching(api) as other:
            assert made in (await other.until(is_complete)).queues


async def test_nobody_looks_where_nobody_watches(app: App, api: Api) -> None:
    watches = app.use_cases.queue_watches
    assert not watches._is_watched.is_set()
    async with watching(api) as stream:
        await stream.until(is_complete)
        assert watches._is_watched.is_set()
    async with asyncio.timeout(PATIENCE_S):
        while watches._is_watched.is_set():
            await get_queue(api, api.service_id)


async def test_it_ends_with_a_last_response_when_the_server_stops(app: App, api: Api) -> None:
    async with watching(api) as stream:
        await stream.until(is_complete)
        stopping = asyncio.create_task(app.stop())
        assert len(await stream.rest()) == 1
        await stopping


async def test_it_ends_after_half_an_hour(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STREAM_AGE", STREAM_AGE / 18_000)
    async with watching(api) as stream:
        await stream.until(is_complete)
        assert len(await stream.rest()) == 1


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.WatchQueuesRequest(service_ids=["x"]), ("service_ids[0]",)),
        (pb.WatchQueuesRequest(service_ids=[""]), ("service_ids[0]",)),
        (pb.WatchQueuesRequest(service_ids=[str(uuid4())] * 1001), ("service_ids",)),
        (
            pb.WatchQueuesRequest(service_ids=["x"], heartbeat_interval=Duration(nanos=-(10**9))),
            ("service_ids[0]", "heartbeat_interval"),
        ),
    ],
    ids=["no id", "empty", "too many", "malformed"],
)
async def test_faulty_requests(api: Api, request_: pb.WatchQueuesRequest, fields: tuple[str, ...]) -> None:
    async def read() -> None:
        async for _ in api.directory.WatchQueues(request_):
            return

    refusal = await refused(read())
    assert (refusal.code, refusal.reason, refusal.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
        fields,
    )


async def test_many_services_take_several_responses(app: App, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = [f"2030-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    ids = {api.service_id}
    for n in range(5):
        service = pb.Service(sip_address=f"sip:{n}@cc.example", closed_dates=closed)
        made = await api.directory.CreateService(pb.CreateServiceRequest(service=service))
        ids.add(made.service.service_id)
    monkeypatch.setattr("ringback.wire.values.Room.__init__.__defaults__", (4000,))
    async with watching(api) as stream:
        picture = await stream.until(is_complete)
        assert set(picture.queues) == ids
        assert len(picture.responses) > 2
        assert [response.complete for response in picture.responses] == [False] * (len(picture.responses) - 1) + [True]


async def test_a_stream_ends_when_the_database_is_away(app: App, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would show a picture that is out of date."""
    async with watching(api) as stream:
        await stream.until(is_complete)

        async def fail() -> None:
            raise StorageUnavailable("the database is away")

        monkeypatch.setattr(app.use_cases.queue_figures, "catch_up", fail)
        refusal = await refused(stream.rest())
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
