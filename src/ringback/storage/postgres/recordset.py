"""Many rows as one parameter of a statement.

The parameter is JSON, which PostgreSQL takes apart: with an array for each column, the driver would take ten times as
long.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from ringback.storage.body import write_json
from ringback.storage.callback_row import Row

_NUMBERS: Final = {"number", "revision", "priority", "lease_fencing", "kind", "server", "ended"}


def rows_json(columns: Sequence[str], rows: Iterable[Row]) -> str:
    return write_json([dict(zip(columns, row, strict=True)) for row in rows])


def recordset(columns: Sequence[str], alias: str = "", parameter: int = 1) -> str:
    """Return the table expression for the rows of `rows_json`, given as a parameter of a statement."""
    typed = (f"{name} {'bigint' if name in _NUMBERS or name.endswith('_us') else 'text'}" for name in columns)
    return f"json_to_recordset(${parameter}::json) AS {alias} ({', '.join(typed)})"
