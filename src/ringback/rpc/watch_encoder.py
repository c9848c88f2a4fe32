"""Watch responses as bytes, encoded once for all watchers who are sent the same batch."""

from weakref import WeakKeyDictionary

from ringback.application.events.watch_batches import WatchBatch
from ringback.ports.clock import Clock
from ringback.v1 import callback_service_pb2 as pb
from ringback.wire.callbacks import write_event
from ringback.wire.values import write_time


class WatchEncoder:
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
