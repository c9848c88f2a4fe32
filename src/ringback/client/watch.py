"""Watches of callbacks without a gap."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import grpc
from grpc import StatusCode

from ringback.client import backoff
from ringback.client.errors import retry_after_s
from ringback.v1.callbacks_service_pb2 import WatchCallbacksRequest, WatchCallbacksResponse

if TYPE_CHECKING:
    from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceAsyncStub

_log = logging.getLogger(__name__)

# What the server makes of `heartbeat_interval`, as callbacks_service.proto says.
_DEFAULT_HEARTBEAT_S: Final = 15.0
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
    """The stream has ended in a way that a new one may cure, after a while."""

    def __init__(self, fault: str, limited_s: float = 0.0) -> None:
        super().__init__(fault)
        # How long a limit of the server lasts.
        self.limited_s = limited_s


async def watch(
    stub: "CallbacksServiceAsyncStub",
    request: WatchCallbacksRequest,
    *,
    interrupted: Callable[[str], None] | None = None,
) -> AsyncGenerator[WatchCallbacksResponse, None]:
    """Watch callbacks for as long as the caller iterates, over broken connections and restarts of the server.

    Each new stream continues with the last `resume_token`, so nothing is missed; the last events may come twice,
    and the larger `revision` wins. A connection that has been silent for three heartbeat intervals counts as
    broken. (Open the channel with `channel_options`: without keepalive the next stream may use the same dead one.)

    An outage is a line in the log, or else `interrupted` is called with the fault. It is over at the next response.

    The server ends a stream with the credentials that opened it. After a minute or more a new one is tried, once, since
    a token file may have the next token.

    Raise `grpc.aio.AioRpcError` when the server refuses the watch for good, for example with RESUME_TOKEN_EXPIRED,
    CREDENTIALS_INVALID or NOT_ALLOWED. To stop early, leave the loop inside `contextlib.aclosing(watch(...))`.
    """
    request = _copy(request)
    failures = 0
    while True:
        responded = False
        limited_s = 0.0
        try:
            async with aclosing(_stream(stub, request)) as responses:
                async for response in responses:
                    responded = True
                    yield response
                    request.resume_token = response.resume_token
        except _Broken as broken:
            fault, limited_s = str(broken), broken.limited_s
        else:
            fault = "" if responded else "the stream ended before its first response"
        if responded:
            failures = 0
        if fault:
            failures += 1
            # Once for each outage, however long it lasts.
            is_news = failures == 1
            if is_news and interrupted is not None:
                interrupted(fault)
                is_news = False
            _log.log(logging.WARNING if is_news else logging.DEBUG, "watch interrupted, resuming: %s", fault)
            await asyncio.sleep(limited_s + backoff.delay_s(failures))


async def _stream(
    stub: "CallbacksServiceAsyncStub", request: WatchCallbacksRequest
) -> AsyncGenerator[WatchCallbacksResponse, None]:
    """Yield from one stream, until its OK end. Raise `_Broken`, and `AioRpcError` for what is final."""
    silence_s = _SILENT_INTERVALS * _heartbeat_s(request)
    now_s = asyncio.get_running_loop().time
    # When the server has accepted the credentials.
    accepted_s = math.inf
    call = stub.WatchCallbacks(request)
    try:
        while True:
            async with asyncio.timeout(silence_s):
                response = await call.read()
            if not isinstance(response, WatchCallbacksResponse):
                return
            accepted_s = min(accepted_s, now_s())
            yield response
    except TimeoutError:
        raise _Broken(f"nothing heard for {silence_s:g} s") from None
    except grpc.aio.AioRpcError as error:
        ended_later = now_s() - accepted_s >= backoff.RENEWABLE_AFTER_S
        if error.code() in _FINAL_CODES and not (error.code() is StatusCode.UNAUTHENTICATED and ended_later):
            raise
        raise _Broken(f"{error.code().name}: {error.details()}", retry_after_s(error) or 0.0) from None
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
    requested_s = request.heartbeat_interval.ToTimedelta().total_seconds()
    return min(max(requested_s, backoff.MIN_HEARTBEAT_S), _MAX_HEARTBEAT_S)
