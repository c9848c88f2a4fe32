"""Deletion of what is kept about a phone. Rows are gone at once; their space is PostgreSQL's to clear (VACUUM)."""

from collections.abc import Sequence
from typing import Final

from ringback.domain.target import number_of_phone
from ringback.storage import event_row
from ringback.storage.comparison import changed_since
from ringback.storage.event_row import LogEntry
from ringback.storage.operations import Erasing
from ringback.storage.postgres.labels import delete_labels
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.transaction import Locks, PostgresOperation, PostgresTransaction, each

_REDACTED_COLUMNS: Final = ("number", "body", "previous")
_ENTRIES: Final = """
    SELECT number, body, lease_expire_us, previous FROM event WHERE number = ANY($1) ORDER BY number FOR UPDATE
"""
_REDACT: Final = f"""
    UPDATE event SET body = new.body, previous = new.previous, lease_expire_us = NULL
      FROM {recordset(_REDACTED_COLUMNS, "new")} WHERE event.number = new.number
"""  # noqa: S608 - SQL of ours
_FORGET: Final = ("DELETE FROM kept_phone WHERE phone = $1",)


async def _redact(transaction: PostgresTransaction, numbers: Sequence[int]) -> None:
    entries = await transaction.ask(_ENTRIES, list(numbers))
    rows = [(number, *event_row.redacted(*row)) for number, *row in entries]
    await transaction.send(_REDACT, rows_json(_REDACTED_COLUMNS, rows))


async def _erase(transaction: PostgresTransaction, request: Erasing) -> int:
    stored = [callback for callback in request.callbacks if transaction.locked.callback(callback.callback_id)]
    for callback in stored:
        held = transaction.locked.callback(callback.callback_id)
        if held is not None and held.revision != callback.revision:
            raise changed_since([callback.callback_id])
    await delete_labels(transaction, stored)
    ids = [callback.callback_id for callback in stored]
    await transaction.send("DELETE FROM callback WHERE callback_id = ANY($1)", ids)
    transaction.locked.callbacks |= dict.fromkeys(ids)
    found = [callback.callback_id for callback in request.callbacks]
    await transaction.send("DELETE FROM kept_call WHERE callback_id = ANY($1)", found)
    transaction.entries += [
        LogEntry(event_row.erased_row(callback, request.now, request.identity)) for callback in request.callbacks
    ]
    return len(stored)


async def _forget_phone(transaction: PostgresTransaction, phone: str) -> None:
    for statement in _FORGET:
        await transaction.send(statement, phone)
    await transaction.send("DELETE FROM dialled WHERE phone = $1", number_of_phone(phone))


redact: Final[PostgresOperation[Sequence[int], None]] = each(_redact)
erase: Final[PostgresOperation[Erasing, int]] = each(
    _erase, lambda request: Locks(callbacks={callback.callback_id for callback in request.callbacks})
)
forget_phone: Final[PostgresOperation[str, None]] = each(_forget_phone)
