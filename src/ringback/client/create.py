"""Creation of a callback, once."""

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import grpc
from grpc import StatusCode

from ringback.client import backoff
from ringback.client.errors import retry_after_s
from ringback.v1.callbacks_service_pb2 import CreateCallbackRequest, CreateCallbackResponse

if TYPE_CHECKING:
    from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceAsyncStub

# A try that ends like this may have created the callback. A server that stops cancels what it can't finish.
_UNCERTAIN_CODES: Final = frozenset({StatusCode.UNAVAILABLE, StatusCode.CANCELLED, StatusCode.DEADLINE_EXCEEDED})


async def create(
    stub: "CallbacksServiceAsyncStub", request: CreateCallbackRequest, timeout_s: float = 30
) -> CreateCallbackResponse:
    """Create one callback, once, however many tries it takes to get a response: also over a restart of the server.

    A request with neither a `request_id` nor an `external_task_id` gets a random `request_id`; the caller's own
    message is not changed. When the response to an earlier try was lost, `created` is false although it is new.
    What a limit refuses (RATE_LIMITED, QUOTA_EXCEEDED) is repeated after the time that the server names.

    Raise `grpc.aio.AioRpcError`: any other refusal of the server at once, also CREDENTIALS_INVALID and NOT_ALLOWED;
    the last failure when the next try would come after `timeout_s` seconds.
    """
    if not request.request_id and not request.callback_request.external_task_id:
        unnamed, request = request, CreateCallbackRequest(request_id=str(uuid4()))
        request.MergeFrom(unnamed)
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + timeout_s
    failures = 0
    while True:
        try:
            return await stub.CreateCallback(request, timeout=min(backoff.TRY_S, end_s - now_s()))
        except grpc.aio.AioRpcError as error:
            failures += 1
            limited_s = retry_after_s(error)
            delay_s = backoff.delay_s(failures) + (limited_s or 0.0)
            is_final = limited_s is None and error.code() not in _UNCERTAIN_CODES
            if is_final or now_s() + delay_s >= end_s:
                raise
        await asyncio.sleep(delay_s)
