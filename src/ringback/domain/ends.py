"""What ends with a change of a callback, and the half hour in which it does: what is counted of outcomes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from ringback.domain.callback import Callback, State
from ringback.domain.outcome import Outcome

HALF_HOUR: Final = timedelta(minutes=30)
COUNTS_KEPT: Final = timedelta(days=15)
"""How long the counts are kept, from the end of their half hour on."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# How an attempt ended, or a callback: one of the four states of what has ended.
Result = Outcome | State


class EndCount(Struct, frozen=True, gc=False):
    """How many attempts, or callbacks, of one service ended so in the half hour from `begin` on."""

    service_id: str
    begin: datetime
    result: Result
    count: int


def half_hour_of(time: datetime) -> datetime:
    """Return when its half hour began, in UTC."""
    return time - (time - _EPOCH) % HALF_HOUR


def ended_by(before: Callback | None, after: Callback) -> Iterator[tuple[datetime, Result]]:
    """Return what has ended by this change, and when: attempts, and the callback itself. Without `before` it is new.

    So the results of all versions of a callback are those of its last one, each once.
    """
    if before is not None and before.attempts is after.attempts and before.end_time is after.end_time:
        return
    attempts_before = () if before is None else before.attempts
    for place, attempt in enumerate(after.attempts):
        was_open = place >= len(attempts_before) or attempts_before[place].outcome is None
        if was_open and attempt.outcome is not None:
            yield attempt.end_time or after.update_time, attempt.outcome
    if after.end_time is not None and (before is None or before.end_time is None):
        yield after.end_time, after.state
