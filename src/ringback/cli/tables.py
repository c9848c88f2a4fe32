"""Callbacks as tables: states in colour, local times, aligned."""

from collections.abc import Iterable
from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ringback.cli.values import OUTCOMES, PRIORITIES, STATES
from ringback.v1 import callback_pb2 as cb

_STATE_STYLES = {
    cb.CALLBACK_STATE_SCHEDULED: "cyan",
    cb.CALLBACK_STATE_QUEUED: "blue",
    cb.CALLBACK_STATE_OFFERED: "magenta",
    cb.CALLBACK_STATE_DIALING: "yellow",
    cb.CALLBACK_STATE_CONNECTED: "bold green",
    cb.CALLBACK_STATE_CANCELLING: "bright_black",
    cb.CALLBACK_STATE_COMPLETED: "green",
    cb.CALLBACK_STATE_FAILED: "red",
    cb.CALLBACK_STATE_CANCELLED: "bright_black",
    cb.CALLBACK_STATE_EXPIRED: "dark_orange",
}


def state_text(state: cb.CallbackState.ValueType) -> Text:
    return Text(STATES.of(state), style=_STATE_STYLES.get(state, ""))


def local_time(stamp: Timestamp) -> str:
    """Return a moment to the second, in local time; "" for the zero moment, which stands for an unset field."""
    return _local(stamp, "%Y-%m-%d %H:%M:%S")


def time_of_day(stamp: Timestamp) -> str:
    """Return hours to tenths of a second, for changes that are shown as they happen."""
    return _local(stamp, "%H:%M:%S.%f")[:-5]


def _local(stamp: Timestamp, form: str) -> str:
    return stamp.ToDatetime(UTC).astimezone().strftime(form) if stamp.seconds else ""


# What may be cut where a screen is too narrow; ids, states and times may not.
_SHRINKING = frozenset({"key", "target", "address", "name", "external id", "detail"})

_MIN_WIDTH = 12


def plain_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        if heading in _SHRINKING:
            table.add_column(heading, overflow="ellipsis", min_width=_MIN_WIDTH)
        else:
            table.add_column(heading, no_wrap=True)
    return table


def callbacks_table(callbacks: Iterable[cb.Callback]) -> Table:
    table = plain_table("callback", "state", "last attempt", "priority", "target", "next", "external id")
    for callback in callbacks:
        table.add_row(
            callback.callback_id,
            state_text(callback.state),
            last_attempt(callback),
            PRIORITIES.of(callback.callback_request.priority),
            callback.dial_target,
            local_time(callback.next_attempt_time),
            external_key(callback.callback_request),
        )
    return table


def last_attempt(callback: cb.Callback) -> str:
    """Return the number and the outcome of the last attempt."""
    if not callback.attempts:
        return ""
    last = callback.attempts[-1]
    return f"{last.number} {OUTCOMES.of(last.outcome)}".rstrip()


def external_key(request: cb.CallbackRequest) -> str:
    """Return CALLER/EXTERNAL_ID, as commands take it; "" without an external id."""
    return f"{request.caller_id}/{request.external_task_id}" if request.external_task_id else ""


def callback_page(callback: cb.Callback) -> RenderableType:
    """Return everything about one callback; what is unset is left out."""
    page = Table.grid(padding=(0, 2))
    page.add_column(style="bright_black", no_wrap=True)
    page.add_column(overflow="fold")
    for label, value in _facts(callback):
        if value:
            page.add_row(label, value)
    return Group(page, attempts_table(callback.attempts)) if callback.attempts else page


def _facts(callback: cb.Callback) -> Iterable[tuple[str, str | Text]]:
    request = callback.callback_request
    requested_target = request.alternative_target or request.target
    yield "callback", callback.callback_id
    yield "state", state_text(callback.state)
    yield "target", callback.dial_target
    yield "asked for", requested_target if requested_target != callback.dial_target else ""
    yield "service", request.service_sip
    yield "service id", callback.service_id
    yield "priority", PRIORITIES.of(request.priority)
    yield "external id", external_key(request)
    yield "description", request.description
    yield "context", request.context_url
    yield "supervisor", request.supervisor
    yield "incoming", request.incoming_service_sip_uri
    yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(request.labels.items()))
    yield "retries", _retries(request)
    yield "leased by", callback.leased_by
    yield "created", local_time(callback.create_time)
    yield "due", local_time(request.due_date)
    yield "next attempt", local_time(callback.next_attempt_time)
    yield "expires", local_time(callback.expire_time)
    yield "cancelled", local_time(callback.cancel_time)
    yield "because", callback.cancel_reason
    yield "ended", local_time(callback.end_time)
    yield "etag", callback.etag


def _retries(request: cb.CallbackRequest) -> str:
    gap = f"at least {request.seconds_between_retries} s apart"
    return (
        f"at most {request.max_retries}, {gap}" if request.HasField("max_retries") else f"as the service has it, {gap}"
    )


def attempts_table(attempts: Iterable[cb.Attempt]) -> Table:
    table = plain_table("attempt", "outcome", "started", "rang", "answered", "ended", "SIP", "dialer", "detail")
    for attempt in attempts:
        table.add_row(
            str(attempt.number),
            OUTCOMES.of(attempt.outcome) or "running",
            local_time(attempt.start_time),
            time_of_day(attempt.ring_time),
            time_of_day(attempt.answer_time),
            time_of_day(attempt.end_time),
            str(attempt.sip_status or ""),
            attempt.dialer_id,
            attempt.detail,
        )
    return table
