"""How many callbacks of each account are open: counted once in the database, and then by the event log.

What is being created counts already. So the number is exact with one server; several servers may go beyond a limit
together, by what they create at the same moment.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ringback.domain.callback import TERMINAL, Callback
from ringback.ports.store import EventLog
from ringback.ports.values import EventKind, LoggedEvent

# What was to be created, and has not appeared in the log by then, is not counted any longer.
_PATIENCE_S: Final = 60.0


class _Reservation(NamedTuple):
    account: str
    until: float


class OpenCallbacks:
    """The counts by account. Those without an identity are of an address, and known only from when they are limited."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._open: Counter[str] = Counter()
        # Of callbacks without an identity.
        self._accounts: dict[str, str] = {}
        # By callback id, the oldest first.
        self._reserved: dict[str, _Reservation] = {}
        self._reserved_of: Counter[str] = Counter()
        # The event up to which the database was counted.
        self._number = 0

    async def start(self, store: EventLog) -> None:
        """Count those of identities. Raise `StorageUnavailable`."""
        counted = await store.open_by_identity()
        self._number = counted.number
        self._open.update(counted.counts)

    def reserve(self, account: str, callback_id: str, limit: int) -> bool:
        """Count a callback that is to be created, once however often it is called; return False at the limit."""
        if callback_id in self._reserved:
            return True
        if self._open[account] + self._reserved_of[account] >= limit:
            self._drop_old()
            if self._open[account] + self._reserved_of[account] >= limit:
                return False
        self._reserved[callback_id] = _Reservation(account, self._monotonic() + _PATIENCE_S)
        self._reserved_of[account] += 1
        return True

    def release(self, callback_id: str) -> None:
        """Forget a callback that was not created."""
        self._take(callback_id)

    def on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            # Only what has ended is purged; and what was erased may be logged as purged a second time.
            if event.number > self._number and event.kind is not EventKind.PURGED:
                self._count(event)

    def _count(self, event: LoggedEvent) -> None:
        callback = event.callback
        was_open = _is_open(event.previous)
        is_open = _is_open(callback)
        if is_open and not was_open:
            reserved = self._take(callback.callback_id)
            account = callback.identity
            if not account and reserved is not None:
                account = self._accounts[callback.callback_id] = reserved.account
            if account:
                self._open[account] += 1
        elif was_open and not is_open:
            account = callback.identity or self._accounts.pop(callback.callback_id, "")
            if account:
                _subtract(self._open, account)

    def _take(self, callback_id: str) -> _Reservation | None:
        reservation = self._reserved.pop(callback_id, None)
        if reservation is not None:
            _subtract(self._reserved_of, reservation.account)
        return reservation

    def _drop_old(self) -> None:
        now = self._monotonic()
        while self._reserved:
            callback_id, reservation = next(iter(self._reserved.items()))
            if reservation.until > now:
                return
            self._take(callback_id)


def _subtract(counts: Counter[str], account: str) -> None:
    """Count one less. An account with nothing takes no memory: there may be any number of addresses."""
    counts[account] -= 1
    if not counts[account]:
        del counts[account]


def _is_open(callback: Callback | None) -> bool:
    return callback is not None and callback.state not in TERMINAL
