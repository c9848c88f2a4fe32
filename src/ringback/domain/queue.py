"""The queue of one service, as read at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.priority import Credits, Priority
from ringback.domain.service import Service


class Turn(Struct, frozen=True):
    """The state of a service's round robin; `revision` grows with every grant, so that no two grants overlap."""

    service_id: str
    credits: Credits
    revision: int


class Queue(Struct, frozen=True):
    """What can be granted for one service, read at one moment."""

    service: Service
    turn: Turn
    in_progress: int
    # Per level with callbacks that may be dialled: the first of them, in order.
    heads: Mapping[Priority, Sequence[Callback]]
    # A callback was skipped because another call to its phone is in progress. Only determined when a level has
    # fewer callbacks than requested.
    held: bool
    # Likewise: the first of the times until which the phones of skipped callbacks are kept; None when none is.
    held_until: datetime | None
    # By id, for the heads whose phone was dialled within the last days: when those dial-outs began.
    dialled: Mapping[str, Sequence[datetime]] = {}


def joined(queue: Queue, arriving: Iterable[Callback], dialled: Mapping[str, Sequence[datetime]]) -> Queue:
    """Return the queue with these callbacks in their places, as it is once they are QUEUED.

    `dialled` is when their phones were dialled, by id.
    """
    heads = {level: list(line) for level, line in queue.heads.items()}
    for callback in arriving:
        heads.setdefault(Priority(callback.request.priority), []).append(callback)
    for line in heads.values():
        line.sort(key=attrgetter("ready_time", "callback_id"))
    return replace(queue, heads=heads, dialled={**queue.dialled, **dialled})
