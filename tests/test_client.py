"""The client: what an error says, and a watch that goes on whatever happens to the server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from ringback import client
from ringback.app import App
from ringback.client import Violation, insecure_channel, reason_of, violations_of, watch
from ringback.config import Listen, Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callback_service_pb2 as pb
from ringback.v1 import callback_service_pb2_grpc as pb_grpc
from ringback.v1 import dialer_service_pb2, directory_service_pb2
from tests.api import Api, by_external_id

EVERYTHING = pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes a hundred times faster, and three missed heartbeats are 30 ms."""
    monkeypatch.setattr(client, "_MIN_HEARTBEAT_S", 0.01)
    monkeypatch.setattr(client, "_FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(client, "_MAX_DELAY_S", 0.05)


# --- Errors --------------------------------------------------------------------------------------------------


async def test_the_reason_of_a_refusal(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.callbacks.GetCallback(pb.GetCallbackRequest(key=by_external_id("crm", "42")))
    assert reason_of(caught.value) == "CALLBACK_NOT_FOUND"
    assert violations_of(caught.value) == ()


async def test_the_violations_of_a_bad_request(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.create(target="foo", max_retries=-1)
    assert reason_of(caught.value) == "INVALID_FIELD"
    assert [violation.field for violation in violations_of(caught.value)] == [
        "callback_request.target",
        "callback_request.max_retries",
    ]
    assert violations_of(caught.value)[1] == Violation("callback_request.max_retries", "-1 is not between 0 and 100")


async def test_an_error_that_is_not_the_servers_has_no_reason() -> None:
    async with insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CallbackServiceStub(channel).GetCallback(pb.GetCallbackRequest(), timeout=0.01)
    assert reason_of(caught.value) == ""
    assert violations_of(caught.value) == ()


# --- Watching a real server ----------------------------------------------------------------------------------


async def test_a_watch_goes_on_after_a_restart(settings: Settings) -> None:
    """Three lives of a server on the same port and database; each phones one callback."""
    async with await App.start(settings) as app:
        settings = replace(settings, listen=Listen("127.0.0.1", app.port))
    seen: list[str] = []
    created: list[str] = []
    async with insecure_channel(f"127.0.0.1:{app.port}") as channel:
        responses = watch(pb_grpc.CallbackServiceStub(channel), EVERYTHING)
        for life in range(3):
            async with await App.start(settings), Api.connect(app.port) as api:
                if life == 0:
                    assert (await anext(responses)).snapshot_started
                await api.add_service(f"sip:{life}@cc.example")
                created.append((await api.create()).callback_id)
                seen.append(await _completed(responses))
        await responses.aclose()
    assert seen == created


async def _completed(responses: AsyncIterator[pb.WatchCallbacksResponse]) -> str:
    """The next callback that ends. Fails on a snapshot: a resumed watch has no need of a second one."""
    async for response in responses:
        for event in response.events:
            assert event.type != pb.CALLBACK_EVENT_TYPE_SNAPSHOT
            if event.callback.state == cb.CALLBACK_STATE_COMPLETED:
                return event.callback.callback_id
    raise AssertionError("the watch ended")


async def test_what_the_server_refuses_for_good_is_raised(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(watch(api.callbacks, pb.WatchCallbacksRequest(resume_token="bogus")))
    assert reason_of(caught.value) == "RESUME_TOKEN_INVALID"


async def test_the_callers_request_is_left_alone(api: Api) -> None:
    request = pb.WatchCallbacksRequest()
    async with aclosing(watch(api.callbacks, request)) as responses:
        await anext(responses)
    assert request == pb.WatchCallbacksRequest()


# --- Watching a server that misbehaves -----------------------------------------------------------------------

SERVICE = "ringback.v1.CallbackService"
Misbehaviour: TypeAlias = Callable[[Context], Any]


class Fake:
    """Each stream sends one response with the next token, and then does the next thing of its script."""

    def __init__(self, *script: Misbehaviour) -> None:
        self._script = list(script)
        self.resumed_from: list[str] = []

    async def watch(self, request: pb.WatchCallbacksRequest, context: Context) -> None:
        self.resumed_from.append(request.resume_token)
        await context.write(pb.WatchCallbacksResponse(resume_token=str(len(self.resumed_from))))
        await self._script.pop(0)(context)


async def falls_silent(_: Context) -> None:
    await asyncio.Event().wait()


async def ends(_: Context) -> None:
    """As a server that drains does."""


def fails(code: grpc.StatusCode) -> Misbehaviour:
    async def fail(context: Context) -> None:
        await context.abort(code, "on purpose")

    fail.__name__ = code.name
    return fail


@asynccontextmanager
async def serving(**methods: "grpc.RpcMethodHandler[Any, Any]") -> AsyncIterator[Any]:
    """A stub that talks to a server with these methods only."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with insecure_channel(f"127.0.0.1:{port}") as channel:
            yield pb_grpc.CallbackServiceStub(channel)
    finally:
        await server.stop(None)


def serving_watch(fake: Fake) -> AbstractAsyncContextManager[Any]:
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(
        fake.watch,
        request_deserializer=pb.WatchCallbacksRequest.FromString,
        response_serializer=pb.WatchCallbacksResponse.SerializeToString,
    )
    return serving(WatchCallbacks=handler)


HASTY = pb.WatchCallbacksRequest(heartbeat_interval=Duration(nanos=1))


@pytest.mark.parametrize(
    "misbehaviour",
    [
        falls_silent,
        ends,
        fails(grpc.StatusCode.UNAVAILABLE),
        fails(grpc.StatusCode.INTERNAL),
        fails(grpc.StatusCode.UNKNOWN),
        fails(grpc.StatusCode.CANCELLED),
        fails(grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_a_watch_resumes(misbehaviour: Misbehaviour) -> None:
    fake = Fake(misbehaviour, misbehaviour, falls_silent)
    async with serving_watch(fake) as stub, aclosing(watch(stub, HASTY)) as responses:
        tokens = [(await anext(responses)).resume_token for _ in range(3)]
    assert tokens == ["1", "2", "3"]
    assert fake.resumed_from == ["", "1", "2"]


@pytest.mark.parametrize("code", sorted(client._FINAL_CODES, key=str))
async def test_a_watch_gives_up(code: grpc.StatusCode) -> None:
    async with serving_watch(Fake(fails(code))) as stub, aclosing(watch(stub, HASTY)) as responses:
        await anext(responses)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(responses)
    assert caught.value.code() is code


async def test_a_watch_can_be_cancelled() -> None:
    started = asyncio.Event()

    async def consume(stub: Any) -> None:
        async for _ in watch(stub, EVERYTHING):
            started.set()

    async with serving_watch(Fake(falls_silent)) as stub:
        consumer = asyncio.create_task(consume(stub))
        await started.wait()
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer


def test_how_long_a_watch_waits() -> None:
    def heartbeat_s(**interval: float) -> float:
        request = pb.WatchCallbacksRequest()
        request.heartbeat_interval.FromTimedelta(timedelta(**interval))
        return client._heartbeat_s(request)

    assert client._heartbeat_s(EVERYTHING) == 15
    assert heartbeat_s(seconds=5) == 5
    assert heartbeat_s(hours=1) == 60
    assert heartbeat_s(seconds=-1) == client._MIN_HEARTBEAT_S


def test_delays_double_and_are_jittered() -> None:
    limits_s = {1: 0.001, 2: 0.002, 3: 0.004, 6: 0.032, 7: 0.05, 8: 0.05, 100_000: 0.05}
    for failures, limit_s in limits_s.items():
        assert limit_s / 2 <= client._delay_s(failures) <= limit_s


# --- Channels ------------------------------------------------------------------------------------------------


async def test_calls_are_repeated_when_the_server_is_away() -> None:
    calls: list[pb.GetCallbackRequest] = []

    async def refuse_twice(request: pb.GetCallbackRequest, context: Context) -> pb.GetCallbackResponse:
        calls.append(request)
        if len(calls) <= 2:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "on purpose")
        return pb.GetCallbackResponse()

    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
        refuse_twice,
        request_deserializer=pb.GetCallbackRequest.FromString,
        response_serializer=pb.GetCallbackResponse.SerializeToString,
    )
    async with serving(GetCallback=handler) as stub:
        await stub.GetCallback(pb.GetCallbackRequest())
    assert len(calls) == 3


def test_the_service_config_names_services_and_methods_that_exist() -> None:
    config = json.loads(dict(client.channel_options())["grpc.service_config"])
    services = {
        service.full_name: service
        for file in (pb.DESCRIPTOR, dialer_service_pb2.DESCRIPTOR, directory_service_pb2.DESCRIPTOR)
        for service in file.services_by_name.values()
    }
    names = [name for method in config["methodConfig"] for name in method["name"]]
    assert {name["service"] for name in names} == set(services)
    for name in names:
        assert "method" not in name or name["method"] in services[name["service"]].methods_by_name
