"""What a dialer does with a lease: extend it, report on its call, release it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from ringback.application.access import Caller, Right
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory, not_granted
from ringback.application.events.feed import EventFeed
from ringback.application.optimistic import change
from ringback.application.recent_dials import SPAN, RecentDials
from ringback.domain.callback import IN_PROGRESS, Callback, State
from ringback.domain.closing import steps_back, steps_to_dialing
from ringback.domain.errors import (
    CallbackInProgress,
    LeaseExpired,
    LeaseRefused,
    LeaseSuperseded,
    OutcomeConflict,
)
from ringback.domain.events import Answered, AttemptEnded, DialingStarted, LeaseReleased, Ringing
from ringback.domain.ids import LeaseToken
from ringback.domain.lifecycle import after, steps_to_end, versions
from ringback.domain.request import ServiceName
from ringback.domain.service import Service
from ringback.domain.target import number_of_phone
from ringback.ports.clock import Clock
from ringback.ports.dialer import OutcomeReport
from ringback.ports.store import Store
from ringback.ports.values import Change, DialOuts, Extension, LoggedEvent

_log = logging.getLogger(__name__)


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
        feed: EventFeed,
        policy: DialPolicy,
        recent: RecentDials,
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._policy = policy
        self._recent = recent
        # The callbacks in progress, as the log last had them: most reports need no read of the store.
        self._calls: dict[str, Callback] = {}
        feed.listen(self._on_events)

    # --- Reports -----------------------------------------------------------------------------------------------

    async def dialing(self, caller: Caller, token: str, call_ids: tuple[str, ...] = ()) -> Callback:
        """Record that the dialer is about to place the call: the point of no return.

        Raise `NotAllowed` when the service is not granted, or no longer, and `LeaseRefused` when the call must not be
        placed. So it is, too, when the service was closed or paused since the lease was granted, by whatever server, or
        it is quiet for the target by now: then the callback goes back to its place, and no attempt is used. When the
        target breaks a dial rule by now, the callback fails.
        """
        view = caller.view_of(Right.DIAL)
        lease_token = _parse(token)
        since = self._clock.now() - SPAN
        # What is stored, once this server is known to have heard of less.
        stored: Sequence[datetime] | None = None

        async def read() -> Callback:
            nonlocal stored
            await self._directory.refresh()
            callback = await self._find(lease_token)
            stored = await self._store.dialled_of(number_of_phone(callback.phone), since)
            return callback

        def dialled(callback: Callback) -> Sequence[datetime]:
            return self._recent.begun(callback.phone, since) if stored is None else stored

        async def decide(callback: Callback) -> Sequence[Callback]:
            self._check_held(caller, callback, lease_token)
            service = await self._directory.get(callback.service_id)
            if not view.has_service(service):
                raise not_granted(ServiceName("service_id", service.service_id))
            event = DialingStarted(at=self._clock.now(), call_ids=call_ids)
            return self._dialed(callback, service, event, dialled(callback))

        def by_settings(before: Callback, after: Callback) -> Change:
            # Those that `decide` has just found: nothing is awaited in between.
            settings = self._directory.find(before.service_id)
            dial_outs = DialOuts(since, len(dialled(before)))
            return Change(before, after, settings=settings, dial_outs=dial_outs, identity=caller.identity)

        # The settings, and the dial-outs, may be out of date here; then the store refuses the change.
        remembered = self._calls.get(lease_token.callback_id)
        callback = await change(self._store, read, decide, remembered, by_settings)
        if callback.lease is None:
            raise LeaseExpired(
                callback.callback_id,
                f"callback {callback.callback_id} may not be dialled now, it is {callback.state.name}; place no call",
                state=callback.state.name,
            )
        return callback

    def _dialed(
        self, callback: Callback, service: Service, event: DialingStarted, dialled: Sequence[datetime]
    ) -> Sequence[Callback]:
        """Return the versions that a DIALING report makes of a callback; none when it is a repetition."""
        broken = None
        if callback.state is State.OFFERED:
            broken = self._policy.broken(service, callback.dial_target)
            broken = broken or self._policy.used_up(service, dialled, event.at)
        steps = versions(callback, steps_to_dialing(callback, service, event, self._policy.rules, broken))
        return () if steps[-1] is callback else [_renewed(step, event.at) for step in steps]

    async def ringing(self, caller: Caller, token: str, call_ids: tuple[str, ...] = ()) -> Callback:
        return await self._report(caller, token, Ringing, call_ids)

    async def connected(self, caller: Caller, token: str, call_ids: tuple[str, ...] = ()) -> Callback:
        return await self._report(caller, token, Answered, call_ids)

    async def _report(
        self, caller: Caller, token: str, kind: type[Ringing | Answered], call_ids: tuple[str, ...]
    ) -> Callback:
        caller.view_of(Right.DIAL)
        lease_token = _parse(token)

        async def decide(callback: Callback) -> Sequence[Callback]:
            self._check_held(caller, callback, lease_token)
            now = self._clock.now()
            reported = after(callback, kind(at=now, call_ids=call_ids))
            return () if reported is callback else (_renewed(reported, now),)

        return await self._change(caller, lease_token, decide)

    async def ended(self, caller: Caller, token: str, report: OutcomeReport) -> tuple[Callback, bool]:
        """Close the attempt; return the callback and whether this very outcome was recorded before.

        Raise `NotAllowed`, `AttemptNotStarted`, `OutcomeConflict`, `LeaseSuperseded`, `LeaseExpired`.
        """
        caller.view_of(Right.DIAL)
        lease_token = _parse(token)
        replayed = False

        async def decide(callback: Callback) -> Sequence[Callback]:
            nonlocal replayed
            self._check_known(caller, callback, lease_token)
            replayed = _is_replay(callback, lease_token, report)
            if replayed:
                return ()
            self._check_held(caller, callback, lease_token)
            event = AttemptEnded(
                service=await self._directory.get(callback.service_id),
                rules=self._policy.rules,
                at=self._clock.now(),
                outcome=report.outcome,
                sip_status=report.sip_status,
                q850_cause=report.q850_cause,
                detail=report.detail,
                agent=report.agent,
                disposition=report.disposition,
                call_ids=report.call_ids,
            )
            return versions(callback, steps_to_end(callback, event))

        return await self._change(caller, lease_token, decide), replayed

    async def extend(self, caller: Caller, tokens: Sequence[str], duration: timedelta) -> list[Extended]:
        """Extend leases to `duration` from now; return what became of each, and which calls are to be hung up.

        One that is only OFFERED is lost with the grant for its service; a call in progress goes on. Raise `NotAllowed`.
        """
        view = await self._directory.resolve(caller.view_of(Right.DIAL))
        expire_time = self._clock.now() + duration
        parsed = [LeaseToken.parse(token) for token in tokens]
        known = [token for token in parsed if token is not None]
        callbacks = await self._read([token.callback_id for token in known])
        own = [
            token
            for token in known
            if (callback := callbacks.get(token.callback_id)) is not None
            and _is_held(caller, callback, token)
            and (callback.state is not State.OFFERED or view.contains(callback))
        ]
        kept = await self._store.extend([Extension(t.callback_id, t.fencing_token, expire_time) for t in own])
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
            return Extended(text, lost=_unknown())
        if not held:
            return Extended(text, lost=self._lost(caller, callback, token))
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
        lease_token = _parse(token)

        async def decide(callback: Callback) -> Sequence[Callback]:
            self._check_held(caller, callback, lease_token)
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
            raise _unknown()
        return callback

    # --- What a token tells ------------------------------------------------------------------------------------

    def _check_known(self, caller: Caller, callback: Callback, token: LeaseToken) -> None:
        """Raise `LeaseExpired` for a token of another identity, as for one that is unknown."""
        if not self._is_known(caller, callback, token):
            raise _unknown()

    def _check_held(self, caller: Caller, callback: Callback, token: LeaseToken) -> None:
        """Raise `LeaseRefused` for a lost lease. A late report counts until the next lease, or until it is closed."""
        if not _is_held(caller, callback, token):
            raise self._lost(caller, callback, token)

    def _lost(self, caller: Caller, callback: Callback, token: LeaseToken) -> LeaseRefused:
        if not self._is_known(caller, callback, token):
            return _unknown()
        if callback.fencing_token > token.fencing_token:
            return LeaseSuperseded(
                callback.callback_id,
                f"callback {callback.callback_id} was leased again since; place no call",
                state=callback.state.name,
            )
        return LeaseExpired(
            callback.callback_id,
            f"the lease is over, callback {callback.callback_id} is {callback.state.name}",
            state=callback.state.name,
        )

    def _is_known(self, caller: Caller, callback: Callback, token: LeaseToken) -> bool:
        """Return whether the caller may know what has become of the callback: it has it, or this attempt was its own.

        The secret of a lease that is over is not kept, so a token for it can be made up. Without the grant, it is no
        longer the caller's once there was another lease; until then its last report can be repeated.
        """
        if _is_held(caller, callback, token):
            return True
        lease = callback.lease
        if caller.identity == "":
            return lease is None or lease.identity == ""
        own_lease = lease is not None and lease.identity == caller.identity
        own_attempt = any(
            attempt.fencing_token == token.fencing_token and attempt.identity == caller.identity
            for attempt in callback.attempts
        )
        return (own_lease or own_attempt) and (
            callback.fencing_token == token.fencing_token or self._is_granted(caller, callback)
        )

    def _is_granted(self, caller: Caller, callback: Callback) -> bool:
        service = self._directory.find(callback.service_id)
        return service is not None and caller.view_of(Right.DIAL).has_service(service)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            callback = event.callback
            if callback.state in IN_PROGRESS:
                self._calls[callback.callback_id] = callback
            else:
                self._calls.pop(callback.callback_id, None)


def _renewed(callback: Callback, now: datetime) -> Callback:
    """Return the callback with its lease extended, since an accepted report is a sign of life.

    A late report must not be overtaken by the lapse it just escaped.
    """
    lease = callback.lease
    if lease is None or lease.expire_time >= now + lease.duration:
        return callback
    return replace(callback, lease=replace(lease, expire_time=now + lease.duration))


def _parse(token: str) -> LeaseToken:
    parsed = LeaseToken.parse(token)
    if parsed is None:
        raise LeaseExpired("", "this server never gave out such a lease_token")
    return parsed


def _unknown() -> LeaseExpired:
    return LeaseExpired("", "this server does not know this lease_token any more")


def _is_held(caller: Caller, callback: Callback, token: LeaseToken) -> bool:
    # Of no identity are also the leases of a server that has had identities only since.
    lease = callback.lease
    return lease is not None and lease.token == token.text and lease.identity in ("", caller.identity)


def _is_replay(callback: Callback, token: LeaseToken, report: OutcomeReport) -> bool:
    """Return whether the attempt of this lease is closed with this outcome. Raise `OutcomeConflict` for another one."""
    for attempt in callback.attempts:
        if attempt.fencing_token != token.fencing_token or attempt.outcome is None:
            continue
        if attempt.outcome is report.outcome and not attempt.lapsed:
            return True
        if not attempt.lapsed:
            raise OutcomeConflict(
                callback.callback_id,
                f"the outcome of this attempt was {attempt.outcome.name} already",
                state=callback.state.name,
                recorded_outcome=attempt.outcome.name,
            )
    return False
