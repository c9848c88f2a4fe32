"""What a dialer does with a lease: extend it, report on its call, release it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress

from ringback.application.access import Caller, Right
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.dispatch.decisions import (
    CallsInProgress,
    Decision,
    Decisions,
    is_held,
    not_dialled,
    parse_token,
    unknown,
)
from ringback.application.optimistic import change
from ringback.application.recent_dials import SPAN
from ringback.domain.callback import Callback, State
from ringback.domain.closing import steps_back
from ringback.domain.errors import CallbackInProgress, LeaseRefused
from ringback.domain.events import LeaseReleased
from ringback.domain.ids import LeaseToken
from ringback.domain.lifecycle import versions
from ringback.domain.target import number_of_phone
from ringback.ports.clock import Clock
from ringback.ports.dialer import CallProgress, OutcomeReport, ProgressReport
from ringback.ports.store import Store
from ringback.ports.values import Change, Extension


@dataclass(frozen=True, slots=True)
class Extended:
    """The result for one lease that a dialer wants to keep. `lost` is why it is gone; data, not an error."""

    token: str
    expire_time: datetime | None = None
    cancel_requested: bool = False
    lost: LeaseRefused | None = None
    # The callback, when it was updated since it was leased.
    updated: Callback | None = None


class Leases:
    """The application side of DialerService, without the polls (`assigner.py`). Built-in dialers use it in process."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        policy: DialPolicy,
        decisions: Decisions,
        calls: CallsInProgress,
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._policy = policy
        self._decisions = decisions
        self._calls = calls

    # --- Reports: `reports.py` takes many at once ----------------------------------------------------------------

    async def dialing(self, caller: Caller, token: str, call_ids: tuple[str, ...] = ()) -> Callback:
        return (await self.report(caller, token, ProgressReport(CallProgress.DIALING, call_ids)))[0]

    async def ringing(self, caller: Caller, token: str, call_ids: tuple[str, ...] = ()) -> Callback:
        return (await self.report(caller, token, ProgressReport(CallProgress.RINGING, call_ids)))[0]

    async def connected(self, caller: Caller, token: str, call_ids: tuple[str, ...] = ()) -> Callback:
        return (await self.report(caller, token, ProgressReport(CallProgress.CONNECTED, call_ids)))[0]

    async def ended(self, caller: Caller, token: str, report: OutcomeReport) -> tuple[Callback, bool]:
        return await self.report(caller, token, report)

    async def report(self, caller: Caller, token: str, report: ProgressReport | OutcomeReport) -> tuple[Callback, bool]:
        """Record how far the call is, or how it ended; return the callback, and whether this very outcome was recorded.

        DIALING comes when the dialer is about to place the call: the point of no return. It is refused when the call
        must not be placed: also when the service was closed or paused since the lease was granted, by whatever server,
        or it is quiet for the target by now: then the callback goes back to its place, and no attempt is used. When the
        target breaks a dial rule by now, the callback fails.

        Raise what `Decisions.decide` raises, and `LeaseExpired` when the call must not be placed.
        """
        caller.view_of(Right.DIAL)
        lease_token = parse_token(token)
        decision = Decision()
        # What is stored, once this server is known to have heard of less.
        dialled: Sequence[datetime] | None = None

        async def read() -> Callback:
            nonlocal dialled
            await self._directory.refresh()
            callback = await self._find(lease_token)
            if callback.state is State.OFFERED:
                dialled = await self._store.dialled_of(number_of_phone(callback.phone), self._clock.now() - SPAN)
            return callback

        async def decide(callback: Callback) -> Sequence[Callback]:
            nonlocal decision
            decision = self._decisions.decide(caller, lease_token, report, callback, self._clock.now(), dialled)
            return decision.versions

        def as_decided(before: Callback, after: Callback) -> Change:
            return Change(
                before, after, settings=decision.settings, dial_outs=decision.dial_outs, identity=caller.identity
            )

        # What is known here may be out of date; then the store refuses the change.
        remembered = self._calls.get(lease_token.callback_id)
        callback = await change(self._store, read, decide, remembered, as_decided)
        if callback.lease is None and isinstance(report, ProgressReport):
            raise not_dialled(callback)
        return callback, decision.replayed

    # --- Leases --------------------------------------------------------------------------------------------------

    async def extend(self, caller: Caller, tokens: Sequence[str], duration: timedelta) -> list[Extended]:
        """Extend leases to `duration` from now; return what became of each, and which calls are to be hung up.

        One that is only OFFERED is lost with the grant for its service; a call in progress goes on. Raise `NotAllowed`.
        """
        view = await self._directory.resolve(caller.view_of(Right.DIAL))
        parsed = [LeaseToken.parse(token) for token in tokens]
        known = [token for token in parsed if token is not None]
        callbacks = await self._read([token.callback_id for token in known])
        own = [
            token
            for token in known
            if (callback := callbacks.get(token.callback_id)) is not None
            and is_held(caller, callback, token)
            and (callback.state is not State.OFFERED or view.contains(callback))
        ]
        # Nothing is awaited after the time is read: a jump of the clock moves all ends that were submitted before it.
        expire_time = self._clock.now() + duration
        extensions = [Extension(t.callback_id, t.fencing_token, expire_time) for t in own]
        kept = await self._store.extend(extensions)
        self._calls.extend(compress(extensions, kept))
        held = {token.text for token, is_kept in zip(own, kept, strict=True) if is_kept}
        # Lost since they were read.
        callbacks |= await self._read([token.callback_id for token in own if token.text not in held])
        return [
            self._extended(
                caller, text, token, callbacks.get(token.callback_id) if token else None, text in held, expire_time
            )
            for text, token in zip(tokens, parsed, strict=True)
        ]

    def _extended(
        self,
        caller: Caller,
        text: str,
        token: LeaseToken | None,
        callback: Callback | None,
        held: bool,
        expire_time: datetime,
    ) -> Extended:
        if token is None or callback is None:
            return Extended(text, lost=unknown())
        if not held:
            return Extended(text, lost=self._decisions.lost(caller, callback, token))
        return Extended(
            text,
            expire_time,
            cancel_requested=callback.state is State.CANCELLING,
            updated=callback if callback.redescribed else None,
        )

    async def _read(self, callback_ids: Sequence[str]) -> dict[str, Callback]:
        if not callback_ids:
            return {}
        return {callback.callback_id: callback for callback in await self._store.get_many(callback_ids)}

    async def release(self, caller: Caller, token: str, *, agents_unavailable: bool = False) -> Callback:
        """Release a lease unused: the callback keeps its place, and no attempt was made.

        When no agent of the service answered, it rests. Raise `NotAllowed`, `LeaseRefused`, and `CallbackInProgress`
        once the call has begun.
        """
        caller.view_of(Right.DIAL)
        lease_token = parse_token(token)

        async def decide(callback: Callback) -> Sequence[Callback]:
            self._decisions.check_held(caller, callback, lease_token)
            if callback.state is not State.OFFERED:
                raise CallbackInProgress(
                    callback.callback_id, callback.state.name, "the call has begun: report its outcome"
                )
            service = await self._directory.get(callback.service_id)
            event = LeaseReleased(at=self._clock.now(), agents_unavailable=agents_unavailable)
            return versions(callback, steps_back(callback, event, service, self._policy.rules))

        return await self._change(caller, lease_token, decide)

    async def _change(
        self, caller: Caller, token: LeaseToken, decide: Callable[[Callback], Awaitable[Sequence[Callback]]]
    ) -> Callback:
        return await change(
            self._store,
            lambda: self._find(token),
            decide,
            self._calls.get(token.callback_id),
            lambda before, after: Change(before, after, identity=caller.identity),
        )

    async def _find(self, token: LeaseToken) -> Callback:
        callback = await self._store.get(token.callback_id)
        if callback is None:
            raise unknown()
        return callback
