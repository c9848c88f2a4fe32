"""What becomes of a callback when its dialer reports, and what a lease token tells."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec.structs import replace

from ringback.application.access import Caller, Right
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory, not_granted
from ringback.application.events.feed import EventFeed
from ringback.application.recent_dials import SPAN, RecentDials
from ringback.domain.callback import IN_PROGRESS, Callback, State
from ringback.domain.closing import steps_to_dialing
from ringback.domain.errors import LeaseExpired, LeaseRefused, LeaseSuperseded, OutcomeConflict, ServiceNotFound
from ringback.domain.events import Answered, AttemptEnded, DialingStarted, Ringing
from ringback.domain.ids import LeaseToken
from ringback.domain.lifecycle import after, steps_to_end, versions
from ringback.domain.request import ServiceName
from ringback.domain.service import Service
from ringback.ports.dialer import CallProgress, OutcomeReport, ProgressReport
from ringback.ports.values import Change, DialOuts, Extension, LoggedEvent

_PROGRESS_EVENTS: Final = {CallProgress.RINGING: Ringing, CallProgress.CONNECTED: Answered}


class CallsInProgress:
    """The callbacks in progress, as the log last had them: most reports need no read of the store."""

    def __init__(self, feed: EventFeed) -> None:
        self._by_id: dict[str, Callback] = {}
        feed.listen(self._on_events)

    def get(self, callback_id: str) -> Callback | None:
        return self._by_id.get(callback_id)

    def extend(self, extensions: Iterable[Extension]) -> None:
        """Note the new ends of leases, of which the log does not tell."""
        for extension in extensions:
            callback = self._by_id.get(extension.callback_id)
            lease = None if callback is None else callback.lease
            if callback is not None and lease is not None and lease.fencing_token == extension.fencing_token:
                extended = replace(lease, expire_time=extension.expire_time)
                self._by_id[callback.callback_id] = replace(callback, lease=extended)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            callback = event.callback
            if callback.state in IN_PROGRESS:
                self._by_id[callback.callback_id] = callback
            else:
                self._by_id.pop(callback.callback_id, None)


class Decision(NamedTuple):
    """What a report makes of a callback: its versions, none for a repetition, and by what this was decided."""

    versions: Sequence[Callback] = ()
    # This very outcome was recorded before.
    replayed: bool = False
    # See `Change`.
    settings: Service | None = None
    dial_outs: DialOuts | None = None

    def changes(self, before: Callback, identity: str) -> Sequence[Change]:
        """Return the steps from the callback that it was decided for."""
        return [
            Change(earlier, later, settings=self.settings, dial_outs=self.dial_outs, identity=identity)
            for earlier, later in pairwise([before, *self.versions])
        ]


class Decisions:
    """Decides by the rules of the domain, and by what is known here of services and dial-outs. Nothing is stored."""

    def __init__(self, directory: Directory, policy: DialPolicy, recent: RecentDials) -> None:
        self._directory = directory
        self._policy = policy
        self._recent = recent

    def decide(
        self,
        caller: Caller,
        token: LeaseToken,
        report: ProgressReport | OutcomeReport,
        callback: Callback,
        now: datetime,
        dialled: Sequence[datetime] | None = None,
    ) -> Decision:
        """Return what the report makes of the callback of this token.

        `dialled` is when its phone was dialled of late, where that was read from the store. Raise `NotAllowed` when the
        service is not granted, or no longer; `AttemptNotStarted`, `OutcomeConflict`, `LeaseSuperseded`, `LeaseExpired`.
        """
        if isinstance(report, OutcomeReport):
            return self._ended(caller, token, report, callback, now)
        if report.progress is CallProgress.DIALING:
            return self._dialing(caller, token, report, callback, now, dialled)
        self.check_held(caller, callback, token)
        reported = after(callback, _PROGRESS_EVENTS[report.progress](at=now, call_ids=report.call_ids))
        return Decision() if reported is callback else Decision((_renewed(reported, now),))

    def _dialing(
        self,
        caller: Caller,
        token: LeaseToken,
        report: ProgressReport,
        callback: Callback,
        now: datetime,
        dialled: Sequence[datetime] | None,
    ) -> Decision:
        self.check_held(caller, callback, token)
        service = self._service_of(callback)
        if not caller.view_of(Right.DIAL).has_service(service):
            raise not_granted(ServiceName("service_id", service.service_id))
        since = now - SPAN
        begun = self._recent.begun(callback.phone, since) if dialled is None else [at for at in dialled if at > since]
        broken = None
        if callback.state is State.OFFERED:
            broken = self._policy.broken(service, callback.dial_target)
            broken = broken or self._policy.used_up(service, begun, now)
        event = DialingStarted(at=now, call_ids=report.call_ids)
        steps = versions(callback, steps_to_dialing(callback, service, event, self._policy.rules, broken))
        if steps[-1] is callback:
            return Decision()
        renewed = [_renewed(step, now) for step in steps]
        return Decision(renewed, settings=service, dial_outs=DialOuts(since, len(begun)))

    def _ended(
        self, caller: Caller, token: LeaseToken, report: OutcomeReport, callback: Callback, now: datetime
    ) -> Decision:
        if not self.is_known(caller, callback, token):
            raise unknown()
        if _is_replay(callback, token, report):
            return Decision(replayed=True)
        self.check_held(caller, callback, token)
        event = AttemptEnded(
            service=self._service_of(callback),
            rules=self._policy.rules,
            at=now,
            outcome=report.outcome,
            sip_status=report.sip_status,
            q850_cause=report.q850_cause,
            detail=report.detail,
            agent=report.agent,
            disposition=report.disposition,
            call_ids=report.call_ids,
        )
        return Decision(versions(callback, steps_to_end(callback, event)))

    def _service_of(self, callback: Callback) -> Service:
        service = self._directory.find(callback.service_id)
        if service is None:
            raise ServiceNotFound("service_id", callback.service_id)
        return service

    # --- What a token tells ------------------------------------------------------------------------------------

    def check_held(self, caller: Caller, callback: Callback, token: LeaseToken) -> None:
        """Raise `LeaseRefused` for a lost lease. A late report counts until the next lease, or until it is closed."""
        if not is_held(caller, callback, token):
            raise self.lost(caller, callback, token)

    def lost(self, caller: Caller, callback: Callback, token: LeaseToken) -> LeaseRefused:
        """Return why the lease is lost: `LeaseExpired` for a token of another identity, as for one that is unknown."""
        if not self.is_known(caller, callback, token):
            return unknown()
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

    def is_known(self, caller: Caller, callback: Callback, token: LeaseToken) -> bool:
        """Return whether the caller may know what has become of the callback: it has it, or this attempt was its own.

        The secret of a lease that is over is not kept, so a token for it can be made up. Without the grant, it is no
        longer the caller's once there was another lease; until then its last report can be repeated.
        """
        if is_held(caller, callback, token):
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


def parse_token(text: str) -> LeaseToken:
    """Raise `LeaseExpired` for what was never a token."""
    token = LeaseToken.parse(text)
    if token is None:
        raise LeaseExpired("", "this server never gave out such a lease_token")
    return token


def is_held(caller: Caller, callback: Callback, token: LeaseToken) -> bool:
    """Return whether the callback is leased by this token, to this caller."""
    # Of no identity are also the leases of a server that has had identities only since.
    lease = callback.lease
    return lease is not None and lease.token == token.text and lease.identity in ("", caller.identity)


def unknown() -> LeaseExpired:
    return LeaseExpired("", "this server does not know this lease_token any more")


def not_dialled(callback: Callback) -> LeaseExpired:
    """Return what a DIALING report gets that has led elsewhere: the callback has no lease then."""
    return LeaseExpired(
        callback.callback_id,
        f"callback {callback.callback_id} may not be dialled now, it is {callback.state.name}; place no call",
        state=callback.state.name,
    )


def _renewed(callback: Callback, now: datetime) -> Callback:
    """Return the callback with its lease extended, since an accepted report is a sign of life.

    A late report must not be overtaken by the lapse it just escaped.
    """
    lease = callback.lease
    if lease is None or lease.expire_time >= now + lease.duration:
        return callback
    return replace(callback, lease=replace(lease, expire_time=now + lease.duration))


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
