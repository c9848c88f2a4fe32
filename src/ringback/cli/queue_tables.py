"""Queues as tables: one with all that is known of it, or a line for each."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from rich.table import Table
from rich.text import Text

from ringback.cli.tables import plain_table
from ringback.cli.times import Times
from ringback.cli.values import PRIORITIES, QUEUE_STATES, STATES, format_span
from ringback.v1 import directory_service_pb2 as directory

# Where somebody should look.
_STATE_STYLES: Mapping[int, str] = MappingProxyType(
    dict.fromkeys(
        (
            directory.QUEUE_STATE_NO_DIALER,
            directory.QUEUE_STATE_PAUSED,
            directory.QUEUE_STATE_DIALING_OFF,
            directory.QUEUE_STATE_AGENTS_DO_NOT_ANSWER,
            directory.QUEUE_STATE_BEHIND,
        ),
        "yellow",
    )
)


def queue_state_text(queue: directory.GetQueueResponse) -> Text:
    return Text(QUEUE_STATES.of(queue.state), style=_STATE_STYLES.get(queue.state, ""))


def levels_table(queue: directory.GetQueueResponse, times: Times) -> Table:
    """Return who waits, by priority, and since when the first of each level does."""
    table = plain_table("priority", "waiting", "oldest since")
    for level in queue.waiting:
        table.add_row(PRIORITIES.of(level.priority), str(level.count), times.write(level.oldest_waiting_time))
    return table


def queue_facts(queue: directory.GetQueueResponse, times: Times) -> Iterable[tuple[str, str]]:
    """Return what else is known of a queue, each with its name."""
    yield "state", f"{QUEUE_STATES.of(queue.state)}{_state_detail(queue, times)}"
    parts = [f"{each.count} {STATES.of(each.state)}" for each in queue.in_progress_by_state if each.count]
    yield "in progress", f"{queue.in_progress} of {queue.capacity}" + (f" ({', '.join(parts)})" if parts else "")
    yield "dialers", str(queue.dialers)
    yield "scheduled", f"{queue.scheduled}, {queue.due_within_hour} due within the hour"
    yield "oldest since", times.write(queue.oldest_waiting_time) or "nobody waits"
    yield "estimated wait", _estimate(queue)
    if rest_ends := times.write(queue.agents_rest_until):
        yield "agents", f"do not answer, called again at {rest_ends}"


def _state_detail(queue: directory.GetQueueResponse, times: Times) -> str:
    """Return since when, until when, by whom, or how many."""
    match queue.state:
        case directory.QUEUE_STATE_NO_DIALER:
            return _since(times.write(queue.no_dialer_since))
        case directory.QUEUE_STATE_PAUSED | directory.QUEUE_STATE_DIALING_OFF:
            by = f" by {queue.paused_by}" if queue.paused_by else ""
            return f"{_since(times.write(queue.pause_time))}{by}"
        case directory.QUEUE_STATE_BEHIND:
            return f", {queue.expiring} expire before their turn"
        case directory.QUEUE_STATE_CLOSED:
            return _until(times.write(queue.next_open_time))
        case directory.QUEUE_STATE_OPEN:
            return _until(times.write(queue.next_close_time))
    return ""


def _since(moment: str) -> str:
    return f" since {moment}" if moment else ""


def _until(moment: str) -> str:
    return f" until {moment}" if moment else ""


def _estimate(queue: directory.GetQueueResponse) -> str:
    return f"{_wait(queue) or 'unknown'} ({queue.estimate_basis})"


def _wait(queue: directory.GetQueueResponse) -> str:
    return format_span(queue.estimated_wait.ToTimedelta()) if queue.HasField("estimated_wait") else ""


def queues_table(
    queues: Mapping[str, directory.GetQueueResponse], services: Iterable[directory.Service], times: Times
) -> Table:
    """Return a line for the queue of each of these services."""
    table = plain_table(
        "address", "state", "waiting", "oldest since", "in progress", "dialers", "next hour", "estimated wait"
    )
    for service in services:
        queue = queues[service.service_id]
        table.add_row(
            service.sip_address,
            queue_state_text(queue).append(_state_detail(queue, times)),
            str(sum(level.count for level in queue.waiting)),
            times.write(queue.oldest_waiting_time),
            f"{queue.in_progress} of {queue.capacity}",
            str(queue.dialers),
            str(queue.due_within_hour),
            _wait(queue),
        )
    return table
