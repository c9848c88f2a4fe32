"""The comparisons before a write: revisions, calls to one phone, turns and services.

Pure: stored rows are looked up through `Stored`. An adapter may have them in memory, from the rows that it has locked,
or query them at that moment. Either way they are what the transaction sees at this point, with its own writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ringback.domain.callback import IN_PROGRESS, Callback, State
from ringback.domain.queue import Turn
from ringback.domain.service import Service
from ringback.domain.target import number_of_phone
from ringback.ports.calls import KeptCall
from ringback.ports.errors import DuplicateService, PhoneInUse, RevisionConflict
from ringback.ports.values import Change
from ringback.storage.body import time_us
from ringback.storage.callback_row import lease_expire_us
from ringback.storage.operations import Changes


class Held(NamedTuple):
    """The columns that a stored callback is compared by."""

    revision: int
    lease_expire_us: int | None
    # Of its lease; None without one.
    lease_fencing: int | None


def held(callback: Callback) -> Held:
    fencing_token = None if callback.lease is None else callback.lease.fencing_token
    return Held(callback.revision, lease_expire_us(callback), fencing_token)


class PhoneRow(NamedTuple):
    """What is stored about a phone."""

    # The id of the callback that is in a call to it.
    caller: str | None = None
    # 0: it is not kept.
    kept_until_us: int = 0


class Stored(Protocol):
    """The stored rows at this point of the transaction."""

    def callback(self, callback_id: str) -> Held | None: ...

    def phone(self, phone: str) -> PhoneRow: ...

    def dial_outs(self, number: str, since_us: int) -> int:
        """Return how many dial-outs to the number began after that time."""
        ...

    def turn(self, service_id: str) -> int | None:
        """Return the revision of the service's turn; None: no such service."""
        ...

    def service(self, service_id: str) -> int | None:
        """Return the revision of the service; None: no such service."""
        ...


@dataclass(slots=True)
class Overlay:
    """Changed rows, over the stored ones below. It is a `Stored` itself: one can lie over another."""

    below: Stored
    callbacks: dict[str, Held | None] = field(default_factory=dict)
    # By phone: the callback in a call to it, and the end of its keeping.
    callers: dict[str, str | None] = field(default_factory=dict)
    kept_us: dict[str, int] = field(default_factory=dict)
    # By number: the dial-outs that were added.
    added: dict[str, int] = field(default_factory=dict)
    turns: dict[str, int | None] = field(default_factory=dict)
    services: dict[str, int | None] = field(default_factory=dict)

    def callback(self, callback_id: str) -> Held | None:
        if callback_id in self.callbacks:
            return self.callbacks[callback_id]
        return self.below.callback(callback_id)

    def phone(self, phone: str) -> PhoneRow:
        below = self.below.phone(phone)
        kept_until_us = max(below.kept_until_us, self.kept_us.get(phone, 0))
        return PhoneRow(self.callers.get(phone, below.caller), kept_until_us)

    def dial_outs(self, number: str, since_us: int) -> int:
        return self.below.dial_outs(number, since_us) + self.added.get(number, 0)

    def turn(self, service_id: str) -> int | None:
        return self.turns[service_id] if service_id in self.turns else self.below.turn(service_id)

    def service(self, service_id: str) -> int | None:
        return self.services[service_id] if service_id in self.services else self.below.service(service_id)

    def update(self, above: "Overlay") -> None:
        """Take over the changes of the overlay above this one."""
        self.callbacks |= above.callbacks
        self.callers |= above.callers
        self.kept_us |= above.kept_us
        for number, count in above.added.items():
            self.added[number] = self.added.get(number, 0) + count
        self.turns |= above.turns
        self.services |= above.services


# --- Changes of callbacks ----------------------------------------------------------------------------------------


def compare(stored: Stored, call: Changes, *, revisions: bool = True) -> Overlay:
    """Return the rows that the call changes. Raise `RevisionConflict`: all of it is written, or none.

    `revisions`: whether they are compared, too, and the dial-outs. The UPDATE of a single change can do so itself.
    """
    overlay = Overlay(stored)
    compare_settings(stored, call.changes)
    if revisions:
        compare_revisions(overlay, call.changes)
        compare_dial_outs(overlay, call.changes)
    compare_phones(overlay, call.changes)
    if call.turn is not None:
        compare_turn(overlay, call.turn)
    return overlay


def compare_revisions(overlay: Overlay, changes: Sequence[Change]) -> None:
    changed: list[str] = []
    for change in changes:
        callback_id = change.before.callback_id
        now = overlay.callback(callback_id)
        # Without the fencing token: it grows only with a change, and so with the revision.
        if now is None or now[:2] != held(change.before)[:2]:
            changed.append(callback_id)
        overlay.callbacks[callback_id] = held(change.after)
    if changed:
        raise changed_since(changed)


def changed_since(callback_ids: Sequence[str]) -> RevisionConflict:
    return RevisionConflict(
        f"{len(callback_ids)} callbacks were changed since they were read: {callback_ids[0]}, …", callback_ids
    )


def compare_phones(overlay: Overlay, changes: Sequence[Change]) -> None:
    """Refuse a second call to one phone at once, and one to a phone that is kept."""
    for change in changes:
        if (ended := _ended_call(change)) is not None:
            overlay.callers[ended] = None
        if (kept := kept_phone(change)) is not None:
            phone, until_us = kept
            overlay.kept_us[phone] = max(overlay.phone(phone).kept_until_us, until_us)
        if (begun := begun_call(change)) is not None:
            stored = overlay.phone(begun)
            callback_id = change.after.callback_id
            if stored.caller is not None:
                raise PhoneInUse(f"callback {stored.caller} to the same phone is in progress", [callback_id])
            if stored.kept_until_us > _begin_us(change.after):
                raise PhoneInUse("the phone is kept, since a dialer was lost", [callback_id])
            overlay.callers[begun] = callback_id


def compare_dial_outs(overlay: Overlay, changes: Sequence[Change]) -> None:
    """Refuse what was decided by fewer dial-outs to a number than there are."""
    for change in changes:
        if (dialled := dialled_phone(change)) is None:
            continue
        number, _ = dialled
        if (known := change.dial_outs) is not None and overlay.dial_outs(number, time_us(known.since)) > known.count:
            raise RevisionConflict("the number was dialled meanwhile", [change.before.callback_id])
        overlay.added[number] = overlay.added.get(number, 0) + 1


def begun_call(change: Change) -> str | None:
    """Return the phone whose call the change begins, or None."""
    phone = _called_phone(change.after)
    return None if phone == _called_phone(change.before) else phone


def _ended_call(change: Change) -> str | None:
    phone = _called_phone(change.before)
    return None if phone == _called_phone(change.after) else phone


def kept_phone(change: Change) -> tuple[str, int] | None:
    """Return the phone that the change keeps, and until when, in microseconds; or None."""
    until = change.after.phone_kept_until
    return None if until is None else (change.after.phone, time_us(until))


def dialled_phone(change: Change) -> tuple[str, int] | None:
    """Return the number of the phone that is dialled from this change on, and when, in microseconds; or None."""
    before, after = change.before, change.after
    if after.state is not State.DIALING or before.state is State.DIALING:
        return None
    return number_of_phone(after.phone), time_us(after.attempts[-1].start_time)


def _called_phone(callback: Callback) -> str | None:
    return callback.phone if callback.state in IN_PROGRESS else None


def _begin_us(callback: Callback) -> int:
    """Return when the lease began, by the clock that the keeping of phones goes by."""
    lease = callback.lease
    return time_us(callback.update_time if lease is None else lease.expire_time - lease.duration)


def compare_turn(overlay: Overlay, turn: Turn) -> None:
    if overlay.turn(turn.service_id) != turn.revision - 1:
        raise RevisionConflict(f"the turn of service {turn.service_id} was changed since it was read")
    overlay.turns[turn.service_id] = turn.revision


def compare_settings(stored: Stored, changes: Sequence[Change]) -> None:
    for service in (change.settings for change in changes if change.settings is not None):
        if stored.service(service.service_id) != service.revision:
            raise service_changed_since(service.service_id)


def call_taken(call: KeptCall) -> RevisionConflict:
    return RevisionConflict(f"the call of callback {call.callback_id} is not kept any more as it was")


# --- Services ----------------------------------------------------------------------------------------------------


def compare_service(service: Service, stored_revision: int | None) -> None:
    """Raise `DuplicateService` for a new service whose id is taken, `RevisionConflict` for one that is no successor."""
    if service.revision == 1:
        if stored_revision is not None:
            raise DuplicateService(service.service_id, "service_id")
    elif stored_revision != service.revision - 1:
        raise service_changed_since(service.service_id)


def service_changed_since(service_id: str) -> RevisionConflict:
    return RevisionConflict(f"service {service_id} was changed since it was read")
