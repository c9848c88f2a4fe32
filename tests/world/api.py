"""Calls to a server: nothing but the stubs, with defaults for what a test is not about."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc, dialer_service_pb2_grpc, directory_service_pb2_grpc
from ringback.v1 import directory_service_pb2 as directory_pb

if TYPE_CHECKING:
    from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceAsyncStub
    from ringback.v1.dialer_service_pb2_grpc import DialerServiceAsyncStub
    from ringback.v1.directory_service_pb2_grpc import DirectoryServiceAsyncStub

ENDED = frozenset(
    {
        cb.CALLBACK_STATE_COMPLETED,
        cb.CALLBACK_STATE_FAILED,
        cb.CALLBACK_STATE_CANCELLED,
        cb.CALLBACK_STATE_EXPIRED,
    }
)

# The longest that a callback may take to reach what a test waits for, on a slow machine.
_PATIENCE_S = 120.0

CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass
class Api:
    """A channel with all stubs, and a service to create callbacks for."""

    channel: grpc.aio.Channel
    callbacks: "CallbacksServiceAsyncStub"
    dialers: "DialerServiceAsyncStub"
    directory: "DirectoryServiceAsyncStub"
    service_id: str = ""

    @classmethod
    def connect(cls, port: int) -> AbstractAsyncContextManager["Api"]:
        return cls.at(f"127.0.0.1:{port}")

    @classmethod
    @asynccontextmanager
    async def at(cls, target: str) -> AsyncIterator["Api"]:
        async with grpc.aio.insecure_channel(target) as channel:
            yield cls.on(channel)

    @classmethod
    def on(cls, channel: grpc.aio.Channel, service_id: str = "") -> "Api":
        return cls(
            channel,
            callbacks_service_pb2_grpc.CallbacksServiceStub(channel),
            dialer_service_pb2_grpc.DialerServiceStub(channel),
            directory_service_pb2_grpc.DirectoryServiceStub(channel),
            service_id,
        )

    async def add_service(self, sip_address: str = "sip:support@cc.example", **settings: Any) -> str:
        """Create a service; the first one is what `request` asks for."""
        response = await self.directory.CreateService(
            directory_pb.CreateServiceRequest(service=directory_pb.Service(sip_address=sip_address, **settings))
        )
        self.service_id = self.service_id or response.service.service_id
        return response.service.service_id

    def request(self, target: str = "sip:answer@sim.example", **fields: Any) -> cb.CallbackRequest:
        if "service_sip" not in fields:
            fields.setdefault("service_id", self.service_id)
        fields.setdefault("priority", cb.PRIORITY_NORMAL)
        fields.setdefault("seconds_between_retries", 0)
        return cb.CallbackRequest(target=target, **fields)

    async def create(self, target: str = "sip:answer@sim.example", **fields: Any) -> cb.Callback:
        response = await self.callbacks.CreateCallback(
            pb.CreateCallbackRequest(callback_request=self.request(target, **fields))
        )
        return response.callback

    async def get(self, callback_id: str) -> cb.Callback:
        response = await self.callbacks.GetCallback(pb.GetCallbackRequest(key=by_id(callback_id)))
        return response.callback

    async def list_all(self, **wanted: Any) -> list[cb.Callback]:
        """Return the callbacks of all pages."""
        found: list[cb.Callback] = []
        token = ""
        while True:
            page = await self.callbacks.ListCallbacks(
                pb.ListCallbacksRequest(filter=cb.CallbackFilter(**wanted), page_token=token)
            )
            found += page.callbacks
            token = page.next_page_token
            if not token:
                return found

    async def until(self, callback_id: str, reached: Callable[[cb.Callback], bool]) -> cb.Callback:
        """Return the first version of the callback that satisfies the condition. Raise `TimeoutError`."""
        request = pb.WatchCallbacksRequest(
            filter=cb.CallbackFilter(keys=[by_id(callback_id)]), snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED
        )
        stream = self.callbacks.WatchCallbacks(request)
        async with asyncio.timeout(_PATIENCE_S):
            async for response in stream:
                for event in response.events:
                    if reached(event.callback):
                        stream.cancel()
                        return event.callback
        raise AssertionError("the watch ended")

    async def until_ended(self, callback_id: str) -> cb.Callback:
        return await self.until(callback_id, lambda callback: callback.state in ENDED)


def by_id(callback_id: str) -> cb.CallbackKey:
    return cb.CallbackKey(callback_id=callback_id)


def by_external_id(caller_id: str, external_task_id: str) -> cb.CallbackKey:
    return cb.CallbackKey(external_task=cb.ExternalTaskKey(caller_id=caller_id, external_task_id=external_task_id))


@dataclass(frozen=True)
class Refusal:
    """A refused call, as far as programs rely on it."""

    code: grpc.StatusCode
    reason: str
    fields: tuple[str, ...]
    metadata: dict[str, str]


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """Read the details of a status as any client would."""
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            assert isinstance(value, bytes)
            status.ParseFromString(value)
            assert status.code == error.code().value[0]
    return _read(error.code(), status)


def refusal_in(item: pb.Error) -> Refusal:
    """Read the error of an item of a batch; one that succeeded has no reason."""
    status = status_pb2.Status.FromString(item.SerializeToString())
    return _read(CODES[status.code], status)


def _read(code: grpc.StatusCode, status: status_pb2.Status) -> Refusal:
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
    if info.reason:
        assert info.domain == "ringback.v1"
    fields = tuple(violation.field for violation in bad_request.field_violations)
    return Refusal(code, info.reason, fields, dict(info.metadata))
