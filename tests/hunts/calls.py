"""Calls to a server that is killed all the time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import grpc

from ringback.v1 import callbacks_service_pb2_grpc, dialer_service_pb2_grpc, directory_service_pb2_grpc
from tests.world.api import Api, refusal_of

Request = TypeVar("Request")
Response = TypeVar("Response")

# Far more than a start or a response takes on a busy machine: beyond it something hangs.
PATIENCE_S: Final = 30.0
# The deadline that the service config sets.
DEADLINE_S: Final = 10.0
# The deadline while a server is known to hang: the next try goes to another one.
HASTE_S: Final = 1.0
# How long to leave a server alone that is stopping; nothing tells a client when the next one is up.
PAUSE_S: Final = 0.2

_CHANNEL_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    # A response must belong to this very call: `insist` is what repeats.
    ("grpc.enable_retries", 0),
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
)


@asynccontextmanager
async def connect(ports: Sequence[int]) -> AsyncIterator[Api]:
    """Open a channel that reconnects soon after a server is back; calls take turns over the servers that are up."""
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    async with grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS) as channel:
        yield Api(
            channel,
            callbacks_service_pb2_grpc.CallbacksServiceStub(channel),
            dialer_service_pb2_grpc.DialerServiceStub(channel),
            directory_service_pb2_grpc.DirectoryServiceStub(channel),
        )


async def insist(
    call: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]",
    request: Request,
    has_hung: Callable[[float], bool] | None = None,
    when_unanswered: Callable[[], None] = lambda: None,
) -> Response:
    """Repeat a call until it succeeds. A status that does not say what became of it is retried; others are raised.

    `when_unanswered` is called with each status of the first kind.

    Of many servers, one may hang: `has_hung` tells whether one did since a moment (of `time.monotonic`). Only then may
    a call miss its deadline.
    """
    while True:
        begun = time.monotonic()
        timeout_s = PATIENCE_S
        if has_hung:
            timeout_s = HASTE_S if has_hung(begun) else DEADLINE_S
        try:
            return await call(request, timeout=timeout_s, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            if error.code() is not grpc.StatusCode.UNAVAILABLE and not (late and has_hung and has_hung(begun)):
                raise
            when_unanswered()
            if refusal_of(error).reason:
                await asyncio.sleep(PAUSE_S)
