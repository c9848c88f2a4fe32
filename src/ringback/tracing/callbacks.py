"""Spans of what becomes of a callback: its waiting, its attempts, and all of it once it has ended.

Each is made when its end is committed, by the server that has committed it, and with the times of the record: so an
attempt that a server has begun and another one ends has its span, and none has two.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from ringback.domain.callback import Attempt, Callback, State
from ringback.domain.masked_callback import without_numbers
from ringback.domain.outcome import Outcome
from ringback.domain.trace_parent import TraceParent
from ringback.tracing.provider import below, time_ns

_Value: TypeAlias = str | int | bool | tuple[str, ...]

# The dialer or the network has failed; any other outcome is how telephone calls end.
_FAULTS: Final = frozenset({Outcome.NETWORK_FAILURE, Outcome.INTERRUPTED})
_UNSERVED: Final = frozenset({State.FAILED, State.EXPIRED})


class CallbackTraces:
    """A listener of what the store has written."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def tell(self, before: Callback | None, after: Callback) -> None:
        if before is None or after.trace_parent is None:
            return
        parent = TraceParent.parse(after.trace_parent)
        if parent is None:
            return
        context = below(parent)
        if before.state is State.QUEUED and after.state is not State.QUEUED:
            self._waited(context, before, after)
        if _attempt_ended(before, after):
            self._attempted(context, after)
        if after.ended and not before.ended:
            self._ended(context, after)

    def _waited(self, context: Context, before: Callback, after: Callback) -> None:
        # One that was given back, without an attempt, has waited anew since then.
        given_back = before.fencing_token != len(before.attempts)
        since = before.update_time if given_back or before.queue_time is None else before.queue_time
        span = self._begin("callback waiting", context, since, after)
        span.end(time_ns(after.update_time))

    def _attempted(self, context: Context, after: Callback) -> None:
        attempt = after.attempts[-1]
        assert attempt.end_time is not None
        span = self._begin("callback attempt", context, attempt.start_time, after, _facts(after, attempt))
        if span.is_recording():
            for name, time in (("ringing", attempt.ring_time), ("answered", attempt.answer_time)):
                if time is not None:
                    span.add_event(name, timestamp=time_ns(time))
            if attempt.outcome in _FAULTS:
                span.set_status(Status(StatusCode.ERROR, attempt.outcome.name))
        span.end(time_ns(attempt.end_time))

    def _ended(self, context: Context, after: Callback) -> None:
        facts = {"ringback.attempts": len(after.attempts)}
        span = self._begin("callback", context, after.create_time, after, facts)
        if after.state in _UNSERVED:
            span.set_status(Status(StatusCode.ERROR, after.state.name))
        span.end(time_ns(after.end_time or after.update_time))

    def _begin(
        self,
        name: str,
        context: Context,
        start: datetime,
        after: Callback,
        facts: Mapping[str, _Value] | None = None,
    ) -> Span:
        attributes: dict[str, _Value] = {
            "ringback.callback.id": after.callback_id,
            "ringback.service.id": after.service_id,
            "ringback.priority": after.priority.name,
            "ringback.state": after.state.name,
            **(facts or {}),
        }
        return self._tracer.start_span(name, context, SpanKind.INTERNAL, attributes, start_time=time_ns(start))


def _attempt_ended(before: Callback, after: Callback) -> bool:
    """Return whether the last attempt ended by this change; one that a rule forbids begins and ends by the same."""
    if not after.attempts or after.attempts[-1].end_time is None:
        return False
    return len(before.attempts) < len(after.attempts) or before.attempts[-1].end_time is None


def _facts(after: Callback, attempt: Attempt) -> Mapping[str, _Value]:
    facts: dict[str, _Value] = {"ringback.attempt.number": attempt.number}
    hide = without_numbers(after)
    facts["ringback.dialer.id"] = hide(attempt.dialer_id)
    if attempt.outcome is not None:
        facts["ringback.outcome"] = attempt.outcome.name
    if attempt.sip_status:
        facts["ringback.sip.status"] = attempt.sip_status
    if attempt.q850_cause:
        facts["ringback.q850.cause"] = attempt.q850_cause
    if attempt.call_ids:
        facts["ringback.call_ids"] = tuple(map(hide, attempt.call_ids))
    if attempt.lapsed:
        facts["ringback.lease.lapsed"] = True
    return facts
