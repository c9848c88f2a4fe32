"""Many rows as one value, and the labels of callbacks, which are rows of their own.

The value is JSON, which PostgreSQL takes apart: with an array for each column, the driver would take ten times as
long.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from ringback.domain.callback import Callback
from ringback.storage.body import write_json
from ringback.storage.callback_row import Row

if TYPE_CHECKING:
    from ringback.storage.postgres.transaction import PostgresTransaction

_NUMBERS: Final = {"revision", "priority", "lease_fencing", "kind"}


def rows_json(columns: Sequence[str], rows: Iterable[Row]) -> str:
    return write_json([dict(zip(columns, row, strict=True)) for row in rows])


def recordset(columns: Sequence[str], alias: str = "") -> str:
    """The rows of `rows_json`, given as the first value of a statement."""
    typed = (f"{name} {'bigint' if name in _NUMBERS or name.endswith('_us') else 'text'}" for name in columns)
    return f"json_to_recordset($1::json) AS {alias} ({', '.join(typed)})"


_LABEL_COLUMNS: Final = ("key", "value", "callback_id")
_INSERT_LABELS: Final = f"""
    INSERT INTO callback_label (key, value, callback_id)
    SELECT key, value, callback_id FROM {recordset(_LABEL_COLUMNS, "new")}
"""  # noqa: S608 - SQL of ours
_DELETE_LABELS: Final = f"""
    DELETE FROM callback_label AS stored USING {recordset(_LABEL_COLUMNS, "gone")}
     WHERE stored.key = gone.key AND stored.value = gone.value AND stored.callback_id = gone.callback_id
"""  # noqa: S608 - SQL of ours


async def insert_labels(transaction: "PostgresTransaction", callbacks: Iterable[Callback]) -> None:
    if labels := _label_rows(callbacks):
        await transaction.send(_INSERT_LABELS, rows_json(_LABEL_COLUMNS, labels))


async def delete_labels(transaction: "PostgresTransaction", callbacks: Iterable[Callback]) -> None:
    if labels := _label_rows(callbacks):
        await transaction.send(_DELETE_LABELS, rows_json(_LABEL_COLUMNS, labels))


def _label_rows(callbacks: Iterable[Callback]) -> list[Row]:
    return [
        (key, value, callback.callback_id) for callback in callbacks for key, value in callback.request.labels.items()
    ]
