"""Watch responses as bytes, encoded once for all watchers that are sent the same batch."""

from weakref import WeakKeyDictionary

from ringback.application.events.watch_batches import WatchBatch
from ringback.ports.clock import Clock
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.callbacks import write_event
from ringback.wire.values import write_time


class WatchEncoder:
    """An encoder of batches as responses. The bytes of a batch are kept as long as the batch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: WeakKeyDictionary[WatchBatch, bytes] = WeakKeyDictionary()

    def encode(self, batch: WatchBatch) -> bytes:
        """Return a `WatchCallbacksResponse`: the bytes of two messages in a row are those of both in one."""
        made = self._made.get(batch)
        if made is None:
            made = self._made[batch] = _response(batch).SerializeToString()
        sent = pb.WatchCallbacksResponse()
        write_time(self._clock.now(), sent.server_time)
        return made + sent.SerializeToString()


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
