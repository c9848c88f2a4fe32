"""Watches and polls over HTTP: how they begin, how fast, and how they end."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from connectrpc.protocol import ProtocolType

from ringback.app import App
from ringback.application.events.watch_batches import WatchEvent
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.callbacks_service_connect import CallbacksServiceClient
from ringback.web.connect.application import connect_app
from ringback.web.connect.health import HealthOverConnect
from ringback.web.peer import CONNECTION, ConnectionPeer, credentials_of
from ringback.wire.callbacks import write_event
from tests.world.api import Api, by_id
from tests.world.connect_calls import (
    END,
    JSON,
    PATIENCE_S,
    STREAM,
    WATCH,
    end_of,
    events_of,
    exchange,
    frame,
    path_of,
    post,
    refused_in,
    watch,
)
from tests.world.dialer import until, until_polling

LEASE = path_of("LeaseCallbacks", "DialerService")


async def test_a_watch_begins_at_once_though_nothing_happens(port: int) -> None:
    async with watch(port, heartbeatInterval="60s") as call:
        head = await call.head()
        assert head.status == 200
        assert head.headers["content-type"] == "application/connect+json"
        flags, content = await anext(call.frames())
    first = json.loads(content)
    assert flags == 0
    assert first["resumeToken"]
    assert first["serverTime"].endswith("Z")


async def test_a_watch_sends_what_happens(api: Api, port: int) -> None:
    async with watch(port) as call:
        await call.head()
        await anext(call.frames())
        created = await api.create()
        [event] = await events_of(call, 1)
    assert event["type"] == "CALLBACK_EVENT_TYPE_CREATED"
    assert event["callback"]["callbackId"] == created.callback_id


async def test_what_many_are_sent_in_json_is_encoded_once(api: Api, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[WatchEvent] = []

    def counted(event: WatchEvent, message: pb.CallbackEvent) -> None:
        encoded.append(event)
        write_event(event, message)

    monkeypatch.setattr("ringback.wire.watch_encoder.write_event", counted)
    async with AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(watch(port)) for _ in range(5)]
        for call in calls:
            await call.head()
            await anext(call.frames())
        await api.create()
        seen = await asyncio.gather(*(events_of(call, 1) for call in calls))
    assert len(encoded) == 1
    assert all(each == seen[0] for each in seen)


@pytest.mark.parametrize(("field", "value"), [("resumeToken", "nonsense"), ("snapshotMode", 7), ("nothing", 1)])
async def test_a_watch_that_cannot_begin_is_refused_in_its_end(port: int, field: str, value: Any) -> None:
    async with watch(port, **{field: value}) as call:
        assert (await call.head()).status == 200
        error = (await end_of(call))["error"]
    assert error["code"] == "invalid_argument"
    assert refused_in(error).reason == ("RESUME_TOKEN_INVALID" if field == "resumeToken" else "INVALID_FIELD")


@pytest.mark.parametrize("body", [b"", frame(b"{}") + frame(b"{}"), frame(b"{}")[:-1], frame(b"{}", 4)])
async def test_a_stream_has_one_request(port: int, body: bytes) -> None:
    async with exchange(port) as call:
        await call.send("POST", WATCH, STREAM, body)
        await call.head()
        assert (await end_of(call))["error"]["code"] in {"unimplemented", "invalid_argument"}


async def test_a_client_that_goes_away_gives_its_watch_back(app: App, port: int) -> None:
    async with watch(port) as call:
        await call.head()
        assert app.use_cases.usage._held.total() == 1
    await until(lambda: app.use_cases.usage._held.total() == 0)
    assert not app.edges.gate._inside


async def test_a_client_that_goes_away_gives_its_poll_back(app: App, api: Api, port: int) -> None:
    async with exchange(port) as call:
        await call.send("POST", LEASE, JSON, b'{"dialerId": "d", "maxLeases": 1, "waitDuration": "60s"}')
        await until_polling(app)
    await until(lambda: not app.use_cases.assigner._polls and app.use_cases.usage._held.total() == 0)
    created = await api.create()
    assert (await api.get(created.callback_id)).state == cb.CALLBACK_STATE_QUEUED


async def test_a_poll_returns_what_comes_due(app: App, api: Api, port: int) -> None:
    async with exchange(port) as call:
        await call.send("POST", LEASE, JSON, b'{"dialerId": "d", "maxLeases": 1, "waitDuration": "60s"}')
        await until_polling(app)
        created = await api.create()
        assert (await call.head()).status == 200
        [lease] = json.loads(b"".join([chunk async for chunk in call.chunks()]))["leases"]
    assert lease["callback"]["callbackId"] == created.callback_id
    assert lease["fencingToken"] == "1"  # 64 bits


async def test_the_deadline_of_a_watch_is_its_end(app: App, port: int) -> None:
    async with watch(port, {**STREAM, "connect-timeout-ms": "300"}) as call:
        await call.head()
        assert (await end_of(call))["error"]["code"] == "deadline_exceeded"
    await until(lambda: app.use_cases.usage._held.total() == 0)


async def test_a_watch_ends_with_its_last_token_when_the_server_drains(api: Api, app: App, port: int) -> None:
    async with watch(port) as call:
        await call.head()
        frames = call.frames()
        _, first = await anext(frames)
        app.edges.gate.close()
        app.use_cases.feed.close()
        last = [frame async for frame in frames]
    assert json.loads(last[-2][1])["resumeToken"] >= json.loads(first)["resumeToken"]
    assert last[-1] == (END, b"{}")
    refused = await post(port, path_of("GetCallback"), b"{}")
    assert refused.status == 503
    assert refused_in(refused.json).reason == "SERVER_DRAINING"


async def test_a_watch_that_is_given_up_says_so(app: App, port: int) -> None:
    async with watch(port) as call:
        await call.head()
        await anext(call.frames())
        await app.edges.gate.empty(0)
        error = (await end_of(call))["error"]
    assert refused_in(error).reason == "SERVER_DRAINING"


async def test_a_client_that_does_not_read_holds_up_neither_others_nor_its_end(api: Api, app: App, port: int) -> None:
    async with watch(port) as stalled, watch(port) as other:
        await other.head()
        batch = [pb.CreateCallbackRequest(callback_request=api.request(description="x" * 150)) for _ in range(1000)]
        for _ in range(6):
            await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=batch))
        assert len(await events_of(other, 6000)) == 6000
        assert len(app.edges.gate._inside) == 2
        await app.edges.gate.empty(0)
        await until(lambda: not app.edges.gate._inside)
        await stalled.head()
        error = (await end_of(stalled))["error"]  # what it finds once it reads
    assert refused_in(error).reason == "SERVER_DRAINING"


async def test_a_request_that_does_not_come_ends(app: App) -> None:
    application = connect_app(
        app.edges.way_in,
        app.edges.handlers.callbacks,
        app.edges.handlers.dialers,
        app.edges.handlers.directory,
        app.edges.handlers.encoder,
        credentials_of,
        HealthOverConnect(lambda: True, ()),
        request_s=0.1,
    )
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": path_of("GetCallback"),
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "state": {CONNECTION: ConnectionPeer("ipv4:127.0.0.1:1")},
    }

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(PATIENCE_S):
        await application(scope, receive, send)
    assert [message.get("status") for message in sent] == [504, None]


async def test_binary_clients_of_both_protocols(api: Api, port: int) -> None:
    for protocol in (ProtocolType.CONNECT, ProtocolType.GRPC_WEB):
        async with CallbacksServiceClient(f"http://127.0.0.1:{port}", protocol=protocol) as client:
            made = await client.create_callback(pb.CreateCallbackRequest(callback_request=api.request()))
            request = pb.WatchCallbacksRequest(
                filter=cb.CallbackFilter(keys=[by_id(made.callback.callback_id)]),
                snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED,
            )
            async with asyncio.timeout(PATIENCE_S):
                async for response in client.watch_callbacks(request):
                    if response.events:
                        assert response.events[0].callback == made.callback
                        break


# --- Queues ---------------------------------------------------------------------------------------------------

QUEUES = path_of("WatchQueues", "DirectoryService")


async def test_queues_are_watched_in_json(api: Api, port: int) -> None:
    async with exchange(port) as call:
        await call.send("POST", QUEUES, STREAM, frame(json.dumps({"heartbeatInterval": "60s"}).encode()))
        assert (await call.head()).status == 200
        frames = call.frames()
        first = json.loads((await anext(frames))[1])
        assert [queue["serviceId"] for queue in first["queues"]] == [api.service_id]
        assert [service["serviceId"] for service in first["services"]] == [api.service_id]
        assert first["complete"] is True
        await api.create()
        changed = json.loads((await anext(frames))[1])
        [queue] = changed["queues"]
        assert [level["count"] for level in queue["waiting"] if "count" in level] == [1]
        assert "services" not in changed
        assert "complete" not in changed


async def test_a_watch_of_queues_ends_with_a_last_message_when_the_server_stops(app: App, api: Api, port: int) -> None:
    async with exchange(port) as call:
        await call.send("POST", QUEUES, STREAM, frame(b"{}"))
        await call.head()
        frames = call.frames()
        assert json.loads((await anext(frames))[1])["complete"] is True
        stopping = asyncio.create_task(app.stop())
        rest = [(flags, json.loads(content)) async for flags, content in frames]
        await stopping
    [(last_flags, last), (end_flags, end)] = rest
    assert (last_flags, list(last)) == (0, ["serverTime"])
    assert (end_flags, end) == (END, {})


async def test_a_faulty_watch_of_queues_is_refused(port: int) -> None:
    answer = await post(port, QUEUES, frame(b'{"serviceIds": ["x"]}'), STREAM)
    refusal = refused_in(json.loads(answer.body[5:])["error"])
    assert (refusal.code, refusal.reason, refusal.fields) == ("invalid_argument", "INVALID_FIELD", ("service_ids[0]",))
