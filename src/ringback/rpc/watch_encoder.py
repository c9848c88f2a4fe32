"""Watch responses as bytes, encoded once for all watchers who are sent the same batch."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import grpc

from ringback.application.events.watch_batches import WatchBatch
from ringback.ports.clock import Clock
from ringback.v1 import callback_service_pb2 as pb
from ringback.v1.callback_service_pb2_grpc import CallbackServiceServicer, add_CallbackServiceServicer_to_server
from ringback.wire.callbacks import write_event
from ringback.wire.values import write_time


class Encoder:
    """Makes responses of batches. What was made of a batch is kept as long as the batch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: WeakKeyDictionary[WatchBatch, bytes] = WeakKeyDictionary()

    def encode(self, batch: WatchBatch) -> bytes:
        """A `WatchCallbacksResponse`: one after the other, the bytes of two messages are those of both in one."""
        made = self._made.get(batch)
        if made is None:
            made = self._made[batch] = _response(batch).SerializeToString()
        sent = pb.WatchCallbacksResponse()
        write_time(self._clock.now(), sent.server_time)
        return made + sent.SerializeToString()


def _response(batch: WatchBatch) -> pb.WatchCallbacksResponse:
    """Everything but the time at which it is sent."""
    response = pb.WatchCallbacksResponse(
        resume_token=batch.resume_token,
        snapshot_started=batch.snapshot_started,
        snapshot_complete=batch.snapshot_complete,
    )
    for event in batch.events:
        write_event(event, response.events.add())
    return response


def add_callback_service(servicer: CallbackServiceServicer, server: grpc.aio.Server) -> None:
    """Add it as the generated code does, except that WatchCallbacks answers bytes, which are sent as they are."""
    sending: Any = _SendingBytes(server)
    add_CallbackServiceServicer_to_server(servicer, sending)


class _SendingBytes:
    """The server, as the generated code sees it."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Wait for the handlers themselves, which come next."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Add them in both ways, as the generated code does: which one counts depends on the version of gRPC."""
        watch = handlers["WatchCallbacks"]
        as_it_is: Any = grpc.unary_stream_rpc_method_handler(watch.unary_stream, watch.request_deserializer)
        ours = {**handlers, "WatchCallbacks": as_it_is}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, ours),))
        self._server.add_registered_method_handlers(service, ours)
