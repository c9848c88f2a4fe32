"""Calls whose request is no message, or that have none: refused as what they are, and hardly told of in the log."""

import asyncio
import gzip
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringback.app import App
from ringback.config import Settings
from ringback.entry import undecodable
from ringback.entry.undecodable import UndecodableLog
from ringback.rpc.core import grpc_server
from ringback.rpc.open_registrar import OpenRegistrar
from ringback.rpc.requests import DETAILS_KEY, refuse
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api
from tests.world.methods import HEALTH_METHODS, OWN_METHODS, REFLECTION_METHODS
from tests.world.raw_call import framed, raw_call
from tests.world.statuses import detail_of

OPEN_METHODS: Final = (*HEALTH_METHODS, *REFLECTION_METHODS)
GARBAGE: Final = b"\xff\xff\xff"
# Of a field that is a text in all of them, and in most RPCs of ours.
NO_TEXT: Final = b"\x0a\x02\xff\xfe"
BODIES: Final[Mapping[str, bytes]] = {
    "garbage": framed(GARBAGE),
    "a text that is no UTF-8": framed(NO_TEXT),
    "nested without an end": framed(b"\x0b" * 10_000),
    "cut off in the message": framed(b"\x0a\x00", size=100),
    "cut off in the frame": bytes(3),
    "nothing": b"",
}
ONE_OF_EACH: Final = (
    "/ringback.v1.CallbacksService/GetCallback",
    "/ringback.v1.CallbacksService/WatchCallbacks",
    *OPEN_METHODS,
)


async def received(channel: grpc.aio.Channel, method: str, request: bytes) -> grpc.aio.AioRpcError:
    call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(iter([request]), timeout=60).read()
    return caught.value


def assert_refused(code: StatusCode, details: str | bytes) -> str:
    """Return what is said to be wrong."""
    assert code is StatusCode.INVALID_ARGUMENT
    assert isinstance(details, bytes)
    status = Status.FromString(details)
    info = detail_of(status, ErrorInfo)
    assert (info.reason, info.domain) == ("INVALID_FIELD", "ringback.v1")
    [violation] = detail_of(status, BadRequest).field_violations
    assert violation.field == "request"
    return violation.description


@pytest.mark.parametrize("method", [*OWN_METHODS, *OPEN_METHODS])
async def test_bytes_that_are_no_message_are_refused_by_every_rpc(app: App, method: str) -> None:
    async with grpc.aio.insecure_channel(app.address) as channel:
        error = await received(channel, method, GARBAGE)
    details = dict(error.trailing_metadata())[DETAILS_KEY]
    assert assert_refused(error.code(), details) == "its bytes are no message of this RPC"


@pytest.mark.parametrize("method", ONE_OF_EACH)
@pytest.mark.parametrize("body", BODIES)
async def test_what_is_cut_off_or_missing_is_not_taken_for_an_empty_request(app: App, method: str, body: str) -> None:
    status = await raw_call(app.address, method, body=BODIES[body])
    if method in REFLECTION_METHODS and body in ("cut off in the message", "cut off in the frame", "nothing"):
        # Its requests are a stream, which has ended.
        assert status.code is StatusCode.OK
    else:
        assert_refused(status.code, status.details)


# Metadata and body.
OF_THE_CORE: Final[Mapping[str, tuple[tuple[bytes, bytes], bytes]]] = {
    "compressed in no way": ((b"x", b"y"), framed(b"", flags=1)),
    "not compressed as it says": ((b"grpc-encoding", b"gzip"), framed(b"xxx", flags=1)),
    "cut off and compressed": ((b"grpc-encoding", b"gzip"), framed(gzip.compress(bytes(100))[:-10], flags=1)),
    "compressed in an unknown way": ((b"grpc-encoding", b"br"), framed(b"")),
    "metadata that is no Base64": ((b"x-bin", b"!!!"), framed(b"")),
}


@pytest.mark.parametrize("method", ONE_OF_EACH)
@pytest.mark.parametrize("fault", OF_THE_CORE)
async def test_what_the_core_refuses_by_itself_is_no_empty_request(
    app: App, method: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It has no details: that it is INTERNAL is in the protocol of gRPC."""
    metadata, body = OF_THE_CORE[fault]
    caplog.clear()
    assert (await raw_call(app.address, method, metadata, body=body)).code is StatusCode.INTERNAL
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_the_log_tells_of_one_and_counts_the_others(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    methods = [*OWN_METHODS, *OPEN_METHODS]
    async with await App.start(settings) as app, grpc.aio.insecure_channel(app.address) as channel:
        for method in methods:
            await received(channel, method, GARBAGE)
    told = [each.getMessage() for each in caplog.records if each.name == undecodable.__name__]
    assert len(told) == 2
    assert told[0].endswith("for CreateCallback cannot be read: its bytes are no message of this RPC")
    assert told[1] == f"{len(methods) - 1} more requests could not be read"


async def test_an_empty_request_changes_nothing(api: Api) -> None:
    """The core of gRPC hands over a frame with flags that mean nothing as an empty message: nobody sees what it was."""
    before = await state_of(api)
    for method in OWN_METHODS:
        call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = api.channel.stream_stream(method)
        calling = call(iter([b""]))
        with suppress(grpc.aio.AioRpcError):
            await calling.read()
        calling.cancel()
    assert await state_of(api) == before


async def state_of(api: Api) -> Sequence[object]:
    services = await api.directory.ListServices(directory_pb.ListServicesRequest())
    return [await api.list_all(), services]


NO_METHODS: Final = {
    "no text": b"/ringback.v1.CallbacksService/\xff",
    "no path": b"\xff\xfe",
    "unknown": b"/ringback.v1.CallbacksService/Nothing",
    "of no service": b"/x",
}


@pytest.mark.parametrize("path", NO_METHODS)
async def test_a_call_of_no_method_ends_nothing_but_itself(app: App, path: str) -> None:
    status = await raw_call(app.address, NO_METHODS[path])
    assert (status.code, status.message) == (StatusCode.UNIMPLEMENTED, "Method not found!")
    assert (await raw_call(app.address, "/grpc.health.v1.Health/Check")).code is StatusCode.OK


async def test_a_server_whose_grpc_has_ended_ends(settings: Settings) -> None:
    """Nobody reaches it any more: what supervises the process has to restart it."""
    async with await App.start(settings) as app:
        await app.edges.grpc.grpc.stop(None)
        await app.failed.wait()


class BrokenHealth(health_pb2_grpc.HealthServicer):
    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - as in gRPC
        raise RuntimeError("password=hunter2")


async def test_a_bug_behind_an_open_service_does_not_leak_its_text() -> None:
    server = grpc_server([("grpc.so_reuseport", 0)])
    registrar: Any = OpenRegistrar(server, UndecodableLog())
    health_pb2_grpc.add_HealthServicer_to_server(BrokenHealth(), registrar)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest())
    await server.stop(None)
    assert (caught.value.code(), caught.value.details()) == (StatusCode.INTERNAL, "internal error")


class LateHealth(health_pb2_grpc.HealthServicer):
    """Refuses a call when that is over already."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.raised: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - as in gRPC
        self.called.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await refuse(context, Status(code=StatusCode.INVALID_ARGUMENT.value[0]))
        except BaseException as raised:
            self.raised.set_result(raised)
            raise


async def test_a_call_that_is_over_before_it_is_refused_is_cancelled() -> None:
    """Any other exception gRPC logs, with its traceback. It ends calls by itself for frames that it cannot unpack."""
    server = grpc_server([("grpc.so_reuseport", 0)])
    late: Any = LateHealth()
    health_pb2_grpc.add_HealthServicer_to_server(late, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        calling = stub.Check(health_pb2.HealthCheckRequest())
        await late.called.wait()
        calling.cancel()
        assert isinstance(await late.raised, asyncio.CancelledError)
    await server.stop(None)
