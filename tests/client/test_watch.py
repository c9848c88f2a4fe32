"""A watch that goes on, whatever happens to the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.app import App
from ringback.client import backoff, insecure_channel, reason_of, watch
from ringback.client.watch import _FINAL_CODES, _heartbeat_s
from ringback.config import Listen, Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc as pb_grpc
from ringback.v1 import error_reason_pb2 as reasons
from tests.world.api import Api
from tests.world.scripted_server import Behaviour, Context, ends, fails, falls_silent, limits, serving

EVERYTHING = pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
HASTY = pb.WatchCallbacksRequest(heartbeat_interval=Duration(nanos=1))


# --- Watching a real server ----------------------------------------------------------------------------------


async def test_a_watch_goes_on_after_a_restart(settings: Settings) -> None:
    """The server starts three times on the same port and database; each time it calls one callback."""
    async with await App.start(settings) as app:
        settings = replace(settings, listen=Listen("127.0.0.1", app.port))
    seen: list[str] = []
    created: list[str] = []
    async with insecure_channel(f"127.0.0.1:{app.port}") as channel:
        responses = watch(pb_grpc.CallbacksServiceStub(channel), EVERYTHING)
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
    """Return the next callback that ends. Fail on a snapshot: a resumed watch has no need of a second one."""
    async for response in responses:
        for event in response.events:
            assert event.type != pb.CALLBACK_EVENT_TYPE_SNAPSHOT
            if event.callback.state == cb.CALLBACK_STATE_COMPLETED:
                return event.callback.callback_id
    raise AssertionError("the watch ended")


async def test_what_the_server_refuses_for_good_is_raised(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(watch(api.callbacks, pb.WatchCallbacksRequest(resume_token="bogus")))
    assert reason_of(caught.value) == reasons.ERROR_REASON_RESUME_TOKEN_INVALID


async def test_the_callers_request_is_left_alone(api: Api) -> None:
    request = pb.WatchCallbacksRequest()
    async with aclosing(watch(api.callbacks, request)) as responses:
        await anext(responses)
    assert request == pb.WatchCallbacksRequest()


# --- A server that misbehaves ----------------------------------------------------------------------------------


class Fake:
    """A server whose streams each send one response with the next token, and then do the next thing of the script."""

    def __init__(self, *script: Behaviour) -> None:
        self._script = list(script)
        self.resumed_from: list[str] = []

    async def watch(self, request: pb.WatchCallbacksRequest, context: Context) -> None:
        self.resumed_from.append(request.resume_token)
        await context.write(pb.WatchCallbacksResponse(resume_token=str(len(self.resumed_from))))
        await self._script.pop(0)(context)


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
async def test_a_watch_resumes(misbehaviour: Behaviour) -> None:
    fake = Fake(misbehaviour, misbehaviour, falls_silent)
    # On a busy machine a response can be late: only silence itself is noticed in haste.
    request = HASTY if misbehaviour is falls_silent else EVERYTHING
    async with serving("WatchCallbacks", fake.watch) as stub, aclosing(watch(stub, request)) as responses:
        tokens = [(await anext(responses)).resume_token for _ in range(3)]
    assert tokens == ["1", "2", "3"]
    assert fake.resumed_from == ["", "1", "2"]


async def test_the_caller_is_told_of_an_interruption_instead_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake(fails(grpc.StatusCode.INTERNAL), ends, falls_silent)
    faults: list[str] = []
    async with (
        serving("WatchCallbacks", fake.watch) as stub,
        aclosing(watch(stub, EVERYTHING, interrupted=faults.append)) as responses,
    ):
        for _ in range(3):
            await anext(responses)
    # A stream that ends with OK is no interruption.
    assert [fault.partition(":")[0] for fault in faults] == ["INTERNAL"]
    assert [record for record in caplog.records if record.name.startswith("ringback.client")] == []


@pytest.mark.parametrize("code", sorted(_FINAL_CODES, key=str))
async def test_a_watch_gives_up(code: grpc.StatusCode) -> None:
    async with (
        serving("WatchCallbacks", Fake(fails(code)).watch) as stub,
        aclosing(watch(stub, EVERYTHING)) as responses,
    ):
        await anext(responses)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(responses)
    assert caught.value.code() is code


@pytest.mark.parametrize(("limit_s", "least_s"), [(7.5, 7.5), (10**9, backoff.MAX_RETRY_AFTER_S), (-5, 0)])
async def test_a_watch_that_a_limit_refuses_waits_for_it(
    limit_s: float, least_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float] = []
    yield_ = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        waits_s.append(delay_s)
        await yield_(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    fake = Fake(limits(limit_s), falls_silent)
    async with serving("WatchCallbacks", fake.watch) as stub, aclosing(watch(stub, EVERYTHING)) as responses:
        for _ in range(2):
            await anext(responses)
    [wait_s] = waits_s
    assert least_s <= wait_s <= least_s + backoff.MAX_DELAY_S


async def test_a_watch_whose_token_has_ended_goes_on_with_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "RENEWABLE_AFTER_S", 0.0)
    fake = Fake(fails(grpc.StatusCode.UNAUTHENTICATED), falls_silent)
    async with serving("WatchCallbacks", fake.watch) as stub, aclosing(watch(stub, EVERYTHING)) as responses:
        assert [(await anext(responses)).resume_token for _ in range(2)] == ["1", "2"]
    assert fake.resumed_from == ["", "1"]


async def test_a_watch_that_is_refused_at_its_start_has_no_other_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "RENEWABLE_AFTER_S", 0.0)
    streams: list[str] = []

    async def accept_once(request: pb.WatchCallbacksRequest, context: Context) -> None:
        streams.append(request.resume_token)
        if len(streams) == 1:
            await context.write(pb.WatchCallbacksResponse(resume_token="1"))
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "on purpose")

    async with serving("WatchCallbacks", accept_once) as stub, aclosing(watch(stub, EVERYTHING)) as responses:
        await anext(responses)
        with pytest.raises(grpc.aio.AioRpcError, match="on purpose"):
            await anext(responses)
    assert streams == ["", "1"]


async def test_a_watch_can_be_cancelled() -> None:
    started = asyncio.Event()

    async def consume(stub: Any) -> None:
        async for _ in watch(stub, EVERYTHING):
            started.set()

    async with serving("WatchCallbacks", Fake(falls_silent).watch) as stub:
        consumer = asyncio.create_task(consume(stub))
        await started.wait()
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer


def test_how_long_a_watch_waits() -> None:
    def heartbeat_s(**interval: float) -> float:
        request = pb.WatchCallbacksRequest()
        request.heartbeat_interval.FromTimedelta(timedelta(**interval))
        return _heartbeat_s(request)

    assert _heartbeat_s(EVERYTHING) == 15
    assert heartbeat_s(seconds=5) == 5
    assert heartbeat_s(hours=1) == 60
    assert heartbeat_s(seconds=-1) == backoff.MIN_HEARTBEAT_S
