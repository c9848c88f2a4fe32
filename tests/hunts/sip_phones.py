"""Telephones of a hunt: SIPp, with hundreds of calls at a time. What each call is like is left to chance.

They take whatever Ringback may do at any moment: a CANCEL that comes too late, a BYE that crosses theirs, a re-INVITE
or a probe by the next server. They write down when each call begins and ends, and fail at anything else.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tests.world.sip_peers.scenario import (
    OUR_TAG,
    Step,
    jump,
    label,
    note,
    receive,
    receive_response,
    request,
    respond,
    sdp,
)

_BUSY, _RINGING, _SILENT, _ANSWER, _LATE_CANCEL = 1, 2, 3, 4, 5
_TALK, _OFFERED, _PROBED, _BYE, _HANG_UP, _AWAIT_OK, _CROSSED, _CANCELLED, _OVER = 7, 8, 9, 10, 11, 12, 13, 14, 15

LOG: Final = "calls"


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What the calls of a telephone are like; shares of all."""

    busy: float
    # Rings until it is cancelled.
    silent: float
    # It hangs up after this long.
    talk_ms: int
    ring_ms: int = 300
    # The direction of its first answer.
    direction: str = "sendrecv"


def telephone(habits: Habits) -> Sequence[Step]:
    """Return the scenario of one call, from the INVITE to the moment in which nothing is left of it."""
    return (
        receive("INVITE"),
        note("begins [$invite_to]"),
        respond(100),
        jump(_BUSY, chance=habits.busy),
        respond(180),
        jump(_SILENT, chance=habits.silent),
        label(_RINGING),
        receive("CANCEL", within_ms=habits.ring_ms, otherwise=_ANSWER, then=_CANCELLED),
        label(_SILENT),
        receive("CANCEL", then=_CANCELLED),
        label(_ANSWER),
        # Also again after a CANCEL that came too late: it ends SIPp's repetitions, and no ACK has come yet.
        respond(200, body=sdp(habits.direction), repeated=True),
        *_acknowledged(),
        label(_TALK),
        *_talk(habits),
        label(_HANG_UP),
        request("BYE"),
        *_ending(),
        # A server that was started after the CANCEL sends it once more, since it has not seen the response.
        label(_CANCELLED),
        respond(200, to="cancel", tag=OUR_TAG),
        respond(487, repeated=True),
        receive("ACK", optional=True, then=_OVER),
        receive("CANCEL", then=_CANCELLED),
        label(_BUSY),
        respond(486, repeated=True),
        receive("ACK", optional=True, then=_OVER),
        receive("CANCEL"),
        respond(200, to="cancel", tag=OUR_TAG),
        jump(_BUSY),
        label(_OVER),
        note("ends"),
    )


def _acknowledged() -> Iterator[Step]:
    """The ACK, or first a CANCEL that has crossed the answer. The next server may hang up without an ACK."""
    yield receive("ACK", optional=True, then=_TALK)
    yield receive("BYE", optional=True, then=_BYE)
    yield receive("CANCEL", then=_LATE_CANCEL)
    yield label(_LATE_CANCEL)
    yield respond(200, to="cancel", tag=OUR_TAG)
    yield jump(_ANSWER)


def _talk(habits: Habits) -> Iterator[Step]:
    """Accept what comes, until the other side hangs up, or this one."""
    yield receive("INVITE", named="offer", optional=True, then=_OFFERED, within_ms=habits.talk_ms, otherwise=_HANG_UP)
    yield receive("OPTIONS", optional=True, then=_PROBED)
    yield receive("BYE", then=_BYE)
    yield label(_OFFERED)
    yield respond(200, to="offer", body=sdp(version=2), repeated=True)
    yield receive("ACK", then=_TALK)
    yield label(_PROBED)
    yield respond(200, to="options")
    yield jump(_TALK)
    yield label(_BYE)
    yield respond(200, to="bye")
    yield jump(_OVER)


def _ending() -> Iterator[Step]:
    """The response to the telephone's BYE; its other side may hang up at the same time."""
    yield label(_AWAIT_OK)
    yield receive_response(481, optional=True, then=_OVER)
    yield receive("BYE", named="crossing", optional=True, then=_CROSSED)
    yield receive("INVITE", named="late", optional=True, then=_AWAIT_OK)
    yield receive("OPTIONS", named="probe", optional=True, then=_AWAIT_OK)
    yield receive_response(200, then=_OVER)
    yield label(_CROSSED)
    # SIPp does not repeat its own BYE after this; whoever takes it has ended the dialog.
    yield respond(200, to="crossing")
    yield jump(_OVER)


class Event(NamedTuple):
    """A line of the log: milliseconds, the Call-ID, what happened, to which user."""

    at_ms: int
    call_id: str
    what: str
    user: str


def events_of(folder: Path) -> list[Event]:
    """Return what a telephone wrote down."""
    found = []
    for line in (folder / LOG).read_text(errors="replace").splitlines():
        at_ms, call_id, what, *rest = line.split()
        user = "".join(rest).partition("sip:")[2].partition("@")[0]
        found.append(Event(int(at_ms), call_id, what, user))
    return found


def faults_of(events: Sequence[Event]) -> Iterator[str]:
    """Yield each call that has not ended."""
    begun: dict[str, Event] = {}
    for event in events:
        if event.what == "begins":
            begun[event.call_id] = event
        elif event.what == "ends":
            del begun[event.call_id]
    for event in begun.values():
        yield f"the call {event.call_id} to {event.user} has never ended"


def doubled(events: Sequence[Event]) -> Iterator[str]:
    """Yield each call to a number that is in a call: a person's telephone rings once at a time."""
    in_call: defaultdict[str, set[str]] = defaultdict(set)
    users: dict[str, str] = {}
    for event in events:
        if event.what == "begins":
            if others := in_call[event.user]:
                yield f"{event.user} is called by {event.call_id}, and is in a call of {', '.join(sorted(others))}"
            in_call[event.user].add(event.call_id)
            users[event.call_id] = event.user
        elif event.what == "ends":
            in_call[users[event.call_id]].discard(event.call_id)
