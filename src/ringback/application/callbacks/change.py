"""Changes that callers request: an end, or another plan."""

from collections.abc import Sequence
from datetime import datetime

from ringback.application.callbacks.query import OPEN_STATES, CallbackQueries
from ringback.application.directory import Directory
from ringback.application.optimistic import change
from ringback.domain.callback import Callback, State
from ringback.domain.errors import EtagMismatch, StateRefused
from ringback.domain.events import CancelRequested, Rescheduled
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.domain.lifecycle import after, ensure_possible
from ringback.domain.planning import replan
from ringback.domain.target import Target
from ringback.ports.clock import Clock
from ringback.ports.store import Store

# How many callbacks to one target are read at a time.
_CHUNK = 1000
_RESOLVED = frozenset({State.CANCELLED, State.CANCELLING, State.CONNECTED})


class CallbackChanges:
    """The use cases that change created callbacks. They take values that are valid in themselves."""

    def __init__(self, store: Store, directory: Directory, queries: CallbackQueries, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._queries = queries
        self._clock = clock

    async def cancel(self, key: Key, reason: str, etag: str) -> Callback:
        """Cancel at once before DIALING, by a signal to the dialer during it; a repetition is no error.

        Raise `CallbackNotFound`, `CallbackConnected`, `CallbackEnded`, `EtagMismatch`.
        """

        async def decide(callback: Callback) -> Sequence[Callback]:
            if callback.state not in (State.CANCELLING, State.CANCELLED):
                _check_etag(callback, etag)
            cancelled = after(callback, CancelRequested(at=self._clock.now(), reason=reason))
            return () if cancelled is callback else (cancelled,)

        return await change(self._store, lambda: self._queries.get(key), decide)

    async def reschedule(
        self, key: Key, *, due_date: datetime, priority: int | None, target: Target | None, etag: str
    ) -> Callback:
        """Set another time, and perhaps another priority or target, for a callback that waits.

        Raise `CallbackNotFound`, `CallbackInProgress`, `CallbackConnected`, `CallbackEnded`, `EtagMismatch`, and
        `InvalidRequest` for a due date that is not before the expiry.
        """

        async def decide(callback: Callback) -> Sequence[Callback]:
            _check_etag(callback, etag)
            ensure_possible(callback, Rescheduled)
            service = await self._directory.get(callback.service_id)
            rescheduled = replan(
                callback,
                due_date=due_date,
                priority=priority,
                target=target,
                service=service,
                now=self._clock.now(),
            )
            return (after(callback, rescheduled),)

        return await change(self._store, lambda: self._queries.get(key), decide)

    async def resolve(self, target: Target, reason: str) -> Sequence[Callback]:
        """End all open callbacks to a target, as cancelling each would; those CONNECTED are left alone.

        Return them as they are afterwards, the oldest first.
        """
        wanted = CallbackFilter(dial_target=target.uri, states=OPEN_STATES)
        resolved: list[Callback] = []
        after_id, more = "", True
        while more:
            page = await self._store.snapshot(wanted, after_id, _CHUNK)
            resolved += [await self._resolve(callback, reason) for callback in page.callbacks]
            more = page.more
            after_id = page.callbacks[-1].callback_id if page.callbacks else after_id
        return [callback for callback in resolved if callback.state in _RESOLVED]

    async def _resolve(self, callback: Callback, reason: str) -> Callback:
        try:
            return await self.cancel(callback.callback_id, reason, etag="")
        except StateRefused:  # answered, or ended by itself, in the meantime
            return await self._queries.get(callback.callback_id)


def _check_etag(callback: Callback, etag: str) -> None:
    if etag and etag != callback.etag:
        raise EtagMismatch(callback.etag, callback_id=callback.callback_id)
