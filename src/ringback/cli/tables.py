"""Callbacks as tables: states in colour, aligned."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from ringback.cli.times import Times
from ringback.cli.values import OUTCOMES, PRIORITIES, STATES, format_key
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


# What may be cut where a screen is too narrow; ids, states and times may not.
_SHRINKING = frozenset({"key", "target", "address", "name", "external id", "detail"})

_MIN_WIDTH = 12

# What a table of callbacks with all its columns needs.
_WIDE = 140


def plain_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        if heading in _SHRINKING:
            table.add_column(heading, overflow="ellipsis", min_width=_MIN_WIDTH)
        else:
            table.add_column(heading, no_wrap=True)
    return table


def least_width(heading: str, needed: int) -> int:
    """Return how narrow a column of `plain_table` may become, if its longest cell needs so many characters."""
    whole = max(len(heading), needed)
    return min(whole, _MIN_WIDTH) if heading in _SHRINKING else whole


def callbacks_table(callbacks: Iterable[cb.Callback], times: Times, *, width: int) -> Table:
    """Return a line for each callback; where that does not fit, fewer columns, whose texts go on in the next line."""
    if width < _WIDE:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("key", "state", "last attempt", "target", "next"):
            table.add_column(heading, overflow="fold", no_wrap=heading == "state")
        for callback in callbacks:
            table.add_row(*_narrow_row(callback, times))
        return table
    table = plain_table("callback", "state", "last attempt", "priority", "target", "next", "external id")
    for callback in callbacks:
        _, state, attempt, target, next_attempt = _narrow_row(callback, times)
        priority = PRIORITIES.of(callback.callback_request.priority)
        key = format_key(callback.callback_request)
        table.add_row(callback.callback_id, state, attempt, priority, target, next_attempt, key)
    return table


def _narrow_row(callback: cb.Callback, times: Times) -> tuple[str | Text, ...]:
    return (
        format_key(callback.callback_request) or callback.callback_id,
        state_text(callback.state),
        last_attempt(callback),
        callback.dial_target,
        times.write(callback.next_attempt_time),
    )


def last_attempt(callback: cb.Callback) -> str:
    """Return the number and the outcome of the last attempt."""
    if not callback.attempts:
        return ""
    last = callback.attempts[-1]
    return f"{last.number} {OUTCOMES.of(last.outcome)}".rstrip()
