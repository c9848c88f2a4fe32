"""Watch responses as bytes, encoded once for all watchers that are sent the same batch."""

from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

import msgspec
from google.protobuf.json_format import MessageToDict

from ringback.application.events.watch_batches import WatchBatch
from ringback.ports.clock import Clock
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.callbacks import write_event
from ringback.wire.values import write_time

_Made = WeakKeyDictionary[WatchBatch, bytes]


class WatchEncoder:
    """An encoder of batches as responses. The bytes of a batch are kept as long as the batch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._binary: Final = _Made()
        self._json: Final = _Made()

    def encode(self, batch: WatchBatch) -> bytes:
        """Return a `WatchCallbacksResponse`: the bytes of two messages in a row are those of both in one."""
        return (
            _made(self._binary, batch, pb.WatchCallbacksResponse.SerializeToString) + self._sent().SerializeToString()
        )

    def encode_json(self, batch: WatchBatch) -> bytes:
        """Return the same in JSON: the members of two objects make one. Each response has a resume token."""
        return _made(self._json, batch, to_json)[:-1] + b"," + to_json(self._sent())[1:]

    def _sent(self) -> pb.WatchCallbacksResponse:
        """Return the time at which it is sent, which each watcher gets its own of."""
        sent = pb.WatchCallbacksResponse()
        write_time(self._clock.now(), sent.server_time)
        return sent


def to_json(message: pb.WatchCallbacksResponse) -> bytes:
    return msgspec.json.encode(MessageToDict(message))


def _made(kept: _Made, batch: WatchBatch, encode: Callable[[pb.WatchCallbacksResponse], bytes]) -> bytes:
    made = kept.get(batch)
    if made is None:
        made = kept[batch] = encode(_response(batch))
    return made


def _response(batch: WatchBatch) -> pb.WatchCallbacksResponse:
    """Return everything but the time at which it is sent."""
    response = pb.WatchCallbacksResponse(
        resume_token=batch.resume_token,
        snapshot_started=batch.snapshot_started,
        snapshot_complete=batch.snapshot_complete,
    )
    for event in batch.events:
        write_event(event, response.events.add())
    return response
