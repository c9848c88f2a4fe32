"""One callback, however often the client has to send its request."""

import asyncio
from uuid import UUID

import grpc
import pytest

from ringback.client import backoff, create
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.scripted_server import Behaviour, Context, ends, fails, falls_silent, limits, serving


class Clerk:
    """A server whose creates each do the next thing of the script and, unless that prevents it, return a response."""

    def __init__(self, *script: Behaviour) -> None:
        self._script = iter(script)
        self.asked: list[pb.CreateCallbackRequest] = []

    async def create(self, request: pb.CreateCallbackRequest, context: Context) -> pb.CreateCallbackResponse:
        self.asked.append(request)
        await next(self._script, ends)(context)
        return pb.CreateCallbackResponse(created=True)


@pytest.mark.parametrize(
    "misbehaviour",
    [
        falls_silent,
        fails(grpc.StatusCode.UNAVAILABLE),
        fails(grpc.StatusCode.CANCELLED),
        fails(grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
async def test_a_create_is_repeated_under_one_name(misbehaviour: Behaviour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "TRY_S", 0.2)
    request = pb.CreateCallbackRequest(callback_request=cb.CallbackRequest(target="sip:anna@b.example"))
    clerk = Clerk(misbehaviour)
    async with serving("CreateCallback", clerk.create) as stub:
        assert (await create(stub, request)).created
    assert len(clerk.asked) >= 2
    assert all(asked == clerk.asked[0] for asked in clerk.asked)
    assert UUID(clerk.asked[0].request_id)
    assert clerk.asked[0].callback_request == request.callback_request
    assert request.request_id == ""


@pytest.mark.parametrize(
    "request_",
    [
        pb.CreateCallbackRequest(request_id="mine"),
        pb.CreateCallbackRequest(callback_request=cb.CallbackRequest(external_task_id="7")),
    ],
    ids=["request id", "external task id"],
)
async def test_a_create_that_has_a_name_keeps_it(request_: pb.CreateCallbackRequest) -> None:
    clerk = Clerk()
    async with serving("CreateCallback", clerk.create) as stub:
        await create(stub, request_)
    assert clerk.asked == [request_]


@pytest.mark.parametrize(
    "refusal",
    [
        fails(grpc.StatusCode.INVALID_ARGUMENT),
        fails(grpc.StatusCode.UNAUTHENTICATED),
        fails(grpc.StatusCode.PERMISSION_DENIED),
        # Not of a limit: a message that is too large.
        fails(grpc.StatusCode.RESOURCE_EXHAUSTED),
        limits(0.0, grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_a_create_that_is_refused_is_not_repeated(refusal: Behaviour) -> None:
    clerk = Clerk(refusal)
    async with serving("CreateCallback", clerk.create) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match="on purpose"):
            await create(stub, pb.CreateCallbackRequest())
    assert len(clerk.asked) == 1


async def test_a_create_that_a_limit_refuses_is_repeated_when_the_limit_allows_it() -> None:
    clerk = Clerk(limits(0.01), limits(0.01))
    async with serving("CreateCallback", clerk.create) as stub:
        assert (await create(stub, pb.CreateCallbackRequest())).created
    assert [asked.request_id for asked in clerk.asked] == [clerk.asked[0].request_id] * 3


async def test_a_create_does_not_wait_for_a_limit_that_outlasts_it() -> None:
    clerk = Clerk(limits(10**9))
    async with serving("CreateCallback", clerk.create) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match="on purpose"):
            await create(stub, pb.CreateCallbackRequest(), timeout_s=30)
    assert len(clerk.asked) == 1


async def test_a_create_gives_up_when_the_next_try_would_be_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_DELAY_S", 100)
    monkeypatch.setattr(backoff, "MAX_DELAY_S", 100)
    clerk = Clerk(fails(grpc.StatusCode.DEADLINE_EXCEEDED))
    async with serving("CreateCallback", clerk.create) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(stub, pb.CreateCallbackRequest(), timeout_s=30)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_create_can_be_cancelled() -> None:
    started = asyncio.Event()

    async def stalls(_: Context) -> None:
        started.set()
        await asyncio.Event().wait()

    async with serving("CreateCallback", Clerk(stalls).create) as stub:
        creating = asyncio.create_task(create(stub, pb.CreateCallbackRequest()))
        await started.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
