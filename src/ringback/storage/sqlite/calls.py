"""Kept calls: each is one small statement."""

from typing import Final

from ringback.ports.calls import CallKey, KeptCall
from ringback.storage.body import time_us
from ringback.storage.call_row import CALL_COLUMNS, call_row
from ringback.storage.comparison import call_taken
from ringback.storage.operations import Changes, Forgetting, Renewal, Taking
from ringback.storage.sqlite import change
from ringback.storage.sqlite.transaction import Transaction, each

_COLUMNS: Final = ", ".join(CALL_COLUMNS)
CALLS_OF: Final = f"SELECT {_COLUMNS} FROM kept_call INDEXED BY kept_call_by_owner WHERE dialer = ? AND owner = ?"  # noqa: S608 - SQL of ours
CALLS_LEFT: Final = f"""
    SELECT {_COLUMNS} FROM kept_call INDEXED BY kept_call_by_end
     WHERE dialer = ? AND kept_until_us <= ? ORDER BY kept_until_us LIMIT ?
"""  # noqa: S608 - SQL of ours
CALLS_OF_CALLBACKS: Final = f"""
    SELECT {_COLUMNS} FROM kept_call WHERE callback_id IN (SELECT value FROM json_each(?))
"""  # noqa: S608 - SQL of ours
_KEEP: Final = f"""
    INSERT INTO kept_call ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (callback_id, lease_fencing) DO UPDATE
           SET kept_until_us = excluded.kept_until_us, body = excluded.body WHERE owner = excluded.owner
"""  # noqa: S608 - SQL of ours
_OWN: Final = "callback_id = ? AND lease_fencing = ? AND owner = ?"
_KEEP_AGAIN: Final = f"UPDATE kept_call SET body = ? WHERE {_OWN}"  # noqa: S608 - SQL of ours
_FORGET: Final = f"DELETE FROM kept_call WHERE {_OWN}"  # noqa: S608 - SQL of ours
_LEAVE: Final = f"UPDATE kept_call SET kept_until_us = ? WHERE {_OWN}"  # noqa: S608 - SQL of ours
_RENEW: Final = "UPDATE kept_call SET kept_until_us = ? WHERE owner = ?"
_KEYS_OF: Final = "SELECT callback_id, lease_fencing FROM kept_call WHERE owner = ?"
_AS_READ: Final = f"SELECT 1 FROM kept_call WHERE {_OWN} AND kept_until_us = ?"  # noqa: S608 - SQL of ours
_TAKE: Final = f"UPDATE kept_call SET lease_fencing = ?, owner = ?, kept_until_us = ? WHERE {_OWN}"  # noqa: S608 - SQL of ours


def _keep(transaction: Transaction, call: KeptCall) -> None:
    if transaction.database.execute(_KEEP, call_row(call)).rowcount == 0:
        raise call_taken(call)


def _keep_again(transaction: Transaction, call: KeptCall) -> None:
    if transaction.database.execute(_KEEP_AGAIN, (call.body.decode(), *call.key, call.owner)).rowcount == 0:
        raise call_taken(call)


def _forget(transaction: Transaction, request: Forgetting) -> None:
    if request.left_at is None:
        transaction.database.execute(_FORGET, (*request.key, request.owner))
    else:
        transaction.database.execute(_LEAVE, (time_us(request.left_at), *request.key, request.owner))


def _renew(transaction: Transaction, renewal: Renewal) -> list[CallKey]:
    transaction.database.execute(_RENEW, (time_us(renewal.until), renewal.owner))
    return [CallKey(*row) for row in transaction.database.execute(_KEYS_OF, (renewal.owner,))]


def _take(transaction: Transaction, request: Taking) -> None:
    before, after, changes = request
    own = *before.key, before.owner
    if transaction.database.execute(_AS_READ, (*own, time_us(before.kept_until))).fetchone() is None:
        raise call_taken(before)
    if changes:
        [refusal] = change.apply(transaction, [Changes(changes, None)])
        if refusal is not None:
            raise refusal
    transaction.database.execute(_TAKE, (after.fencing_token, after.owner, time_us(after.kept_until), *own))


keep_call = each(_keep)
keep_again = each(_keep_again)
forget_call = each(_forget)
renew_calls = each(_renew)
take_call = each(_take)
