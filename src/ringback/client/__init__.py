"""What a client of Ringback needs besides the stubs: channels, creating once, watching without a gap, reading errors.

    async with insecure_channel("127.0.0.1:50051") as channel:
        stub = CallbackServiceStub(channel)
        created = await create(stub, CreateCallbackRequest(callback_request=...))
        async for response in watch(stub, WatchCallbacksRequest(snapshot_mode=SNAPSHOT_MODE_WHEN_NEEDED)):
            ...

It depends on what the stubs depend on, and on nothing of the server.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from ringback.v1.callback_service_pb2 import (
    CreateCallbackRequest,
    CreateCallbackResponse,
    WatchCallbacksRequest,
    WatchCallbacksResponse,
)
from ringback.v1.error_reason_pb2 import ERROR_REASON_UNSPECIFIED, ErrorReason

if TYPE_CHECKING:
    from ringback.v1.callback_service_pb2_grpc import CallbackServiceAsyncStub

_log = logging.getLogger(__name__)


# --- Errors --------------------------------------------------------------------------------------------------

_DOMAIN: Final = "ringback.v1"
_DETAILS_KEY: Final = "grpc-status-details-bin"


class Violation(NamedTuple):
    """One fault of one field of a request."""

    field: str
    description: str


def reason_of(error: grpc.RpcError) -> ErrorReason.ValueType:
    """Return why Ringback refused, such as `ERROR_REASON_CALLBACK_NOT_FOUND`.

    `ERROR_REASON_UNSPECIFIED` for an error that does not come from Ringback itself (no connection, a deadline, a
    proxy), and for a reason that is newer than these stubs.
    """
    for detail in _details_of(error):
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == _DOMAIN:
            with suppress(ValueError):  # newer than these stubs
                return ErrorReason.Value(f"ERROR_REASON_{info.reason}")
    return ERROR_REASON_UNSPECIFIED


def violations_of(error: grpc.RpcError) -> tuple[Violation, ...]:
    """Return what is wrong with the request, field by field; empty unless the reason is INVALID_FIELD."""
    return tuple(
        Violation(violation.field, violation.description)
        for detail in _details_of(error)
        if detail.Unpack(bad_request := BadRequest())
        for violation in bad_request.field_violations
    )


def _details_of(error: grpc.RpcError) -> Iterator[Any]:
    # Pairs in grpc and in grpc.aio, and typed differently in the two.
    metadata: Any = error.trailing_metadata()
    for key, value in metadata or ():
        if key == _DETAILS_KEY:
            yield from Status.FromString(value).details


# --- Trying again --------------------------------------------------------------------------------------------

_FIRST_DELAY_S: Final = 0.1
_MAX_DELAY_S: Final = 5.0


def _delay_s(failures: int) -> float:
    """How long to wait before a new try: doubling, and jittered so that clients don't return in step."""
    # The exponent is bounded too: an outage of some days would overflow a float.
    limit_s = min(_FIRST_DELAY_S * 2 ** min(failures - 1, 16), _MAX_DELAY_S)
    return random.uniform(limit_s / 2, limit_s)  # noqa: S311 - no secret


# --- Creating ------------------------------------------------------------------------------------------------

_TRY_S: Final = 10.0
# Nothing is known of the fate of a try that ends so. A server that stops cancels what it can't finish.
_UNCERTAIN_CODES: Final = frozenset({StatusCode.UNAVAILABLE, StatusCode.CANCELLED, StatusCode.DEADLINE_EXCEEDED})


async def create(
    stub: "CallbackServiceAsyncStub", request: CreateCallbackRequest, timeout_s: float = 30
) -> CreateCallbackResponse:
    """Ask for one callback, once, however often it takes to get an answer: also over a restart of the server.

    A request with neither a `request_id` nor an `external_task_id` gets a random `request_id`; the caller's own
    message is left alone. When the answer to an earlier try was lost, `created` is false although it is new.

    Raises `grpc.aio.AioRpcError`: what the server refuses at once, and after `timeout_s` the last failure.
    """
    if not request.request_id and not request.callback_request.external_task_id:
        unnamed, request = request, CreateCallbackRequest(request_id=str(uuid4()))
        request.MergeFrom(unnamed)
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + timeout_s
    failures = 0
    while True:
        try:
            return await stub.CreateCallback(request, timeout=min(_TRY_S, end_s - now_s()))
        except grpc.aio.AioRpcError as error:
            failures += 1
            delay_s = _delay_s(failures)
            if error.code() not in _UNCERTAIN_CODES or now_s() + delay_s >= end_s:
                raise
        await asyncio.sleep(delay_s)


# --- Watching ------------------------------------------------------------------------------------------------

# What the server makes of `heartbeat_interval`, as callback_service.proto says.
_DEFAULT_HEARTBEAT_S: Final = 15.0
_MIN_HEARTBEAT_S: Final = 1.0
_MAX_HEARTBEAT_S: Final = 60.0
# Two intervals make a silent connection suspect; the third is for slow networks and busy machines.
_SILENT_INTERVALS: Final = 3

# The same request would only be refused again.
_FINAL_CODES: Final = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.OUT_OF_RANGE,
        StatusCode.PERMISSION_DENIED,
        StatusCode.UNAUTHENTICATED,
        StatusCode.UNIMPLEMENTED,
    }
)


class _Broken(Exception):  # noqa: N818 - a reason to reconnect, which no caller ever sees
    """The stream has ended in a way that a new one may cure."""


async def watch(
    stub: "CallbackServiceAsyncStub", request: WatchCallbacksRequest
) -> AsyncGenerator[WatchCallbacksResponse, None]:
    """Watch callbacks for as long as the caller iterates, over broken connections and restarts of the server.

    Each new stream continues with the last `resume_token`, so nothing is missed; the last events may come twice,
    and the larger `revision` wins. A connection that has been silent for three heartbeat intervals counts as
    broken. (Open the channel with `channel_options`: without keepalive the next stream may take the same dead one.)

    Raises `grpc.aio.AioRpcError` when the server refuses the watch for good, for example with
    RESUME_TOKEN_EXPIRED. To stop early, leave the loop inside `contextlib.aclosing(watch(...))`.
    """
    request = _copy(request)
    failures = 0
    while True:
        answered = False
        try:
            async with aclosing(_stream(stub, request)) as responses:
                async for response in responses:
                    answered = True
                    yield response
                    request.resume_token = response.resume_token
        except _Broken as broken:
            fault = str(broken)
        else:
            fault = "" if answered else "the stream ended before its first response"
        if answered:
            failures = 0
        if fault:
            failures += 1
            # One line for each outage, however long it lasts.
            _log.log(logging.WARNING if failures == 1 else logging.DEBUG, "watch interrupted, resuming: %s", fault)
            await asyncio.sleep(_delay_s(failures))


async def _stream(
    stub: "CallbackServiceAsyncStub", request: WatchCallbacksRequest
) -> AsyncGenerator[WatchCallbacksResponse, None]:
    """One stream, until its OK end. Raises `_Broken`, and `AioRpcError` for what is final."""
    silence_s = _SILENT_INTERVALS * _heartbeat_s(request)
    call = stub.WatchCallbacks(request)
    try:
        while True:
            async with asyncio.timeout(silence_s):
                response = await call.read()
            if not isinstance(response, WatchCallbacksResponse):
                return
            yield response
    except TimeoutError:
        raise _Broken(f"nothing heard for {silence_s:g} s") from None
    except grpc.aio.AioRpcError as error:
        if error.code() in _FINAL_CODES:
            raise
        raise _Broken(f"{error.code().name}: {error.details()}") from None
    except asyncio.CancelledError:
        # gRPC raises this also when it is the server, or a proxy, that has cancelled the call.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise _Broken("CANCELLED by the other side") from None
    finally:
        call.cancel()


def _copy(request: WatchCallbacksRequest) -> WatchCallbacksRequest:
    copy = WatchCallbacksRequest()
    copy.CopyFrom(request)
    return copy


def _heartbeat_s(request: WatchCallbacksRequest) -> float:
    if not request.HasField("heartbeat_interval"):
        return _DEFAULT_HEARTBEAT_S
    asked_s = request.heartbeat_interval.ToTimedelta().total_seconds()
    return min(max(asked_s, _MIN_HEARTBEAT_S), _MAX_HEARTBEAT_S)


# --- Channels ------------------------------------------------------------------------------------------------

# The `gRPC service config` of a client, for any language. A retry repeats what may have been done already: give
# every create an `external_task_id` or a `request_id`, and repeating it is harmless. Streams are left out: they
# must be resumed with their last token, which only `watch` knows.
SERVICE_CONFIG: Final = files("ringback").joinpath("service_config.json").read_text(encoding="utf-8")


def channel_options() -> list[tuple[str, Any]]:
    """Return the options with which a channel to Ringback recovers quickly, for `grpc` and `grpc.aio`."""
    return [
        ("grpc.service_config", SERVICE_CONFIG),
        # Notice a dead connection, and keep NATs and proxies from dropping one that is only quiet. The server
        # permits a ping every ten seconds.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # By default a channel that could not connect refuses calls for up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
    ]


def insecure_channel(target: str) -> grpc.aio.Channel:
    """Open a plain-text channel with the recommended options. It takes no token, which others could read."""
    return grpc.aio.insecure_channel(target, options=channel_options())


def secure_channel(target: str, token: str | None = None, root_certificates: bytes | None = None) -> grpc.aio.Channel:
    """Open a TLS channel with the recommended options.

    `token` goes with every call as `authorization: Bearer ...`. `root_certificates` (PEM) take the place of the
    roots that gRPC comes with.
    """
    credentials = grpc.ssl_channel_credentials(root_certificates)
    if token is not None:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
    return grpc.aio.secure_channel(target, credentials, options=channel_options())
