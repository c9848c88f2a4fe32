"""Changing callbacks: compared with what is locked, all or none of each call, and written together.

Nothing here decides what may happen to a callback.
"""

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from ringback.domain.callback import IN_PROGRESS, Callback
from ringback.domain.queue import Turn
from ringback.ports.errors import RevisionConflict
from ringback.ports.values import Change, Extension
from ringback.storage import event_row
from ringback.storage.body import duration_us, time_us, write_json
from ringback.storage.callback_row import CALLBACK_COLUMNS, Row, lease_expire_us, row_of
from ringback.storage.postgres.labels import delete_labels, insert_labels, recordset, rows_json
from ringback.storage.postgres.transaction import Held, Locks, PostgresOperation, PostgresTransaction, each, poll_lock


class Changes(NamedTuple):
    """All or none of them."""

    changes: Sequence[Change]
    turn: Turn | None


_CHANGED: Final = CALLBACK_COLUMNS[1:]
_UPDATE: Final = f"""
    UPDATE callback SET {", ".join(f"{name} = new.{name}" for name in _CHANGED)}
      FROM {recordset(CALLBACK_COLUMNS, "new")} WHERE callback.callback_id = new.callback_id
"""  # noqa: S608 - SQL of ours
_TURN_COLUMNS: Final = ("service_id", "credits", "revision")
_UPDATE_TURNS: Final = f"""
    UPDATE service_turn SET credits = new.credits, revision = new.revision
      FROM {recordset(_TURN_COLUMNS, "new")} WHERE service_turn.service_id = new.service_id
"""  # noqa: S608 - SQL of ours


async def _apply(transaction: PostgresTransaction, calls: Sequence[Changes]) -> list[Exception | None]:
    answers: list[Exception | None] = []
    rows: dict[str, Row] = {}
    relabelled: list[Change] = []
    turns: dict[str, Row] = {}
    for changes, turn in calls:
        try:
            _hold(transaction, changes, turn)
        except RevisionConflict as conflict:
            answers.append(conflict)
            continue
        for before, after in ((change.before, change.after) for change in changes):
            row = rows[after.callback_id] = row_of(after)
            transaction.entries.append(event_row.updated(before, after, row[-1]))
        relabelled += [c for c in changes if c.before.request.labels != c.after.request.labels]
        if turn is not None:
            turns[turn.service_id] = (turn.service_id, write_json(turn.credits), turn.revision)
        answers.append(None)
    await _store(transaction, rows)
    for change in relabelled:
        await delete_labels(transaction, [change.before])
        await insert_labels(transaction, [change.after])
    if turns:
        await transaction.send(_UPDATE_TURNS, rows_json(_TURN_COLUMNS, turns.values()))
    return answers


async def _store(transaction: PostgresTransaction, rows: Mapping[str, Row]) -> None:
    """Those without a lease first: they may make room for a call to the same target."""
    lease = CALLBACK_COLUMNS.index("lease_expire_us")
    for group in ([r for r in rows.values() if r[lease] is None], [r for r in rows.values() if r[lease] is not None]):
        if group:
            await transaction.send(_UPDATE, rows_json(CALLBACK_COLUMNS, group))


# --- Comparing ---------------------------------------------------------------------------------------------------


def _hold(transaction: PostgresTransaction, changes: Sequence[Change], turn: Turn | None) -> None:
    """Take the changes as made, or refuse them all."""
    callbacks: ChainMap[str, Held] = ChainMap({}, transaction.callbacks)
    in_call: ChainMap[str, str | None] = ChainMap({}, transaction.in_call)
    _compare_revisions(callbacks, changes)
    _compare_targets(in_call, changes)
    if turn is not None:
        if transaction.turns.get(turn.service_id) != turn.revision - 1:
            raise RevisionConflict(f"somebody else granted a callback of service {turn.service_id}")
        transaction.turns[turn.service_id] = turn.revision
    transaction.callbacks |= callbacks.maps[0]
    transaction.in_call |= in_call.maps[0]


def _compare_revisions(callbacks: MutableMapping[str, Held], changes: Sequence[Change]) -> None:
    changed: list[str] = []
    for change in changes:
        callback_id = change.before.callback_id
        # The fencing token follows from the revision: it grows with a change.
        if callback_id not in callbacks or callbacks[callback_id][:2] != _held(change.before)[:2]:
            changed.append(callback_id)
        callbacks[callback_id] = _held(change.after)
    if changed:
        raise RevisionConflict(f"{len(changed)} callbacks were changed since they were read: {changed[0]}, …", changed)


def _held(callback: Callback) -> Held:
    fencing_token = None if callback.lease is None else callback.lease.fencing_token
    return Held(callback.revision, lease_expire_us(callback), fencing_token)


def _compare_targets(in_call: MutableMapping[str, str | None], changes: Sequence[Change]) -> None:
    """Never two calls to one target at once. The unique index says so too; here the refusal comes in time."""
    for change in changes:
        if (ended := _ended(change)) is not None:
            in_call[ended] = None
        if (begun := _begun(change)) is not None:
            holder = in_call.get(begun)
            if holder is not None:
                raise RevisionConflict(
                    f"callback {holder} to the same target is in progress", [change.after.callback_id]
                )
            in_call[begun] = change.after.callback_id


def _ended(change: Change) -> str | None:
    target = _called_target(change.before)
    return None if target == _called_target(change.after) else target


def _begun(change: Change) -> str | None:
    target = _called_target(change.after)
    return None if target == _called_target(change.before) else target


def _called_target(callback: Callback) -> str | None:
    return callback.dial_target if callback.state in IN_PROGRESS else None


def _poll_answered(change: Change) -> int | None:
    lease = change.after.lease
    if lease is None or not lease.request_id or change.before.lease is not None:
        return None
    return poll_lock(lease.dialer_id, lease.request_id)


def _locks(call: Changes) -> Locks:
    changes, turn = call
    return Locks(
        callbacks={change.before.callback_id for change in changes},
        turns=() if turn is None else (turn.service_id,),
        polls={poll for change in changes if (poll := _poll_answered(change)) is not None},
        targets={target for change in changes if (target := _begun(change)) is not None},
    )


apply = PostgresOperation(_apply, _locks)


# --- Leases ------------------------------------------------------------------------------------------------------

_LEASE_COLUMNS: Final = ("callback_id", "lease_expire_us")
_EXTEND: Final = f"""
    UPDATE callback SET lease_expire_us = new.lease_expire_us
      FROM {recordset(_LEASE_COLUMNS, "new")} WHERE callback.callback_id = new.callback_id
"""  # noqa: S608 - SQL of ours


async def _extend(transaction: PostgresTransaction, calls: Sequence[Sequence[Extension]]) -> list[list[bool]]:
    ends: dict[str, int] = {}
    answers: list[list[bool]] = []
    for extensions in calls:
        kept = [_holds(transaction, extension) for extension in extensions]
        for extension in (e for e, is_kept in zip(extensions, kept, strict=True) if is_kept):
            end_us = ends[extension.callback_id] = time_us(extension.expire_time)
            held = transaction.callbacks[extension.callback_id]
            transaction.callbacks[extension.callback_id] = held._replace(lease_expire_us=end_us)
        answers.append(kept)
    if ends:
        await transaction.send(_EXTEND, rows_json(_LEASE_COLUMNS, ends.items()))
    return answers


def _holds(transaction: PostgresTransaction, extension: Extension) -> bool:
    # A lease that is over has no fencing token in its row, and a newer one has another.
    held = transaction.callbacks.get(extension.callback_id)
    return held is not None and held.lease_fencing == extension.fencing_token


extend = PostgresOperation(_extend, lambda extensions: Locks(callbacks={e.callback_id for e in extensions}))


class Shift(NamedTuple):
    by: timedelta
    jumps: int


_COUNT_JUMP: Final = """
    UPDATE ringback SET clock_jumps = clock_jumps + 1 WHERE clock_jumps = $1 RETURNING clock_jumps
"""
# Locked by id, as everybody else does.
_SHIFT: Final = """
    WITH leased AS (
        SELECT callback_id FROM callback WHERE lease_dialer IS NOT NULL ORDER BY callback_id FOR UPDATE
    ), shifted AS (
        UPDATE callback SET lease_expire_us = lease_expire_us + $1 FROM leased
         WHERE callback.callback_id = leased.callback_id RETURNING callback.callback_id
    )
    SELECT count(*) FROM shifted
"""


async def _shift_leases(transaction: PostgresTransaction, shift: Shift) -> int | None:
    if not await transaction.ask(_COUNT_JUMP, shift.jumps):
        return None
    [(count,)] = await transaction.ask(_SHIFT, duration_us(shift.by))
    for callback_id, held in transaction.callbacks.items():
        if held.lease_expire_us is not None:
            end_us = held.lease_expire_us + duration_us(shift.by)
            transaction.callbacks[callback_id] = held._replace(lease_expire_us=end_us)
    return int(count)


shift_leases = each(_shift_leases)
