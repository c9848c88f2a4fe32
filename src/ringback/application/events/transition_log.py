"""The log line of each transition: which callback of which service went where, and why.

A server tells what it has written itself, once it is durable, so that each transition is in the log of one server.
"""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from ringback.domain.callback import Callback, State
from ringback.domain.masked_callback import without_numbers
from ringback.domain.masking import mask_numbers, masked
from ringback.domain.service import Service
from ringback.domain.trace_parent import trace_id_of
from ringback.ports.log_fields import FIELDS

_log = logging.getLogger(__name__)

# The address of a service may be a number. They are few, and recur in every line.
_shown = lru_cache(maxsize=1024)(mask_numbers)

FindService = Callable[[str], Service | None]


class TransitionLog:
    """A listener of what the store has written. Without INFO in the log it costs next to nothing."""

    def __init__(self, find_service: FindService) -> None:
        self._find_service = find_service

    def tell(self, before: Callback | None, after: Callback) -> None:
        if not _log.isEnabledFor(logging.INFO) or (before is not None and before.state is after.state):
            return
        service = self._find_service(after.service_id)
        fields = {
            "callback": after.callback_id,
            "service": _shown(service.sip_address) if service else after.service_id,
            "previous": "new" if before is None else before.state.value,
            "state": after.state.value,
            "reason": reason_of(before, after),
            "target": masked(after.dial_target),
        }
        values = tuple(fields.values())
        if after.trace_parent is not None:
            fields["trace_id"] = trace_id_of(after.trace_parent)
        _log.info("callback %s of %s: %s → %s (%s), %s", *values, extra={FIELDS: fields})


def reason_of(before: Callback | None, after: Callback) -> str:
    """Return why a callback is in its new state, without what a person has written."""
    if before is None:
        return "created" if after.state is State.QUEUED else f"created, {_next_attempt(after)}"
    if _attempt_ended(before, after):
        return _after_attempt(after)
    return _REASONS[after.state](before, after)


def _queued(before: Callback, after: Callback) -> str:
    if before.lease is None:
        return "due"
    if after.agents_failed_at is not None:
        return "no agent answered"
    return "lease lapsed" if before.lease.expire_time <= after.update_time else "given back"


def _scheduled(before: Callback, after: Callback) -> str:
    return f"{'closed' if before.request == after.request else 'updated'}, {_next_attempt(after)}"


def _offered(_: Callback, after: Callback) -> str:
    if after.lease is None:
        return "leased"
    dialer_id = after.lease.dialer_id
    if any(map(str.isdecimal, dialer_id)):  # a dialer may name itself by its call
        dialer_id = without_numbers(after)(dialer_id)
    return f"leased by {dialer_id}"


def _dialing(_: Callback, after: Callback) -> str:
    return f"attempt {len(after.attempts)} of {after.max_attempts}"


def _cancelled(_: Callback, after: Callback) -> str:
    # Whether there is a reason, not which: a person may have written it.
    return "cancelled, with a reason" if after.cancel_reason else "cancelled"


def _blocked(_: Callback, after: Callback) -> str:
    # It was not dialled: what its attempt says is of the server, and has no number.
    return f"BLOCKED by dial rules, {after.attempts[-1].detail}"


def _ended(*_: Callback) -> str:
    return "ended"


# For a step that ends no attempt.
_REASONS: Final[Mapping[State, Callable[[Callback, Callback], str]]] = {
    State.SCHEDULED: _scheduled,
    State.QUEUED: _queued,
    State.OFFERED: _offered,
    State.DIALING: _dialing,
    State.CONNECTED: lambda *_: "answered",
    State.CANCELLING: _cancelled,
    State.COMPLETED: _ended,
    State.FAILED: _blocked,
    State.CANCELLED: _cancelled,
    State.EXPIRED: lambda *_: "expire_time passed",
}


def _attempt_ended(before: Callback, after: Callback) -> bool:
    return bool(before.attempts) and before.attempts[-1].end_time is None and after.attempts[-1].end_time is not None


def _after_attempt(after: Callback) -> str:
    attempt = after.attempts[-1]
    parts = [attempt.outcome.name if attempt.outcome else "ended"]
    if attempt.sip_status:
        parts.append(f"SIP {attempt.sip_status}")
    if attempt.lapsed:
        parts.append("lease lapsed")
    parts.append(f"attempt {attempt.number} of {after.max_attempts}")
    if attempt.call_ids:
        # Some dialers make them of the numbers of a call.
        parts.append(f"Call-IDs {' '.join(map(without_numbers(after), attempt.call_ids))}")
    if not after.ended:
        parts.append(_next_attempt(after))
    return ", ".join(parts)


def _next_attempt(after: Callback) -> str:
    # The first part of a time as a text is its date, hour, minute and second, five times as fast as `strftime`.
    return f"next attempt at {str(after.next_attempt_time)[:19]}Z" if after.next_attempt_time else "waiting"
