"""The rows of the table `outcome_count`: how often what has ended, by service, half hour and caller.

They are written in the transaction of the change by which it ended. So a change whose commit is unknown is counted when
it is there, and once.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from ringback.domain.callback import Callback, State
from ringback.domain.ends import COUNTS_KEPT, HALF_HOUR, EndCount, ended_by, half_hour_of
from ringback.domain.outcome import Outcome
from ringback.storage.body import time_of, time_us
from ringback.storage.callback_row import Row

# In the order of the rows below; all but the last are the key.
OUTCOME_COLUMNS: Final = ("service_id", "begin_us", "result", "caller_id", "server", "ended")
# What began before now less this is over for as long as it is kept.
KEPT: Final = COUNTS_KEPT + HALF_HOUR

_MAY_HAVE_NUMBER: Final = re.compile("(?:[0-9][^0-9]*){6}")

# No outcome has the name of a state.
_RESULTS: Final = {result.value: result for kind in (Outcome, State) for result in kind}


class Ends:
    """What ends in one transaction."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int, str, str]] = Counter()

    def add(self, before: Callback | None, after: Callback | None) -> None:
        if after is None:  # an entry that is not about a change
            return
        for time, result in ended_by(before, after):
            begin_us = time_us(half_hour_of(time))
            self._counts[after.service_id, begin_us, result.value, counted_caller(after.request.caller_id)] += 1

    def take_rows(self, server: int) -> list[Row]:
        """Return the rows to be added to those that are there, and forget them."""
        rows = [(*key, server, count) for key, count in sorted(self._counts.items())]
        self._counts.clear()
        return rows


@lru_cache(maxsize=4096)
def counted_caller(caller_id: str) -> str:
    """Return the caller as it is counted: a digest where its id may have a number, since counts outlive an erasure."""
    if not _MAY_HAVE_NUMBER.search(caller_id):
        return caller_id
    return "#" + hashlib.blake2b(caller_id.encode(), digest_size=16).hexdigest()


def end_counts(rows: Iterable[tuple[str, int, str, int]]) -> Iterator[EndCount]:
    """Return the counts of rows, each a service, the beginning of a half hour, a result and how often."""
    for service_id, begin_us, name, count in rows:
        # A later version may have counted what this one has no name for.
        if (result := _RESULTS.get(name)) is not None:
            yield EndCount(service_id, time_of(begin_us), result, count)
