"""Changes of callbacks: compared with the locked rows, all or none of each call, and written together.

Nothing here decides what may happen to a callback.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from ringback.ports.errors import RevisionConflict, TargetTaken
from ringback.ports.values import Change, ClockMark, Extension
from ringback.storage import event_row
from ringback.storage.body import duration_us, read_callback, time_us, write_json
from ringback.storage.callback_row import CALLBACK_COLUMNS, Row, row_of
from ringback.storage.comparison import begun_call, compare, dialled_phone
from ringback.storage.event_row import LogEntry
from ringback.storage.operations import Changes, KeepingBounds, ManyChanges, Shift
from ringback.storage.postgres.labels import delete_labels, insert_labels
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.transaction import Locks, PostgresOperation, PostgresTransaction, each, poll_lock

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


_KEPT_COLUMNS: Final = ("phone", "until_us")
_KEEP: Final = f"""
    INSERT INTO kept_phone AS kept (phone, until_us) SELECT phone, until_us FROM {recordset(_KEPT_COLUMNS, "new")}
        ON CONFLICT (phone) DO UPDATE SET until_us = greatest(kept.until_us, excluded.until_us)
"""  # noqa: S608 - SQL of ours


_DIALLED_COLUMNS: Final = ("phone", "at_us")
_DIALLED: Final = f"""
    INSERT INTO dialled (phone, at_us) SELECT phone, at_us FROM {recordset(_DIALLED_COLUMNS, "new")}
        ON CONFLICT DO NOTHING
"""  # noqa: S608 - SQL of ours


async def _apply(transaction: PostgresTransaction, calls: Sequence[Changes]) -> list[Exception | None]:
    results: list[Exception | None] = []
    rows: dict[str, Row] = {}
    relabelled: list[Change] = []
    turns: dict[str, Row] = {}
    kept: dict[str, int] = {}
    dialled: list[Row] = []
    for call in calls:
        try:
            overlay = compare(transaction.locked, call)
            if any(change.alone for change in call.changes):
                await _store(transaction, rows)
                await _require_alone(transaction, call.changes)
        except (RevisionConflict, TargetTaken) as refusal:
            results.append(refusal)
            continue
        transaction.locked.update(overlay)
        kept |= overlay.kept_us
        changes, turn = call
        for change in changes:
            row = rows[change.after.callback_id] = row_of(change.after)
            entry = event_row.updated(change, row[-1])
            transaction.entries.append(LogEntry(entry, change.before, change.after, change.identity))
            transaction.ends.add(change.before, change.after)
        dialled += [row for row in map(dialled_phone, changes) if row is not None]
        relabelled += [c for c in changes if c.before.request.labels != c.after.request.labels]
        if turn is not None:
            turns[turn.service_id] = (turn.service_id, write_json(turn.credits), turn.revision)
        results.append(None)
    await _store(transaction, rows)
    for change in relabelled:
        await delete_labels(transaction, [change.before])
        await insert_labels(transaction, [change.after])
    if kept:
        await transaction.send(_KEEP, rows_json(_KEPT_COLUMNS, sorted(kept.items())))
    if dialled:
        await transaction.send(_DIALLED, rows_json(_DIALLED_COLUMNS, dialled))
    if turns:
        await transaction.send(_UPDATE_TURNS, rows_json(_TURN_COLUMNS, turns.values()))
    return results


_RIVAL: Final = """
    SELECT body, lease_expire_us FROM callback
     WHERE dial_target = $1 AND end_us IS NULL AND service_id = $2 AND callback_id <> $3
     ORDER BY callback_id COLLATE "POSIX" LIMIT 1
"""


async def _require_alone(transaction: PostgresTransaction, changes: Sequence[Change]) -> None:
    """Raise `TargetTaken`. The service is locked, so no other server adds a callback to it meanwhile."""
    for after in (change.after for change in changes if change.alone):
        for rival in await transaction.ask(_RIVAL, after.dial_target, after.service_id, after.callback_id):
            raise TargetTaken(read_callback(*rival))


async def _store(transaction: PostgresTransaction, rows: dict[str, Row]) -> None:
    """Write the rows, and forget them. Those without a lease come first: they may make room for another call."""
    lease = CALLBACK_COLUMNS.index("lease_expire_us")
    for group in ([r for r in rows.values() if r[lease] is None], [r for r in rows.values() if r[lease] is not None]):
        if group:
            await transaction.send(_UPDATE, rows_json(CALLBACK_COLUMNS, group))
    rows.clear()


def _granted_poll(change: Change) -> int | None:
    lease = change.after.lease
    if lease is None or not lease.request_id or change.before.lease is not None:
        return None
    return poll_lock(lease.dialer_id, lease.request_id)


def _locks(call: Changes) -> Locks:
    changes, turn = call
    alone = {change.after.service_id for change in changes if change.alone}
    return Locks(
        services=alone,
        alone=bool(alone),
        callbacks={change.before.callback_id for change in changes},
        turns=() if turn is None else (turn.service_id,),
        settings={change.settings.service_id for change in changes if change.settings is not None},
        polls={poll for change in changes if (poll := _granted_poll(change)) is not None},
        phones={phone for change in changes if (phone := begun_call(change)) is not None},
        numbers={
            (dialled[0], time_us(change.dial_outs.since))
            for change in changes
            if change.dial_outs is not None and (dialled := dialled_phone(change)) is not None
        },
    )


apply = PostgresOperation(_apply, _locks)


async def _apply_many(
    transaction: PostgresTransaction, requests: Sequence[ManyChanges]
) -> list[list[Exception | None]]:
    results = iter(await _apply(transaction, [call for request in requests for call in request.calls]))
    return [list(islice(results, len(request.calls))) for request in requests]


apply_many = PostgresOperation(_apply_many, lambda request: Locks.together(map(_locks, request.calls)))


# --- Leases ------------------------------------------------------------------------------------------------------

_LEASE_COLUMNS: Final = ("callback_id", "lease_expire_us")
_EXTEND: Final = f"""
    UPDATE callback SET lease_expire_us = new.lease_expire_us
      FROM {recordset(_LEASE_COLUMNS, "new")} WHERE callback.callback_id = new.callback_id
"""  # noqa: S608 - SQL of ours


async def _extend(transaction: PostgresTransaction, calls: Sequence[Sequence[Extension]]) -> list[list[bool]]:
    ends: dict[str, int] = {}
    results = [[_extend_held(transaction, extension, ends) for extension in extensions] for extensions in calls]
    if ends:
        await transaction.send(_EXTEND, rows_json(_LEASE_COLUMNS, ends.items()))
    return results


def _extend_held(transaction: PostgresTransaction, extension: Extension, ends: dict[str, int]) -> bool:
    """Note the new end of a lease that is still held, and return whether it is."""
    held = transaction.locked.callback(extension.callback_id)
    # An ended lease has no fencing token in its row, and a newer one has another.
    if held is None or held.lease_fencing != extension.fencing_token:
        return False
    end_us = ends[extension.callback_id] = time_us(extension.expire_time)
    transaction.locked.callbacks[extension.callback_id] = held._replace(lease_expire_us=end_us)
    return True


extend = PostgresOperation(_extend, lambda extensions: Locks(callbacks={e.callback_id for e in extensions}))


_COUNT_JUMP: Final = """
    UPDATE ringback SET clock_jumps = clock_jumps + 1 WHERE clock_jumps = $1 RETURNING clock_jumps
"""
# Locked by id, as by every other operation.
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
    if shift.mark is not None:
        await _mark_clock(transaction, shift.mark)
    by_us = duration_us(shift.by)
    await transaction.send("UPDATE kept_phone SET until_us = until_us + $1", by_us)
    await transaction.send("UPDATE kept_call SET kept_until_us = kept_until_us + $1", by_us)
    [(count,)] = await transaction.ask(_SHIFT, by_us)
    for callback_id, held in transaction.locked.callbacks.items():
        if held is not None and held.lease_expire_us is not None:
            end_us = held.lease_expire_us + by_us
            transaction.locked.callbacks[callback_id] = held._replace(lease_expire_us=end_us)
    kept = transaction.locked.kept_us
    kept |= {phone: until_us + by_us for phone, until_us in kept.items() if until_us}
    return int(count)


shift_leases = each(_shift_leases)


async def _mark_clock(transaction: PostgresTransaction, mark: ClockMark) -> None:
    await transaction.send(
        "UPDATE ringback SET clock_boot = $1, clock_ahead_us = $2, clock_marked_jumps = $3",
        mark.boot,
        duration_us(mark.ahead),
        mark.jumps,
    )


async def _bound_keeping(transaction: PostgresTransaction, bounds: KeepingBounds) -> None:
    await transaction.send("UPDATE kept_phone SET until_us = $1 WHERE until_us > $1", time_us(bounds.phones))
    await transaction.send("UPDATE kept_call SET kept_until_us = $1 WHERE kept_until_us > $1", time_us(bounds.calls))


mark_clock = each(_mark_clock)
bound_keeping = each(_bound_keeping)
