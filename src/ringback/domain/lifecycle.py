"""The one transition table of callbacks: which events are possible in a state, and what they change.

`after(callback, event)` is the only way a callback changes. A step that the table does not have raises an error and
changes nothing. The diagram in the README is generated from `TRANSITIONS`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from ringback.domain.call_ids import joined
from ringback.domain.callback import TERMINAL, Attempt, Callback, Lease, State
from ringback.domain.dial_times import first_dial_time
from ringback.domain.errors import (
    AttemptNotStarted,
    CallbackConnected,
    CallbackEnded,
    CallbackInProgress,
    IllegalTransition,
    OutcomeConflict,
)
from ringback.domain.events import (
    Answered,
    AttemptEnded,
    BecameDue,
    Blocked,
    CancelRequested,
    DialingStarted,
    Event,
    ExpireTimePassed,
    Leased,
    LeaseLapsed,
    LeaseReleased,
    LeaseTaken,
    OfferWithdrawn,
    OpeningMoved,
    Redescribed,
    Replanned,
    Ringing,
)
from ringback.domain.outcome import UNSERVED, Outcome
from ringback.domain.retry import retry_delay
from ringback.domain.retry_delay import RetryDelay, RetryDelayReason


def after(callback: Callback, event: Event) -> Callback:
    """Return the callback after the event; the very same object when the event changes nothing (a repeat).

    Raise a `StateRefused` for what a caller may request but not in this state, `AttemptNotStarted` or
    `OutcomeConflict` for what a dialer may not report, and `IllegalTransition` for what cannot happen at all.
    """
    step = _step_for(callback, type(event))
    at = max(event.at, callback.update_time)  # the clock was set back: recorded times still go forward
    result = step.take(callback, event if event.at == at else replace(event, at=at, clock=event.at))
    if result is callback:
        return callback
    if result.state not in step.to:
        raise IllegalTransition(f"{type(event).__name__} took {callback.state.name} to {result.state.name}")
    return replace(
        result,
        revision=callback.revision + 1,
        update_time=at,
        phone_kept_until=_phone_kept_until(callback, event),
        agents_failed_at=_agents_failed_at(event),
    )


def _phone_kept_until(callback: Callback, event: Event) -> datetime | None:
    """Return the end of the longest ring that a lost dialer can leave behind; None when none was lost with a call.

    It is compared with the clock, and so it is not moved forward like the times that are recorded.
    """
    if isinstance(event, LeaseLapsed):
        is_lost = callback.state is not State.OFFERED
    elif isinstance(event, AttemptEnded):
        is_lost = event.outcome is Outcome.INTERRUPTED
    else:
        return None
    if not is_lost:
        return None
    ring_timeout = event.service.ring_timeout
    if callback.lease is not None and callback.lease.ring_timeout is not None:
        # Whichever is longer: the setting may have changed since the dialer got it.
        ring_timeout = max(ring_timeout, callback.lease.ring_timeout)
    return event.at + ring_timeout


def _agents_failed_at(event: Event) -> datetime | None:
    """Return when no agent answered; None when that is not what happened. It is compared with the clock, too."""
    return event.at if isinstance(event, LeaseReleased) and event.agents_unavailable else None


def versions(callback: Callback, events: Iterable[Event]) -> Sequence[Callback]:
    """Return the callback after each of the events that follow each other."""
    found: list[Callback] = []
    for event in events:
        callback = after(callback, event)
        found.append(callback)
    return found


def ensure_possible(callback: Callback, kind: type[Event]) -> None:
    """Raise what `after` would raise for an event of this kind in the callback's state."""
    _step_for(callback, kind)


def _step_for(callback: Callback, kind: type[Event]) -> "Step":
    step = TRANSITIONS.get((callback.state, kind))
    if step is None:
        _refuse(callback, kind)
    return step


def _refuse(callback: Callback, kind: type[Event]) -> NoReturn:
    callback_id, state = callback.callback_id, callback.state
    requested = kind in (CancelRequested, Replanned, Redescribed)
    if requested and state in TERMINAL:
        raise CallbackEnded(callback_id, state.name, f"callback {callback_id} has ended: {state.name}")
    if requested and state is State.CONNECTED:
        raise CallbackConnected(callback_id, state.name, f"the target of callback {callback_id} has answered")
    if kind is Replanned:
        raise CallbackInProgress(callback_id, state.name, f"callback {callback_id} is {state.name}")
    if state is State.OFFERED and kind in (Ringing, Answered, AttemptEnded):
        raise AttemptNotStarted(
            callback_id, "report DIALING before the call is placed; nothing was recorded", state=state.name
        )
    raise IllegalTransition(f"{kind.__name__} in {state.name} (callback {callback_id})")


# --- Waiting ---------------------------------------------------------------------------------------------------


def _queue(callback: Callback, event: BecameDue) -> Callback:
    return replace(callback, state=State.QUEUED, queue_time=event.at)


def _wait_for_opening(callback: Callback, event: OpeningMoved) -> Callback:
    return replace(callback, state=State.SCHEDULED, next_attempt_time=event.next_attempt_time, queue_time=None)


def _replan(callback: Callback, event: Replanned) -> Callback:
    stays_queued = callback.state is State.QUEUED and event.keeps_place
    return replace(
        callback,
        state=State.QUEUED if stays_queued else State.SCHEDULED,
        request=event.request,
        first_request=callback.sent_request,
        dial_target=event.dial_target,
        replaced_target=event.replaced_target,
        max_attempts=event.max_attempts,
        due_date=event.due_date,
        ready_time=event.ready_time,
        next_attempt_time=event.next_attempt_time,
        expire_time=event.expire_time,
        queue_time=callback.queue_time if stays_queued else None,
    )


def _redescribe(callback: Callback, event: Redescribed) -> Callback:
    return replace(
        callback,
        request=event.request,
        first_request=callback.sent_request,
        redescribed=callback.lease is not None,
    )


def _redescribe_offered(callback: Callback, event: Redescribed) -> Callback:
    lease = replace(_lease_of(callback), offer_time=_offer_time(callback))
    return replace(_redescribe(callback, event), lease=lease)


def _end(callback: Callback, state: State, at: datetime) -> Callback:
    return replace(callback, state=state, end_time=at, next_attempt_time=None, lease=None)


def _expire(callback: Callback, event: ExpireTimePassed) -> Callback:
    return _end(callback, State.EXPIRED, event.at)


def _block(callback: Callback, event: Blocked) -> Callback:
    """End it with an attempt that says why, although nothing was dialled. No retry rule of a service counts here."""
    lease = callback.lease
    attempt = Attempt(
        number=len(callback.attempts) + 1,
        dialer_id="" if lease is None else lease.dialer_id,
        # Without a lease, one that no lease has had: a late report must not be taken for one of this attempt.
        fencing_token=callback.fencing_token + 1 if lease is None else lease.fencing_token,
        identity="" if lease is None else lease.identity,
        offer_time=None if lease is None else _offer_time(callback),
        start_time=event.at,
        end_time=event.at,
        outcome=Outcome.BLOCKED,
        detail=event.detail,
    )
    blocked = replace(callback, attempts=(*callback.attempts, attempt), fencing_token=attempt.fencing_token)
    return _end(blocked, State.FAILED, event.at)


# --- With a dialer ---------------------------------------------------------------------------------------------


def _offer(callback: Callback, event: Leased) -> Callback:
    return replace(
        callback,
        state=State.OFFERED,
        lease=event.lease,
        fencing_token=event.lease.fencing_token,
        redescribed=False,
    )


def _offer_time(callback: Callback) -> datetime:
    """Return since when it is OFFERED: its update time, unless it was updated since."""
    return _lease_of(callback).offer_time or callback.update_time


def _requeue(callback: Callback, _: Event) -> Callback:
    # No attempt was used, and `ready_time` stays: the place in the queue is kept.
    return replace(callback, state=State.QUEUED, lease=None)


def _start_dialing(callback: Callback, event: DialingStarted) -> Callback:
    lease = _lease_of(callback)
    attempt = Attempt(
        number=len(callback.attempts) + 1,
        dialer_id=lease.dialer_id,
        fencing_token=lease.fencing_token,
        identity=lease.identity,
        offer_time=_offer_time(callback),
        start_time=event.at,
        call_ids=joined((), event.call_ids),
    )
    return replace(
        callback,
        state=State.DIALING,
        attempts=(*callback.attempts, attempt),
        next_attempt_time=None,
        # The attempt has it from here on.
        lease=lease if lease.offer_time is None else replace(lease, offer_time=None),
    )


def _take(callback: Callback, event: LeaseTaken) -> Callback:
    """Give the attempt a new lease: reports under the old one are refused from now on."""
    lease = event.lease
    taken = _with_last_attempt(callback, dialer_id=lease.dialer_id, fencing_token=lease.fencing_token)
    return replace(taken, lease=lease, fencing_token=lease.fencing_token)


def _unchanged(callback: Callback, _: Event) -> Callback:
    return callback


def _note_call_ids(callback: Callback, event: DialingStarted | Ringing | Answered) -> Callback:
    """Keep the Call-IDs of a report that tells nothing else that is new."""
    known = callback.attempts[-1].call_ids
    call_ids = joined(known, event.call_ids)
    return callback if call_ids == known else _with_last_attempt(callback, call_ids=call_ids)


def _ring(callback: Callback, event: Ringing) -> Callback:
    callback = _note_call_ids(callback, event)
    if callback.attempts[-1].ring_time is not None:
        return callback
    return _with_last_attempt(callback, ring_time=event.at)


def _answer(callback: Callback, event: Answered) -> Callback:
    """Record that the call was answered. In CANCELLING that is all, and the dialer still hangs up."""
    callback = _note_call_ids(callback, event)
    if callback.attempts[-1].answer_time is not None:
        return callback
    answered = _with_last_attempt(callback, answer_time=event.at)
    return replace(answered, state=State.CONNECTED) if callback.state is State.DIALING else answered


def _end_dialing(callback: Callback, event: AttemptEnded) -> Callback:
    if event.outcome is Outcome.ANSWERED:
        raise IllegalTransition("an answered call connects before it completes")  # see `steps_to_end`
    return _retry_or_end(_close_attempt(callback, event), event)


def _end_connected(callback: Callback, event: AttemptEnded) -> Callback:
    closed = _close_attempt(callback, event)
    if event.outcome in UNSERVED:
        return _retry_or_end(closed, event)
    if event.outcome in (Outcome.ANSWERED, Outcome.INTERRUPTED):
        return _end(closed, State.COMPLETED, event.at)  # never redial a target that was reached
    raise OutcomeConflict(
        callback.callback_id,
        f"the target answered, so the outcome cannot be {event.outcome.name}",
        state=callback.state.name,
    )


def _end_cancelling(callback: Callback, event: AttemptEnded) -> Callback:
    state = State.COMPLETED if event.outcome is Outcome.ANSWERED else State.CANCELLED
    return _end(_close_attempt(callback, event), state, event.at)


def _lapse_dialing(callback: Callback, event: LeaseLapsed) -> Callback:
    return _retry_or_end(_interrupt_attempt(callback, event), event)


def _lapse_connected(callback: Callback, event: LeaseLapsed) -> Callback:
    return _end(_interrupt_attempt(callback, event), State.COMPLETED, event.at)


def _lapse_cancelling(callback: Callback, event: LeaseLapsed) -> Callback:
    return _end(_interrupt_attempt(callback, event), State.CANCELLED, event.at)


# --- Cancelling ------------------------------------------------------------------------------------------------


def _cancel(callback: Callback, event: CancelRequested) -> Callback:
    return replace(_end(callback, State.CANCELLED, event.at), cancel_time=event.at, cancel_reason=event.reason)


def _hang_up(callback: Callback, event: CancelRequested) -> Callback:
    return replace(callback, state=State.CANCELLING, cancel_time=event.at, cancel_reason=event.reason)


# --- Shared by the steps above ---------------------------------------------------------------------------------


def _lease_of(callback: Callback) -> Lease:
    if callback.lease is None:
        raise IllegalTransition(f"{callback.state.name} without a lease (callback {callback.callback_id})")
    return callback.lease


def _with_last_attempt(callback: Callback, **changes: Any) -> Callback:
    *before, last = callback.attempts
    return replace(callback, attempts=(*before, replace(last, **changes)))


def _close_attempt(callback: Callback, event: AttemptEnded) -> Callback:
    return _with_last_attempt(
        callback,
        end_time=event.at,
        outcome=event.outcome,
        sip_status=event.sip_status,
        q850_cause=event.q850_cause,
        detail=event.detail,
        agent=event.agent,
        disposition=event.disposition,
        call_ids=joined(callback.attempts[-1].call_ids, event.call_ids),
    )


def _interrupt_attempt(callback: Callback, event: LeaseLapsed) -> Callback:
    return _with_last_attempt(
        callback,
        end_time=event.at,
        outcome=Outcome.INTERRUPTED,
        detail="the dialer was not heard of until its lease lapsed",
        lapsed=True,
    )


def _retry_or_end(callback: Callback, event: AttemptEnded | LeaseLapsed) -> Callback:
    ended, now, service, rules = event.at, event.now, event.service, event.rules
    delay = retry_delay(
        outcomes=tuple(attempt.outcome for attempt in callback.attempts if attempt.outcome is not None),
        max_attempts=callback.max_attempts,
        seconds_between_retries=callback.request.seconds_between_retries or 0,
        service=service,
        rules=rules,
    )
    if delay is None:
        return _end(callback, State.FAILED, ended)
    retry = now + delay.duration
    opening = first_dial_time(service, callback.dial_target, retry, callback.expire_time, rules)
    if opening >= callback.expire_time:
        return _end(callback, State.EXPIRED, ended)  # waiting for it would be a promise that cannot be kept
    if opening > retry:
        delay = RetryDelay(opening - now, RetryDelayReason.CLOSED)
    return replace(
        _with_last_attempt(callback, retry_delay=delay.duration, retry_delay_reason=delay.reason),
        state=State.SCHEDULED,
        ready_time=retry,
        next_attempt_time=opening,
        queue_time=None,
        lease=None,
    )


def steps_to_end(callback: Callback, event: AttemptEnded) -> tuple[Event, ...]:
    """Return the events that an outcome stands for: ANSWERED out of DIALING means that the call connected first."""
    if callback.state is State.DIALING and event.outcome is Outcome.ANSWERED:
        return Answered(at=event.at), event
    return (event,)


# --- The table -------------------------------------------------------------------------------------------------


class Step(Struct, frozen=True):
    """The effect of an event in a state, and the states it can lead to."""

    take: Callable[[Callback, Any], Callback]
    to: frozenset[State]


def _step(take: Callable[[Callback, Any], Callback], *to: State) -> Step:
    return Step(take, frozenset(to))


_S = State
_AFTER_ATTEMPT = (_S.SCHEDULED, _S.FAILED, _S.EXPIRED)

TRANSITIONS: Final[Mapping[tuple[State, type[Event]], Step]] = {
    (_S.SCHEDULED, BecameDue): _step(_queue, _S.QUEUED),
    (_S.SCHEDULED, OpeningMoved): _step(_wait_for_opening, _S.SCHEDULED),
    (_S.SCHEDULED, Replanned): _step(_replan, _S.SCHEDULED),
    (_S.SCHEDULED, Redescribed): _step(_redescribe, _S.SCHEDULED),
    (_S.SCHEDULED, CancelRequested): _step(_cancel, _S.CANCELLED),
    (_S.SCHEDULED, ExpireTimePassed): _step(_expire, _S.EXPIRED),
    (_S.QUEUED, Leased): _step(_offer, _S.OFFERED),
    (_S.QUEUED, OpeningMoved): _step(_wait_for_opening, _S.SCHEDULED),
    (_S.QUEUED, Replanned): _step(_replan, _S.SCHEDULED, _S.QUEUED),
    (_S.QUEUED, Redescribed): _step(_redescribe, _S.QUEUED),
    (_S.QUEUED, CancelRequested): _step(_cancel, _S.CANCELLED),
    (_S.QUEUED, ExpireTimePassed): _step(_expire, _S.EXPIRED),
    (_S.QUEUED, Blocked): _step(_block, _S.FAILED),
    (_S.OFFERED, LeaseReleased): _step(_requeue, _S.QUEUED),
    (_S.OFFERED, LeaseLapsed): _step(_requeue, _S.QUEUED),
    (_S.OFFERED, OfferWithdrawn): _step(_requeue, _S.QUEUED),
    (_S.OFFERED, DialingStarted): _step(_start_dialing, _S.DIALING),
    (_S.OFFERED, Redescribed): _step(_redescribe_offered, _S.OFFERED),
    (_S.OFFERED, CancelRequested): _step(_cancel, _S.CANCELLED),
    (_S.OFFERED, ExpireTimePassed): _step(_expire, _S.EXPIRED),
    (_S.OFFERED, Blocked): _step(_block, _S.FAILED),
    (_S.DIALING, DialingStarted): _step(_note_call_ids, _S.DIALING),
    (_S.DIALING, Ringing): _step(_ring, _S.DIALING),
    (_S.DIALING, Answered): _step(_answer, _S.CONNECTED),
    (_S.DIALING, AttemptEnded): _step(_end_dialing, *_AFTER_ATTEMPT),
    (_S.DIALING, LeaseLapsed): _step(_lapse_dialing, *_AFTER_ATTEMPT),
    (_S.DIALING, Redescribed): _step(_redescribe, _S.DIALING),
    (_S.DIALING, LeaseTaken): _step(_take, _S.DIALING),
    (_S.DIALING, CancelRequested): _step(_hang_up, _S.CANCELLING),
    (_S.CONNECTED, DialingStarted): _step(_note_call_ids, _S.CONNECTED),
    (_S.CONNECTED, Ringing): _step(_note_call_ids, _S.CONNECTED),
    (_S.CONNECTED, Answered): _step(_note_call_ids, _S.CONNECTED),
    (_S.CONNECTED, AttemptEnded): _step(_end_connected, _S.COMPLETED, *_AFTER_ATTEMPT),
    (_S.CONNECTED, Redescribed): _step(_redescribe, _S.CONNECTED),
    (_S.CONNECTED, LeaseTaken): _step(_take, _S.CONNECTED),
    (_S.CONNECTED, LeaseLapsed): _step(_lapse_connected, _S.COMPLETED),
    (_S.CANCELLING, DialingStarted): _step(_note_call_ids, _S.CANCELLING),
    (_S.CANCELLING, Ringing): _step(_ring, _S.CANCELLING),
    (_S.CANCELLING, Answered): _step(_answer, _S.CANCELLING),
    (_S.CANCELLING, AttemptEnded): _step(_end_cancelling, _S.CANCELLED, _S.COMPLETED),
    (_S.CANCELLING, LeaseLapsed): _step(_lapse_cancelling, _S.CANCELLED),
    (_S.CANCELLING, Redescribed): _step(_redescribe, _S.CANCELLING),
    (_S.CANCELLING, LeaseTaken): _step(_take, _S.CANCELLING),
    (_S.CANCELLING, CancelRequested): _step(_unchanged, _S.CANCELLING),
    (_S.CANCELLED, CancelRequested): _step(_unchanged, _S.CANCELLED),
}
