"""Requests to a server, with defaults for what a test is not about."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, Refusal, by_id, refusal_of


async def ask(
    api: Api, request: cb.CallbackRequest, request_id: str = "", *, validate_only: bool = False
) -> pb.CreateCallbackResponse:
    return await api.callbacks.CreateCallback(
        pb.CreateCallbackRequest(callback_request=request, request_id=request_id, validate_only=validate_only)
    )


async def create_many(api: Api, requests: Iterable[cb.CallbackRequest]) -> list[cb.Callback]:
    response = await api.callbacks.BatchCreateCallbacks(
        pb.BatchCreateCallbacksRequest(
            requests=[pb.CreateCallbackRequest(callback_request=request) for request in requests],
            include_callbacks=True,
        )
    )
    assert all(result.created for result in response.results)
    return [result.callback for result in response.results]


async def far_ahead(api: Api, count: int, **fields: Any) -> list[cb.Callback]:
    """Create callbacks that stay SCHEDULED."""
    due = from_now(days=1)
    return await create_many(api, (api.request(due_date=due, **fields) for _ in range(count)))


async def cancel(api: Api, callback: cb.Callback, reason: str = "", etag: str = "") -> cb.Callback:
    response = await api.callbacks.CancelCallback(
        pb.CancelCallbackRequest(key=by_id(callback.callback_id), reason=reason, etag=etag)
    )
    return response.callback


def update_request(callback: cb.Callback, etag: str = "", **fields: Any) -> pb.UpdateCallbackRequest:
    """Return a request to change just these fields; None stands for a field that is named but unset."""
    values = {name: value for name, value in fields.items() if value is not None}
    return pb.UpdateCallbackRequest(
        key=by_id(callback.callback_id),
        callback_request=cb.CallbackRequest(**values),
        update_mask=FieldMask(paths=fields),
        etag=etag,
    )


async def update(api: Api, callback: cb.Callback, etag: str = "", **fields: Any) -> cb.Callback:
    return (await api.callbacks.UpdateCallback(update_request(callback, etag, **fields))).callback


async def reschedule(api: Api, callback: cb.Callback, etag: str = "", **fields: Any) -> cb.Callback:
    """Update the due date, to an hour from now unless it is given, and perhaps more."""
    return await update(api, callback, etag, **{"due_date": from_now(hours=1), **fields})


async def update_service(api: Api, service_id: str = "", *, etag: str = "", **settings: Any) -> directory_pb.Service:
    """Change just these settings."""
    request = directory_pb.UpdateServiceRequest(
        service=directory_pb.Service(service_id=service_id or api.service_id, etag=etag, **settings)
    )
    request.update_mask.paths.extend(settings)
    return (await api.directory.UpdateService(request)).service


async def refused(call: Any) -> Refusal:
    """Return how a call is refused; fail when it succeeds."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal_of(caught.value)


def from_now(**span: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(**span))
    return moment


def ids(of: Iterable[Any]) -> list[str]:
    """Return the ids of callbacks, or of the callbacks of leases."""
    return [one.callback.callback_id if isinstance(one, dialer_pb.Lease) else one.callback_id for one in of]


def micros(moment: Timestamp) -> int:
    return int(moment.ToMicroseconds())
