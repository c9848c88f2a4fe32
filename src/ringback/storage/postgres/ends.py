"""The statement that adds what has ended to what was counted before."""

from collections.abc import Iterable
from typing import Final

from ringback.storage.callback_row import Row
from ringback.storage.outcome_row import OUTCOME_COLUMNS
from ringback.storage.postgres.recordset import recordset, rows_json

_LIST: Final = ", ".join(OUTCOME_COLUMNS)
# Takes `end_rows`.
COUNT_UP: Final = f"""
    INSERT INTO outcome_count AS counted ({_LIST}) SELECT {_LIST} FROM {recordset(OUTCOME_COLUMNS, "new")}
        ON CONFLICT ({", ".join(OUTCOME_COLUMNS[:-1])}) DO UPDATE SET ended = counted.ended + excluded.ended
"""  # noqa: S608 - SQL of ours


def end_rows(rows: Iterable[Row]) -> str:
    return rows_json(OUTCOME_COLUMNS, rows)
