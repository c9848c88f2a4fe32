"""A COMMIT whose response was lost: whether it has happened is read back from the log.

Every transaction holds a lock of its server's own from its first round trip on. So whoever has that lock afterwards
knows that the lost transaction is over: its COMMIT cannot arrive any more, however late the network delivers it.
PostgreSQL lets go of the lock after the commit is visible to all, or when it has ended the session of a client that
has gone (`IDLE_TIMEOUT`).

Not the number of the transaction is looked up (`pg_xact_status`): a standby that takes over without it gives the
number to another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ringback.storage.callback_row import Row
from ringback.storage.event_row import EVENT_COLUMNS
from ringback.storage.postgres.transaction import PostgresTransaction

_WRITTEN: Final = ("callback_id", "kind", "event_us", "body")
_PLACES: Final = [EVENT_COLUMNS.index(column) for column in _WRITTEN]
# By the index of the events of a callback, which has few.
_NEWEST_LIKE: Final = f"""
    SELECT max(number) FROM event WHERE {" AND ".join(f"{column} = ${n}" for n, column in enumerate(_WRITTEN, 1))}
"""  # noqa: S608 - SQL of ours


@dataclass(slots=True)
class Doubt:
    """A transaction that may have been committed."""

    requests: Sequence[object]
    outcomes: Sequence[Any]
    # The last entry that it has appended to the log.
    entry: Row
    # None while it is not known.
    committed: bool | None = None
    # Whether its callers still wait for their outcomes.
    callers_wait: bool = True

    async def look(self, transaction: PostgresTransaction) -> int | None:
        """Return the number of its last entry in the log; None when it was not committed, and never will be.

        The given transaction is a later one of the same server, with its lock.
        """
        [(number,)] = await transaction.ask(_NEWEST_LIKE, *(self.entry[place] for place in _PLACES))
        return None if number is None else int(number)

    def pairs(self) -> Sequence[tuple[object, object]]:
        """Return the requests that it has done, with their results."""
        both = zip(self.requests, self.outcomes, strict=True)
        return [(request, outcome) for request, outcome in both if not isinstance(outcome, Exception)]


class CommitInDoubt(Exception):  # noqa: N818 - what happened
    """The connection was lost while a COMMIT was under way; without a doubt to settle when it left no trace."""

    def __init__(self, doubt: Doubt | None) -> None:
        super().__init__("the database was lost during the commit")
        self.doubt = doubt
