"""Where a callback stands that waits no more, and why: in words, from the callback alone."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ringback.cli.times import Times
from ringback.cli.values import OUTCOMES
from ringback.v1 import callback_pb2 as cb

# Those that are not retried unless the service has a rule of its own, as callback.proto says.
_PERMANENT = frozenset({cb.CALL_OUTCOME_INVALID_NUMBER, cb.CALL_OUTCOME_BLOCKED, cb.CALL_OUTCOME_NOT_AUTHORIZED})


def explanation(callback: cb.Callback, times: Times) -> str:
    """Return why a callback has ended, or who is at work on it since when; "" for one that waits."""
    explain = _EXPLANATIONS.get(callback.state)
    if explain is None:
        return ""
    if callback.HasField("end_time"):
        return f"at {times.write(callback.end_time)}, {_attempts(callback)}: {explain(callback, times)}"
    return explain(callback, times)


def outcome_of(callback: cb.Callback) -> str:
    """Return the outcome of the last attempt; "" without one, and while it is running."""
    return OUTCOMES.of(callback.attempts[-1].outcome) if callback.attempts else ""


def _attempts(callback: cb.Callback) -> str:
    match len(callback.attempts):
        case 0:
            return "before any attempt"
        case 1:
            return "after 1 attempt"
        case count:
            return f"after {count} attempts"


# --- In progress ---------------------------------------------------------------------------------------------


def _offered(callback: cb.Callback, times: Times) -> str:
    since = times.write(callback.update_time)
    return f"with dialer {callback.leased_by}, unchanged since {since}; the target is not called yet"


def _dialing(callback: cb.Callback, times: Times) -> str:
    attempt = callback.attempts[-1]
    began = f"{_with_dialer(callback)}, which began attempt {attempt.number} at {times.write(attempt.start_time)}"
    return f"{began}; it rings since {times.write(attempt.ring_time)}" if attempt.HasField("ring_time") else began


def _connected(callback: cb.Callback, times: Times) -> str:
    attempt = callback.attempts[-1]
    answered = times.write(attempt.answer_time if attempt.HasField("answer_time") else attempt.start_time)
    return f"{_with_dialer(callback)}; the target answered attempt {attempt.number} at {answered}"


def _cancelling(callback: cb.Callback, times: Times) -> str:
    at = times.write(callback.cancel_time)
    return f"{_with_dialer(callback)}, which is to hang up since {at}: {_cancel_reason(callback)}"


def _with_dialer(callback: cb.Callback) -> str:
    return f"with dialer {callback.leased_by or callback.attempts[-1].dialer_id}"


# --- Ended ---------------------------------------------------------------------------------------------------


def _completed(callback: cb.Callback, _: Times) -> str:
    if callback.attempts[-1].outcome == cb.CALL_OUTCOME_INTERRUPTED:
        return "the target had answered when the dialer was lost, and is not dialled again"
    if callback.HasField("cancel_time"):
        return "the target answered before the cancel reached the dialer"
    return "the target was reached"


def _failed(callback: cb.Callback, _: Times) -> str:
    request, last = callback.callback_request, callback.attempts[-1]
    if request.HasField("max_retries") and len(callback.attempts) > request.max_retries:
        match request.max_retries:
            case 0:
                return "no retry was asked for"
            case 1:
                return "the 1 retry that was asked for is used"
            case retries:
                return f"the {retries} retries that were asked for are used"
    outcome = OUTCOMES.of(last.outcome)
    if last.outcome in _PERMANENT:
        return f"{outcome} is not retried"
    # How many retries it permits, and which outcomes, may have been changed since.
    return f"the service permits no further attempt after {outcome}"


def _cancelled(callback: cb.Callback, _: Times) -> str:
    return _cancel_reason(callback)


def _expired(callback: cb.Callback, times: Times) -> str:
    expires = times.write(callback.expire_time)
    if callback.end_time.ToNanoseconds() < callback.expire_time.ToNanoseconds():
        return f"the next attempt could only have begun after {expires}, when it expires"
    return f"the target was not reached until {expires}, when it expired"


def _cancel_reason(callback: cb.Callback) -> str:
    return callback.cancel_reason or "no reason was given"


_EXPLANATIONS: Mapping[int, Callable[[cb.Callback, Times], str]] = MappingProxyType(
    {
        cb.CALLBACK_STATE_OFFERED: _offered,
        cb.CALLBACK_STATE_DIALING: _dialing,
        cb.CALLBACK_STATE_CONNECTED: _connected,
        cb.CALLBACK_STATE_CANCELLING: _cancelling,
        cb.CALLBACK_STATE_COMPLETED: _completed,
        cb.CALLBACK_STATE_FAILED: _failed,
        cb.CALLBACK_STATE_CANCELLED: _cancelled,
        cb.CALLBACK_STATE_EXPIRED: _expired,
    }
)
