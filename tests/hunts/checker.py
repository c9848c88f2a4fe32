"""An independent referee: reads the events of a watch of everything, and says which promise was broken.

It knows the contract and nothing of the server: the rules are written down here a second time, so that a mistake
in the server's own table is not repeated by the code that looks for it. It has to see every event from the first on.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.directory_service_pb2 import Service

SCHEDULED, QUEUED = cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_QUEUED
OFFERED, DIALING = cb.CALLBACK_STATE_OFFERED, cb.CALLBACK_STATE_DIALING
CONNECTED, CANCELLING = cb.CALLBACK_STATE_CONNECTED, cb.CALLBACK_STATE_CANCELLING
COMPLETED, FAILED = cb.CALLBACK_STATE_COMPLETED, cb.CALLBACK_STATE_FAILED
CANCELLED, EXPIRED = cb.CALLBACK_STATE_CANCELLED, cb.CALLBACK_STATE_EXPIRED

FIRST_STATES: Final = frozenset({SCHEDULED, QUEUED})
# What counts against a service's `max_concurrent_calls`.
IN_PROGRESS: Final = frozenset({OFFERED, DIALING, CONNECTED, CANCELLING})
# The states with an attempt under way.
CALLING: Final = frozenset({DIALING, CONNECTED, CANCELLING})

# From each state to those it may leave to. The same state again is a change of something else.
LEGAL: Final[Mapping[int, frozenset[int]]] = MappingProxyType(
    {
        SCHEDULED: frozenset({SCHEDULED, QUEUED, CANCELLED, EXPIRED}),  # rescheduled, or the opening moved
        QUEUED: frozenset({QUEUED, OFFERED, SCHEDULED, CANCELLED, EXPIRED}),  # described differently
        OFFERED: frozenset({OFFERED, DIALING, QUEUED, CANCELLED, EXPIRED}),
        DIALING: frozenset({DIALING, CONNECTED, SCHEDULED, FAILED, EXPIRED, CANCELLING}),  # it rings
        CONNECTED: frozenset({CONNECTED, COMPLETED, SCHEDULED, FAILED, EXPIRED}),  # another server goes on with it
        CANCELLING: frozenset({CANCELLING, CANCELLED, COMPLETED}),  # it rings, or was answered meanwhile
        COMPLETED: frozenset(),
        FAILED: frozenset(),
        CANCELLED: frozenset(),
        EXPIRED: frozenset(),
    }
)
TERMINAL: Final = frozenset(state for state, following in LEGAL.items() if not following)


class Checker:
    """Takes every event in order. `findings` has a line for each promise that was broken: empty is good."""

    def __init__(self, services: Iterable[Service], *, steady_clock: bool = True) -> None:
        """Without a steady clock, times of what is logged are not compared: they are of before and after it was set."""
        self.findings: list[str] = []
        self._steady_clock = steady_clock
        # The fold of all events: what ListCallbacks has to return.
        self.callbacks: dict[str, cb.Callback] = {}
        self.open: set[str] = set()
        self.redelivered = 0
        self._services = {service.service_id: service for service in services}
        # A digest of every event, in order; and of every callback at every revision.
        self._events: list[int] = []
        self._versions: dict[tuple[str, int], int] = {}
        # The position of the stream in them.
        self._position = 0
        self._in_progress: defaultdict[str, set[str]] = defaultdict(set)
        # By phone: the callback in a call to it; and the callback whose dialer was lost, with the end of its ring.
        self._caller_of: dict[str, str] = {}
        self._may_ring: dict[str, tuple[str, int]] = {}

    @property
    def events(self) -> int:
        """Return how many different events there were."""
        return len(self._events)

    @property
    def position(self) -> int:
        """Return how many events precede the next one of the stream."""
        return self._position

    def resume_at(self, position: int) -> None:
        """Expect a new stream to continue where `position` was this, and to repeat exactly what followed then."""
        self._position = position

    def take(self, event: pb.CallbackEvent) -> None:
        digest, position = _digest(event), self._position
        self._position += 1
        if position < len(self._events):
            self.redelivered += 1
            if self._events[position] != digest:
                self._find(event.callback, f"event {position} was another one before the watch was resumed")
            return
        self._events.append(digest)
        self._learn(event)

    def confirm(self, returned: Iterable[cb.Callback]) -> None:
        """Check that each callback that the server returned is a version that the watch told, too."""
        for callback in returned:
            told = self._versions.get((callback.callback_id, callback.revision))
            if told is None:
                self._find(callback, "was answered, and the watch never told this revision")
            elif told != _digest(callback):
                self._find(callback, "was answered differently from what the watch told of this revision")

    def compare(self, listed: Iterable[cb.Callback]) -> None:
        """Check that the fold of the stream equals the list."""
        remaining = dict(self.callbacks)
        for callback in listed:
            folded = remaining.pop(callback.callback_id, None)
            if folded is None:
                self._find(callback, "is listed twice, or was never told by the watch")
            elif folded != callback:
                self._find(callback, f"is listed differently from what the watch told at revision {folded.revision}")
        for callback in remaining.values():
            self._find(callback, "is not listed")

    def _learn(self, event: pb.CallbackEvent) -> None:
        callback = event.callback
        before = self.callbacks.get(callback.callback_id)
        service = self._services.get(callback.service_id)
        if service is None:
            self._find(callback, f"belongs to the unknown service {callback.service_id}")
            return
        faults = _faults_of_birth(event) if before is None else _faults_of_change(before, event)
        for fault in (*faults, *_faults_of_attempts(callback, service)):
            self._find(callback, fault)
        if self._steady_clock:
            for fault in (
                *_faults_of_timing(before, callback, service),
                *self._faults_of_ringing(before, callback, service),
            ):
                self._find(callback, fault)
        self.callbacks[callback.callback_id] = callback
        self._versions[callback.callback_id, callback.revision] = _digest(callback)
        self._follow(before, callback, service)

    def _follow(self, before: cb.Callback | None, callback: cb.Callback, service: Service) -> None:
        """Count what is open and in progress, and compare it with what the service allows."""
        (self.open.discard if callback.state in TERMINAL else self.open.add)(callback.callback_id)
        was_in_progress = before is not None and before.state in IN_PROGRESS
        if was_in_progress == (callback.state in IN_PROGRESS):
            return
        if was_in_progress:
            self._release(callback, service)
        else:
            self._occupy(callback, service)

    def _occupy(self, callback: cb.Callback, service: Service) -> None:
        occupied = self._in_progress[service.service_id]
        occupied.add(callback.callback_id)
        if len(occupied) > service.max_concurrent_calls:
            self._find(callback, f"is one of {len(occupied)} in progress, {service.max_concurrent_calls} are allowed")
        caller = self._caller_of.setdefault(phone_of(callback), callback.callback_id)
        if caller != callback.callback_id:
            self._find(callback, f"calls {callback.dial_target}, which is in a call because of {caller}")

    def _release(self, callback: cb.Callback, service: Service) -> None:
        self._in_progress[service.service_id].discard(callback.callback_id)
        if self._caller_of.get(phone_of(callback)) == callback.callback_id:
            del self._caller_of[phone_of(callback)]

    def _faults_of_ringing(self, before: cb.Callback | None, callback: cb.Callback, service: Service) -> Iterator[str]:
        """Require that no phone is dialled while it may ring, because another callback's dialer was lost."""
        if before is None or not callback.attempts:
            return
        phone, last = phone_of(callback), callback.attempts[-1]
        if _begins_attempt(before, callback):
            loser, end_ns = self._may_ring.get(phone, (callback.callback_id, 0))
            if loser != callback.callback_id and last.start_time.ToNanoseconds() < end_ns:
                yield f"dialled at {_time(last.start_time)}, and may ring until {_seconds(end_ns)} because of {loser}"
        elif before.state in CALLING and last.outcome == cb.CALL_OUTCOME_INTERRUPTED:
            end_ns = last.end_time.ToNanoseconds() + service.ring_timeout.ToNanoseconds()
            if end_ns > self._may_ring.get(phone, ("", 0))[1]:
                self._may_ring[phone] = callback.callback_id, end_ns

    def _find(self, callback: cb.Callback, fault: str) -> None:
        self.findings.append(f"{callback.callback_id} revision {callback.revision} {_name(callback.state)}: {fault}")


class Fold:
    """What a client with a filter keeps, exactly as callbacks_service.proto prescribes."""

    def __init__(self) -> None:
        self.callbacks: dict[str, cb.Callback] = {}
        self.position = 0

    def resume_at(self, position: int) -> None:
        self.position = position

    def take(self, event: pb.CallbackEvent) -> None:
        self.position += 1
        if event.type == pb.CALLBACK_EVENT_TYPE_REMOVED:
            self.callbacks.pop(event.callback.callback_id, None)
        else:
            self.callbacks[event.callback.callback_id] = event.callback

    def differences(self, listed: Iterable[cb.Callback]) -> Iterator[str]:
        """Yield a line for each callback that differs between the fold and the filtered list."""
        there = {callback.callback_id: callback for callback in listed}
        for callback_id in sorted(there.keys() | self.callbacks.keys()):
            watched, listed_one = self.callbacks.get(callback_id), there.get(callback_id)
            if watched != listed_one:
                yield f"{callback_id}: a filtered watch has {_version(watched)}, the list {_version(listed_one)}"


def phone_of(callback: cb.Callback) -> str:
    """Return the phone, as far as hunts have targets: a number, also at a gateway, or user and host of a SIP URI."""
    address = callback.dial_target.partition(":")[2].partition(";")[0]
    user = address.partition("@")[0]
    return user if user.startswith("+") else address


# --- The rules ---------------------------------------------------------------------------------------------------


def _faults_of_birth(event: pb.CallbackEvent) -> Iterator[str]:
    callback = event.callback
    if event.type != pb.CALLBACK_EVENT_TYPE_CREATED:
        yield f"its first event is {pb.CallbackEventType.Name(event.type)}"
    if event.previous_state != cb.CALLBACK_STATE_UNSPECIFIED:
        yield "has a previous state, and is new"
    if callback.state not in FIRST_STATES:
        yield "cannot begin in this state"
    if callback.revision != 1:
        yield "its first revision is not 1: an event was lost"
    if callback.attempts:
        yield "is new, and has been dialled"


def _faults_of_change(before: cb.Callback, event: pb.CallbackEvent) -> Iterator[str]:
    callback = event.callback
    if event.type != pb.CALLBACK_EVENT_TYPE_UPDATED:
        yield f"{pb.CallbackEventType.Name(event.type)} for a callback that exists"
    if event.previous_state != before.state:
        yield f"came from {_name(before.state)}, and the event says {_name(event.previous_state)}"
    if callback.state not in LEGAL[before.state]:
        yield f"cannot come from {_name(before.state)}"
    if callback.revision > before.revision + 1:
        yield f"follows revision {before.revision}: an event was lost"
    elif callback.revision <= before.revision:
        yield f"follows revision {before.revision}: an event was repeated or reordered"
    yield from _faults_of_history(before, callback)


def _faults_of_history(before: cb.Callback, callback: cb.Callback) -> Iterator[str]:
    """Require that what is over stays as it was, and that one attempt begins at a time, only by dialling."""
    closed = [attempt for attempt in before.attempts if attempt.HasField("end_time")]
    if list(callback.attempts[: len(closed)]) != closed:
        yield "an attempt that was over has changed"
    begun = len(callback.attempts) - len(before.attempts)
    if begun != (1 if _begins_attempt(before, callback) else 0):
        yield f"has {begun:+d} attempts since {_name(before.state)}"


def _faults_of_timing(before: cb.Callback | None, callback: cb.Callback, service: Service) -> Iterator[str]:
    """Require that no target is dialled before the announced time, nor too soon after the attempt before."""
    if before is None or not _begins_attempt(before, callback) or not callback.attempts:
        return  # `_faults_of_history` has told of it
    start = callback.attempts[-1].start_time
    if before.HasField("next_attempt_time") and start.ToNanoseconds() < before.next_attempt_time.ToNanoseconds():
        yield f"dialled at {_time(start)}, before its next_attempt_time {_time(before.next_attempt_time)}"
    for last, following in list(pairwise(callback.attempts))[-1:]:
        pause_ns = following.start_time.ToNanoseconds() - last.end_time.ToNanoseconds()
        least_ns = _least_pause_ns(last, callback, service)
        if pause_ns < least_ns:
            yield (
                f"attempt {following.number} began {pause_ns / 1e9:.6f} s after the end of the one before, "
                f"which was {cb.CallOutcome.Name(last.outcome)}; {least_ns / 1e9:g} s are the least"
            )


def _least_pause_ns(attempt: cb.Attempt, callback: cb.Callback, service: Service) -> int:
    pause_ns = callback.callback_request.seconds_between_retries * 1_000_000_000
    if attempt.outcome == cb.CALL_OUTCOME_INTERRUPTED:
        return max(pause_ns, service.ring_timeout.ToNanoseconds())  # the phone may still be ringing
    return pause_ns


def _faults_of_attempts(callback: cb.Callback, service: Service) -> Iterator[str]:
    numbers = [attempt.number for attempt in callback.attempts]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"its attempts are numbered {numbers}"
    if callback.attempt_count != len(numbers):
        yield f"has {len(numbers)} attempts, and counts {callback.attempt_count}"
    request = callback.callback_request
    retries = request.max_retries if request.HasField("max_retries") else service.default_max_retries
    if len(numbers) > 1 + retries:
        yield f"has {len(numbers)} attempts, and may be retried {retries} times"
    for attempt in callback.attempts:
        if attempt.HasField("end_time") == (attempt.outcome == cb.CALL_OUTCOME_UNSPECIFIED):
            yield f"attempt {attempt.number} has an outcome without an end, or an end without an outcome"
    running = [attempt.number for attempt in callback.attempts if not attempt.HasField("end_time")]
    if running != (numbers[-1:] if callback.state in CALLING else []):
        yield f"of attempts {numbers}, those running are {running}"


def _begins_attempt(before: cb.Callback, callback: cb.Callback) -> bool:
    return callback.state == DIALING and before.state != DIALING


def _digest(message: Message) -> int:
    return hash(message.SerializeToString(deterministic=True))


def _name(state: "cb.CallbackState.ValueType") -> str:
    return cb.CallbackState.Name(state).removeprefix("CALLBACK_STATE_")


def _version(callback: cb.Callback | None) -> str:
    return f"revision {callback.revision} {_name(callback.state)}" if callback else "none"


def _time(moment: Timestamp) -> str:
    return moment.ToDatetime().isoformat()


def _seconds(nanoseconds: int) -> str:
    moment = Timestamp()
    moment.FromNanoseconds(nanoseconds)
    return _time(moment)
