"""Writes of labels, which are rows of their own."""

from collections.abc import Iterable
from typing import Final

from ringback.domain.callback import Callback
from ringback.storage.label_row import LABEL_COLUMNS, label_rows
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.transaction import PostgresTransaction

_COLUMN_LIST: Final = ", ".join(LABEL_COLUMNS)
_INSERT: Final = f"""
    INSERT INTO callback_label ({_COLUMN_LIST}) SELECT {_COLUMN_LIST} FROM {recordset(LABEL_COLUMNS, "new")}
"""  # noqa: S608 - SQL of ours
_DELETE: Final = f"""
    DELETE FROM callback_label AS stored USING {recordset(LABEL_COLUMNS, "gone")}
     WHERE {" AND ".join(f"stored.{name} = gone.{name}" for name in LABEL_COLUMNS)}
"""  # noqa: S608 - SQL of ours


async def insert_labels(transaction: PostgresTransaction, callbacks: Iterable[Callback]) -> None:
    if labels := label_rows(callbacks):
        await transaction.send(_INSERT, rows_json(LABEL_COLUMNS, labels))


async def delete_labels(transaction: PostgresTransaction, callbacks: Iterable[Callback]) -> None:
    if labels := label_rows(callbacks):
        await transaction.send(_DELETE, rows_json(LABEL_COLUMNS, labels))
