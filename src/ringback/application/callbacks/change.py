"""Changes that callers request: an end, or another plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringback.application.callbacks.query import OPEN_STATES, CallbackQueries
from ringback.application.directory import Directory
from ringback.application.optimistic import change
from ringback.domain.callback import Callback, State
from ringback.domain.errors import EtagMismatch, StateRefused, TargetAlreadyPending
from ringback.domain.events import CancelRequested, Event, Redescribed
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.domain.lifecycle import after, ensure_possible
from ringback.domain.planning import replan
from ringback.domain.service import TargetPolicy
from ringback.domain.target import Target
from ringback.domain.update import RequestUpdate
from ringback.ports.clock import Clock
from ringback.ports.errors import TargetTaken
from ringback.ports.store import Store
from ringback.ports.values import Change

# How many callbacks to one target are ended by one request.
MAX_RESOLVED = 1000
_RESOLVED = frozenset({State.CANCELLED, State.CANCELLING, State.CONNECTED})


@dataclass(frozen=True, slots=True)
class Resolved:
    """Callbacks to one target that were open, and whether there are more."""

    callbacks: Sequence[Callback]
    more: bool


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

    async def update(self, key: Key, update: RequestUpdate, faults: Faults, etag: str) -> Callback:
        """Change what the update names: whom, when and how often to dial while it waits, texts until it has ended.

        `faults` are those found while the update was read. Raise `InvalidRequest` with all faults,
        `CallbackNotFound`, `CallbackInProgress`, `CallbackConnected`, `CallbackEnded`, `EtagMismatch`,
        `TargetAlreadyPending`.
        """
        await self._check(key, update, faults)

        async def read() -> Callback:
            await self._directory.refresh()
            return await self._queries.get(key)

        async def decide(callback: Callback) -> Sequence[Callback]:
            _check_etag(callback, etag)
            ensure_possible(callback, update.kind)
            return (after(callback, await self._event_of(callback, update)),)

        try:
            return await change(self._store, read, decide, as_change=self._as_change)
        except TargetTaken as taken:
            raise TargetAlreadyPending(taken.other.callback_id, taken.other.state.name) from None

    async def _check(self, key: Key, update: RequestUpdate, faults: Faults) -> None:
        """Raise `InvalidRequest` with all faults, also for a callback that does not exist: `CallbackNotFound` then."""
        service = None
        try:
            service = self._directory.find((await self._queries.get(key)).service_id)
        finally:
            update.check(
                self._clock.now(), faults.under("callback_request"), "" if service is None else service.default_region
            )
            faults.refuse()

    async def _event_of(self, callback: Callback, update: RequestUpdate) -> Event:
        now = self._clock.now()
        if update.kind is Redescribed:
            return Redescribed(at=now, request=update.applied_to(callback.request))
        return replan(callback, update, service=await self._directory.get(callback.service_id), now=now)

    def _as_change(self, before: Callback, after: Callback) -> Change:
        service = self._directory.find(before.service_id)
        if service is None or before.dial_target == after.dial_target:
            return Change(before, after)
        # Also where the policy allows others: another server may just have changed it.
        return Change(before, after, alone=service.same_target_policy is not TargetPolicy.ALLOW, settings=service)

    async def resolve(self, target: Target, reason: str, fits: Callable[[Callback], bool]) -> Resolved:
        """End the open callbacks to a target, as cancelling each would; those CONNECTED are left alone.

        Return them as they are afterwards, the oldest first: up to 1000, and no more than `fits` returns True for.
        """
        wanted = CallbackFilter(dial_target=target.uri, states=OPEN_STATES)
        resolved: list[Callback] = []
        page = await self._store.snapshot(wanted, "", MAX_RESOLVED)
        for callback in page.callbacks:
            if not fits(callback):
                return Resolved(resolved, more=True)
            ended = await self._resolve(callback, reason)
            if ended.state in _RESOLVED:
                resolved.append(ended)
        return Resolved(resolved, page.more)

    async def _resolve(self, callback: Callback, reason: str) -> Callback:
        try:
            return await self.cancel(callback.callback_id, reason, etag="")
        except StateRefused:  # answered, or ended by itself, in the meantime
            return await self._queries.get(callback.callback_id)


def _check_etag(callback: Callback, etag: str) -> None:
    if etag and etag != callback.etag:
        raise EtagMismatch(callback.etag, callback_id=callback.callback_id)
