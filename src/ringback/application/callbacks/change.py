"""Changes that callers request: an end, or another plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

from ringback.application.access import Caller, Right
from ringback.application.callbacks.query import OPEN_STATES, CallbackQueries
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.narrowing import selected_by
from ringback.application.optimistic import change
from ringback.application.portions import portions
from ringback.application.recent_dials import RecentDials
from ringback.application.turns import give_way
from ringback.domain.callback import Callback, State, weight
from ringback.domain.dial_rules import judge_nothing
from ringback.domain.errors import CallbackNotFound, EtagMismatch, StateRefused, TargetAlreadyPending
from ringback.domain.events import CancelRequested, Event, Redescribed
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.domain.lifecycle import after, ensure_possible
from ringback.domain.planning import replan
from ringback.domain.service import Service, TargetPolicy
from ringback.domain.target import Target
from ringback.domain.update import RequestUpdate
from ringback.domain.view import View
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

    def __init__(
        self,
        store: Store,
        directory: Directory,
        queries: CallbackQueries,
        clock: Clock,
        policy: DialPolicy,
        recent: RecentDials,
        portion: Callable[[], int] = lambda: MAX_RESOLVED,
    ) -> None:
        """`portion` returns how many callbacks are to be stored at a time."""
        self._store = store
        self._directory = directory
        self._queries = queries
        self._clock = clock
        self._dial_policy = policy
        self._recent = recent
        self._portion = portion

    async def cancel(self, caller: Caller, key: Key, reason: str, etag: str) -> Callback:
        """Cancel at once before DIALING, by a signal to the dialer during it; a repetition is no error.

        Raise `NotAllowed`, `CallbackNotFound`, `CallbackConnected`, `CallbackEnded`, `EtagMismatch`.
        """

        async def read() -> Callback:
            return await self._queries.get(caller, key, Right.CHANGE_CALLBACKS)

        async def decide(callback: Callback) -> Sequence[Callback]:
            if callback.state not in (State.CANCELLING, State.CANCELLED):
                _check_etag(callback, etag)
            cancelled = after(callback, CancelRequested(at=self._clock.now(), reason=reason))
            return () if cancelled is callback else (cancelled,)

        return await change(self._store, read, decide, as_change=_requested_by(caller))

    async def update(self, caller: Caller, key: Key, update: RequestUpdate, faults: Faults, etag: str) -> Callback:
        """Change what the update names: whom, when and how often to dial while it waits, texts until it has ended.

        `faults` are those found while the update was read. Raise `InvalidRequest` with all faults, `DialRuleBroken`,
        `NotAllowed`, `CallbackNotFound`, `CallbackInProgress`, `CallbackConnected`, `CallbackEnded`, `EtagMismatch`,
        `TargetAlreadyPending`.
        """
        await self._check(caller, key, update, faults)

        async def read() -> Callback:
            await self._directory.refresh()
            return await self._queries.get(caller, key, Right.CHANGE_CALLBACKS)

        async def decide(callback: Callback) -> Sequence[Callback]:
            _check_etag(callback, etag)
            ensure_possible(callback, update.kind)
            updated = after(callback, await self._event_of(callback, update))
            if update.changes_target and (service := self._directory.find(updated.service_id)) is not None:
                self._recent.check(service, updated)
            return (updated,)

        try:
            return await change(self._store, read, decide, as_change=partial(self._as_change, caller))
        except TargetTaken as taken:
            view = await self._directory.resolve(caller.view_of(Right.CHANGE_CALLBACKS))
            raise taken_by(taken.other, view) from None

    async def _check(self, caller: Caller, key: Key, update: RequestUpdate, faults: Faults) -> None:
        """Raise `InvalidRequest` with all faults, also for a callback that does not exist: `CallbackNotFound` then."""
        service = None
        try:
            service = self._directory.find((await self._queries.get(caller, key, Right.CHANGE_CALLBACKS)).service_id)
        except CallbackNotFound as missing:
            self._refuse(update, faults, None)
            raise missing from None
        self._refuse(update, faults, service)

    def _refuse(self, update: RequestUpdate, faults: Faults, service: Service | None) -> None:
        """Raise `InvalidRequest` with all faults of the update, or `DialRuleBroken`, if it has any."""
        region = "" if service is None else service.default_region
        # Of a callback that is not there, no service is known, whose rules would tell more than the server's.
        judge = judge_nothing if service is None else self._dial_policy.judge_for(service)
        update.check(self._clock.now(), faults.under("callback_request"), region, judge)
        faults.refuse()

    async def _event_of(self, callback: Callback, update: RequestUpdate) -> Event:
        now = self._clock.now()
        if update.kind is Redescribed:
            return Redescribed(at=now, request=update.applied_to(callback.request))
        service = await self._directory.get(callback.service_id)
        return replan(
            callback,
            update,
            service=service,
            now=now,
            rules=self._dial_policy.rules,
            judge=self._dial_policy.judge_for(service),
        )

    def _as_change(self, caller: Caller, before: Callback, after: Callback) -> Change:
        service = self._directory.find(before.service_id)
        if service is None or before.dial_target == after.dial_target:
            return Change(before, after, identity=caller.identity)
        return Change(
            before,
            after,
            # Also where the policy allows others: another server may just have changed it.
            alone=service.same_target_policy is not TargetPolicy.ALLOW,
            settings=service,
            identity=caller.identity,
        )

    async def resolve(self, caller: Caller, target: Target, reason: str, fits: Callable[[Callback], bool]) -> Resolved:
        """End the caller's open callbacks to a target, as cancelling each would; those CONNECTED are left alone.

        Return them as they are afterwards, the oldest first: up to 1000, and no more than `fits` returns True for.
        Raise `NotAllowed`.
        """
        wanted = CallbackFilter(dial_target=target.uri, states=OPEN_STATES)
        wanted = await selected_by(caller, wanted, self._directory, Right.RESOLVE_CALLBACKS)
        page = await self._store.snapshot(wanted, "", MAX_RESOLVED)
        found = list(takewhile(fits, page.callbacks))
        resolved: list[Callback] = []
        for portion in portions(found, lambda _: 1, weight, self._portion):
            resolved += await self._resolve(caller, portion, reason)
        is_cut = len(found) < len(page.callbacks)
        return Resolved([callback for callback in resolved if callback.state in _RESOLVED], page.more or is_cut)

    async def _resolve(self, caller: Caller, found: Sequence[Callback], reason: str) -> Sequence[Callback]:
        """End those of one portion together. One that another writer has changed since is read, and ended alone."""
        ended: list[Callback] = []
        for index, callback in enumerate(found):
            await give_way(index)
            ended.append(self._ended(callback, reason))
        places = [place for place, (before, now) in enumerate(zip(found, ended, strict=True)) if now is not before]
        groups = [[Change(found[place], ended[place], identity=caller.identity)] for place in places]
        refusals = await self._store.apply_many(groups) if groups else ()
        for place, refusal in zip(places, refusals, strict=True):
            if refusal is not None:
                ended[place] = await self._resolve_alone(caller, found[place].callback_id, reason)
        return ended

    def _ended(self, callback: Callback, reason: str) -> Callback:
        """Return the callback as it is after the cancellation: itself when it is CONNECTED, or was cancelled before."""
        try:
            return after(callback, CancelRequested(at=self._clock.now(), reason=reason))
        except StateRefused:
            return callback

    async def _resolve_alone(self, caller: Caller, callback_id: str, reason: str) -> Callback:
        try:
            return await self.cancel(caller, callback_id, reason, etag="")
        except StateRefused:  # answered, or ended by itself, in the meantime
            return await self._queries.get(caller, callback_id, Right.RESOLVE_CALLBACKS)


def taken_by(other: Callback, view: View) -> TargetAlreadyPending:
    """Return the refusal of a second callback to one target; it does not name a callback of others."""
    return TargetAlreadyPending(other.callback_id, other.state.name) if view.contains(other) else TargetAlreadyPending()


def _requested_by(caller: Caller) -> Callable[[Callback, Callback], Change]:
    return lambda before, after: Change(before, after, identity=caller.identity)


def _check_etag(callback: Callback, etag: str) -> None:
    if etag and etag != callback.etag:
        raise EtagMismatch(callback.etag, callback_id=callback.callback_id)
