"""Everything about one callback, for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ringback.cli.tables import state_text
from ringback.cli.times import Times, before, since
from ringback.cli.values import OUTCOMES, PRIORITIES, RETRY_DELAY_REASONS, format_key, format_span
from ringback.v1 import callback_pb2 as cb

_SECOND: Final = timedelta(seconds=1)


def callback_page(callback: cb.Callback, times: Times) -> RenderableType:
    """Return everything about one callback; what is unset is left out."""
    page = Table.grid(padding=(0, 2))
    page.add_column(style="bright_black", no_wrap=True)
    page.add_column(overflow="fold")
    for label, value in _facts(callback, times):
        if value:
            page.add_row(label, value)
    return Group(page, attempts_table(callback.attempts, times, whole=True)) if callback.attempts else page


def _facts(callback: cb.Callback, times: Times) -> Iterable[tuple[str, str | Text]]:
    request = callback.callback_request
    yield "callback", callback.callback_id
    yield "state", state_text(callback.state)
    yield "target", request.target
    yield "alternative target", request.alternative_target
    yield "dialled", _dialled(callback)
    yield "service", request.service_sip
    yield "service id", callback.service_id
    yield "priority", PRIORITIES.of(request.priority)
    yield "external id", format_key(request)
    yield "description", request.description
    yield "context", request.context_url
    yield "supervisor", request.supervisor
    yield "incoming", request.incoming_service_sip_uri
    yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(request.labels.items()))
    yield "retries", _retries(request)
    yield "leased by", callback.leased_by
    yield "created", times.write(callback.create_time)
    yield "due", times.write(request.due_date)
    yield "next attempt", times.write(callback.next_attempt_time)
    yield "expires", times.write(callback.expire_time)
    yield "cancelled", times.write(callback.cancel_time)
    yield "because", callback.cancel_reason
    yield "ended", times.write(callback.end_time)
    yield "etag", callback.etag
    # Not in the table of the attempts: these are to be copied, and take a line each.
    yield "Call-IDs", "\n".join(f"{a.number}: {call_id}" for a in callback.attempts for call_id in a.call_ids)


def _dialled(callback: cb.Callback) -> str:
    """Return what is dialled, unless that is plainly the target as it was asked for."""
    request = callback.callback_request
    if request.alternative_target:
        return f"{callback.dial_target} (the alternative target)"
    return callback.dial_target if callback.dial_target != request.target else ""


def _retries(request: cb.CallbackRequest) -> str:
    gap = f"at least {request.seconds_between_retries} s apart"
    return (
        f"at most {request.max_retries}, {gap}" if request.HasField("max_retries") else f"as the service has it, {gap}"
    )


def _retry_delay(attempt: cb.Attempt) -> str:
    """Return how long after its end the next attempt may begin at the earliest, and what decided it."""
    if not attempt.HasField("retry_delay"):
        return ""
    delay = format_span(attempt.retry_delay.ToTimedelta() // _SECOND * _SECOND)
    return f"after {delay}, {RETRY_DELAY_REASONS.of(attempt.retry_delay_reason)}"


_ATTEMPT: Mapping[str, Callable[[cb.Attempt, Times], str]] = MappingProxyType(
    {
        "attempt": lambda attempt, _: str(attempt.number),
        "outcome": lambda attempt, _: OUTCOMES.of(attempt.outcome) or "running",
        "offered": lambda attempt, _: before(attempt.start_time, attempt.offer_time),
        "started": lambda attempt, times: times.write(attempt.start_time, tenths=True),
        "rang": lambda attempt, _: since(attempt.start_time, attempt.ring_time),
        "answered": lambda attempt, _: since(attempt.start_time, attempt.answer_time),
        "ended": lambda attempt, _: since(attempt.start_time, attempt.end_time),
        "next": lambda attempt, _: _retry_delay(attempt),
        "SIP": lambda attempt, _: str(attempt.sip_status or ""),
        "Q.850": lambda attempt, _: str(attempt.q850_cause or ""),
        "dialer": lambda attempt, _: attempt.dialer_id,
        "agent": lambda attempt, _: attempt.agent,
        "disposition": lambda attempt, _: attempt.disposition,
        "detail": lambda attempt, _: attempt.detail,
    }
)
# What dialers write may be long. It goes on in the next line where a screen is too narrow.
_FOLDED = frozenset({"dialer", "agent", "disposition", "detail"})


# What came before an attempt, and what comes after it.
_AROUND = frozenset({"offered", "next"})


def attempts_table(attempts: Sequence[cb.Attempt], times: Times, *, whole: bool = False) -> Table:
    """Return the attempts, each with what came how long after its start. Columns that would be empty are left out."""
    cells = {heading: cell for heading, cell in _ATTEMPT.items() if whole or heading not in _AROUND}
    columns = {heading: [cell(attempt, times) for attempt in attempts] for heading, cell in cells.items()}
    filled = {heading: cells for heading, cells in columns.items() if any(cells)}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in filled:
        table.add_column(heading, overflow="fold", no_wrap=heading not in _FOLDED)
    for row in zip(*filled.values(), strict=True):
        table.add_row(*row)
    return table
