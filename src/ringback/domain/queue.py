"""The queue of one service, as read at one moment."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from ringback.domain.callback import Callback
from ringback.domain.priority import Credits, Priority
from ringback.domain.service import Service


class Turn(Struct, frozen=True):
    """Where a service's round robin stands; `revision` grows with every grant, so that no two grants overlap."""

    service_id: str
    credits: Credits
    revision: int


class Queue(Struct, frozen=True):
    """What there is to grant for one service, read at one moment."""

    service: Service
    turn: Turn
    in_progress: int
    # Per level that has somebody waiting who may be dialled: the first of the line.
    heads: Mapping[Priority, Sequence[Callback]]
    # Somebody was passed over because another call to the same target is in progress. Only looked for when a
    # line is shorter than asked for.
    held: bool


class Line(Struct, frozen=True):
    """Who waits for one service, and how many are being called, read at one moment."""

    turn: Turn
    in_progress: int
    waiting: Mapping[Priority, int]
    # Since when the one that has waited longest is due.
    oldest: datetime | None
