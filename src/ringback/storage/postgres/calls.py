"""Kept calls: those of one transaction are written together."""

from collections.abc import Sequence
from typing import Final

from ringback.ports.calls import CallKey, KeptCall
from ringback.storage.body import time_us
from ringback.storage.call_row import CALL_COLUMNS, call_row
from ringback.storage.comparison import call_taken
from ringback.storage.operations import Changes, Forgetting, Renewal, Taking
from ringback.storage.postgres import change
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.transaction import PostgresOperation, PostgresTransaction, each

_COLUMNS: Final = ", ".join(CALL_COLUMNS)
CALLS_OF: Final = f"SELECT {_COLUMNS} FROM kept_call WHERE dialer = $1 AND owner = $2"  # noqa: S608 - SQL of ours
CALLS_LEFT: Final = f"""
    SELECT {_COLUMNS} FROM kept_call WHERE dialer = $1 AND kept_until_us <= $2 ORDER BY kept_until_us LIMIT $3
"""  # noqa: S608 - SQL of ours
CALLS_OF_CALLBACKS: Final = f"SELECT {_COLUMNS} FROM kept_call WHERE callback_id = ANY($1)"  # noqa: S608 - SQL of ours
# By key, as every server does, so that they do not deadlock.
_KEEP: Final = f"""
    INSERT INTO kept_call AS kept ({_COLUMNS}) SELECT {_COLUMNS} FROM {recordset(CALL_COLUMNS, "new")}
     ORDER BY callback_id, lease_fencing
        ON CONFLICT (callback_id, lease_fencing) DO UPDATE
           SET kept_until_us = excluded.kept_until_us, body = excluded.body WHERE kept.owner = excluded.owner
    RETURNING callback_id, lease_fencing
"""  # noqa: S608 - SQL of ours
_KEEP_AGAIN: Final = f"""
    UPDATE kept_call SET body = new.body FROM {recordset(CALL_COLUMNS, "new")}
     WHERE kept_call.callback_id = new.callback_id AND kept_call.lease_fencing = new.lease_fencing
       AND kept_call.owner = new.owner
    RETURNING kept_call.callback_id, kept_call.lease_fencing
"""  # noqa: S608 - SQL of ours
_OWN: Final = "callback_id = $1 AND lease_fencing = $2 AND owner = $3"
_FORGET: Final = f"DELETE FROM kept_call WHERE {_OWN}"  # noqa: S608 - SQL of ours
_LEAVE: Final = f"UPDATE kept_call SET kept_until_us = $4 WHERE {_OWN}"  # noqa: S608 - SQL of ours
_RENEW: Final = """
    UPDATE kept_call SET kept_until_us = $1 WHERE owner = $2 RETURNING callback_id, lease_fencing
"""
_AS_READ: Final = f"SELECT 1 FROM kept_call WHERE {_OWN} AND kept_until_us = $4 FOR UPDATE"  # noqa: S608 - SQL of ours
_TAKE: Final = f"UPDATE kept_call SET lease_fencing = $4, owner = $5, kept_until_us = $6 WHERE {_OWN}"  # noqa: S608 - SQL of ours


def _written(statement: str) -> PostgresOperation[KeptCall, None]:
    """Return the operation that stores calls by this statement, and refuses those whose keys it does not return."""

    async def run(transaction: PostgresTransaction, calls: Sequence[KeptCall]) -> list[Exception | None]:
        last = {(call.key, call.owner): call for call in calls}
        rows = await transaction.ask(statement, rows_json(CALL_COLUMNS, map(call_row, last.values())))
        stored = {CallKey(*row) for row in rows}
        return [None if call.key in stored else call_taken(call) for call in calls]

    return PostgresOperation(run)


async def _forget(transaction: PostgresTransaction, request: Forgetting) -> None:
    if request.left_at is None:
        await transaction.send(_FORGET, *request.key, request.owner)
    else:
        await transaction.send(_LEAVE, *request.key, request.owner, time_us(request.left_at))


async def _renew(transaction: PostgresTransaction, renewal: Renewal) -> list[CallKey]:
    return [CallKey(*row) for row in await transaction.ask(_RENEW, time_us(renewal.until), renewal.owner)]


async def _take(transaction: PostgresTransaction, request: Taking) -> None:
    before, after, changes = request
    own = *before.key, before.owner
    if not await transaction.ask(_AS_READ, *own, time_us(before.kept_until)):
        raise call_taken(before)
    if changes:
        [refusal] = await change.apply.run(transaction, [Changes(changes, None)])
        if refusal is not None:
            raise refusal
    await transaction.send(_TAKE, *own, after.fencing_token, after.owner, time_us(after.kept_until))


keep_call: Final = _written(_KEEP)
keep_again: Final = _written(_KEEP_AGAIN)
forget_call: Final = each(_forget)
renew_calls: Final = each(_renew)
take_call: Final = each(_take, lambda request: change.apply.locks(Changes(request.changes, None)))
