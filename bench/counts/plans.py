"""The plan of each statement that was run: none reads a whole table that grows, none sorts."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from ringback.storage.sqlite import reads

# SQLite calls it so also when it reads all of an index.
_BAD: Final = re.compile(r"SCAN (callback|event|callback_label|kept_phone|waiting|other)\b|USE TEMP B-TREE")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'|\b\d+\b|\bNULL\b")
_HAS_PLAN: Final = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b")


def general_of(statement: str) -> str:
    """Return the statement on one line, with a mark for each value."""
    return " ".join(_LITERAL.sub("?", statement).split())


# Run when a server starts, and looks at everything that is open.
_ONCE: Final = general_of(reads.OPEN_BY_SERVICE)
# Sums up by half hour what is counted by caller, and so sorts what 15 days can have.
_SUMMED: Final = general_of(reads.OUTCOMES)


def bad_plans(database: Path, statements: Sequence[str]) -> Iterator[str]:
    """Yield the statements, without their values, whose plan must not be; each with the step that is wrong."""
    with closing(sqlite3.connect(database)) as connection:
        for general, statement in _different(_after_migrations(statements)).items():
            if general in (_ONCE, _SUMMED):
                continue
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}"):
                if _BAD.search(step):
                    yield f"{step}: {general}"


def _after_migrations(statements: Sequence[str]) -> Sequence[str]:
    """Leave out what ran before: a migration may use a table that is gone when it is done."""
    begun = 0
    for place, statement in enumerate(statements, start=1):
        if statement.strip().startswith("PRAGMA user_version ="):
            begun = place
    return statements[begun:]


def _different(statements: Sequence[str]) -> dict[str, str]:
    """Return one of each that differ in more than their values."""
    return {general_of(statement): statement for statement in statements if _HAS_PLAN.match(statement)}
