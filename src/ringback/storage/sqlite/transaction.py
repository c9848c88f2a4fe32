"""The write of a batch: one function on the thread of the writing connection, and one transaction.

So no transaction is ever open between two awaits, and there is one switch to the thread and back.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any, Final, TypeVar

from ringback.domain.callback import Callback
from ringback.domain.errors import StorageUnavailable
from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.ports.values import LoggedEvent
from ringback.storage.callback_row import Row
from ringback.storage.event_row import EVENT_COLUMNS, LogEntry, logged
from ringback.storage.label_row import LABEL_COLUMNS, label_rows
from ringback.storage.outcome_row import OUTCOME_COLUMNS, Ends
from ringback.storage.sqlite.connection import WritingConnection, is_outage, plain_code, unavailable
from ringback.storage.sqlite.write_lock import WriteLock
from ringback.storage.writer import Submission, places_by_operation

T = TypeVar("T")
R = TypeVar("R")

# Rows per INSERT. Every statement releases the interpreter's lock and has to get it back from a busy event loop,
# so few large ones are much faster; SQLite may allow no more than 999 parameters in one.
ROWS_PER_INSERT: Final = 32
# SQLite's own table of AUTOINCREMENT: it has the last number also when the log is empty.
NEWEST_EVENT: Final = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'"
# It has the database for itself; see the schema.
_SERVER: Final = 0
_COUNT_UP: Final = f"""
    ON CONFLICT ({", ".join(OUTCOME_COLUMNS[:-1])}) DO UPDATE SET ended = ended + excluded.ended
"""


# No call has such a key.
_PAD: Final = """
    INSERT INTO kept_call (callback_id, lease_fencing, dialer, owner, kept_until_us, body)
    VALUES ('', 0, '', '', 0, zeroblob(?))
"""
_UNPAD: Final = "DELETE FROM kept_call WHERE callback_id = '' AND lease_fencing = 0"
# What concerns one request rather than all: it is too large for what room there is, or needs a page that is damaged.
_OF_ONE: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_CORRUPT})


class NotAsRead(Exception):  # noqa: N818 - no error, but a request to write again
    """One of many rows that were written with one statement is not what was read: which one, is not known."""


class Transaction:
    """The database that an operation writes to, and its new entries of the log."""

    def __init__(
        self, database: sqlite3.Connection, revisions: dict[str, int | None], *, one_by_one: bool = False
    ) -> None:
        """`revisions` are those of services, as far as they were needed: this process is the only one that writes.

        `one_by_one`: an operation must not raise `NotAsRead`.
        """
        self.database = database
        self.revisions = revisions
        self.one_by_one = one_by_one
        # The number of the newest entry of the log; 0 while there is no new one.
        self.newest = 0
        # The new entries whose values are in memory, so that they need not be read.
        self.events: list[LoggedEvent] = []

    def log(self, entries: Sequence[LogEntry]) -> None:
        """Log the entries, and count what ends with them."""
        if entries:
            ends = Ends()
            for entry in entries:
                ends.add(entry.before, entry.after)
            insert(self.database, "outcome_count", OUTCOME_COLUMNS, ends.take_rows(_SERVER), _COUNT_UP)
            first = self.log_rows([entry.row for entry in entries])
            self.events += logged(entries, first)

    def log_rows(self, rows: Sequence[Row]) -> int:
        """Log at least one entry, and return the number of the first; the others follow without a gap."""
        # Nothing is to be undone but the whole transaction: so SQLite copies no page before it is changed.
        self.newest = insert(self.database, "event", EVENT_COLUMNS, rows, or_else="OR FAIL")
        return self.newest - len(rows) + 1


def service_revision(database: sqlite3.Connection, revisions: dict[str, int | None], service_id: str) -> int | None:
    """Return it, or None when there is no such service; see `Transaction`."""
    if service_id not in revisions:
        row = database.execute("SELECT revision FROM service WHERE service_id = ?", (service_id,)).fetchone()
        revisions[service_id] = None if row is None else row[0]
    return revisions[service_id]


# A kind of write: takes the requests that were submitted for it, in order, and returns for each a result or the
# refusal to raise. For a refused request it must not have written anything; what it raises itself is unexpected, and
# all is rolled back.
Operation = Callable[[Transaction, Sequence[T]], Sequence[R | Exception]]


def each(operation: Callable[[Transaction, T], R]) -> Operation[T, R]:
    """Return the operation that handles its requests one after the other."""

    def run(transaction: Transaction, requests: Sequence[T]) -> list[R | Exception]:
        results: list[R | Exception] = []
        for request in requests:
            try:
                results.append(operation(transaction, request))
            except (RevisionConflict, DuplicateService) as refusal:
                results.append(refusal)
        return results

    return run


def _probe(transaction: Transaction, padding_bytes: int) -> None:
    """Write something that means nothing. A new value each time: SQLite does not write a page that stays the same.

    The padding is gone when the transaction ends, and takes all of its room until then: its pages are overwritten
    (`secure_delete`), so all of them go to the write-ahead log, and stay in the file, free for what comes next.
    """
    transaction.database.execute("UPDATE ringback SET probes = probes + 1")
    if padding_bytes:
        transaction.database.execute(_PAD, (padding_bytes,))
        transaction.database.execute(_UNPAD)


probe = each(_probe)


class BatchWriter:
    """A writer of batches over one connection."""

    def __init__(
        self,
        connection: WritingConnection,
        committed: Callable[[int, Sequence[LoggedEvent]], None],
        check_files: Callable[[], None],
    ) -> None:
        """`committed` gets, after each transaction that has logged something, the newest number and the new entries.

        `check_files` raises `StorageUnavailable` when what is written would be lost, or what was written just now is.
        """
        self._connection = connection
        self._committed = committed
        self._check_files = check_files
        self._lock = WriteLock(connection.clock)
        # See `Transaction`. Used on the thread of the connection.
        self._revisions: dict[str, int | None] = {}

    def flush_s(self) -> float:
        """Return what the disk took for the last batch."""
        return self._lock.flush_s

    async def write(self, batch: Sequence[Submission[Operation[Any, Any]]]) -> Sequence[object]:
        write = partial(_write, batch, self._lock, self._revisions)
        try:
            self._check_files()
            outcomes, transactions = await self._connection.run(write)
            self._check_files()
        except StorageUnavailable as lost:
            return [lost.again() for _ in batch]
        for transaction in transactions:
            if transaction.newest:
                self._committed(transaction.newest, transaction.events)
        return outcomes


# --- On the connection's thread --------------------------------------------------------------------------------

_Batch = Sequence[Submission[Operation[Any, Any]]]


def _write(
    batch: _Batch, lock: WriteLock, revisions: dict[str, int | None], database: sqlite3.Connection
) -> tuple[list[object], list[Transaction]]:
    """Return the outcome of each. When one fails for a reason of its own, each is written again, alone."""
    try:
        outcomes, transaction = _transact(batch, lock, revisions, database)
    except Exception as error:  # noqa: BLE001 - goes to the caller whose request it is
        if len(batch) > 1 and not _concerns_all(error):
            return _write_each(batch, lock, revisions, database)
        return [unavailable(error) if is_outage(error) else error for _ in batch], _what_is_there(database, revisions)
    return outcomes, [transaction]


def _write_each(
    batch: _Batch, lock: WriteLock, revisions: dict[str, int | None], database: sqlite3.Connection
) -> tuple[list[object], list[Transaction]]:
    outcomes: list[object] = []
    transactions: list[Transaction] = []
    for place, submission in enumerate(batch, 1):
        [outcome], written = _write([submission], lock, revisions, database)
        outcomes.append(outcome)
        transactions += written
        if isinstance(outcome, StorageUnavailable) and _concerns_all(outcome.__cause__):
            # Not one after the other: each would wait for the same lock, or the same disk.
            outcomes += [outcome.again() for _ in batch[place:]]
            break
    return outcomes, transactions


def _transact(
    batch: _Batch, lock: WriteLock, revisions: dict[str, int | None], database: sqlite3.Connection
) -> tuple[list[object], Transaction]:
    """Write the batch as one transaction. When anything is raised, nothing of it is in the database.

    That holds for COMMIT as well: until the end of the write-ahead log is moved, which cannot fail, nobody sees what
    is behind it, and the next transaction overwrites it. Only after a crash just then could it be found, so a caller
    is told what is true in any case: the request may have been stored.
    """
    try:
        _roll_back(database)  # a transaction that could not be rolled back before
        try:
            outcomes, transaction = _written(batch, lock, Transaction(database, revisions))
        except NotAsRead:
            # Rarely. It takes less time than a savepoint in each transaction, which copies each page that is changed.
            _roll_back(database)
            revisions.clear()
            outcomes, transaction = _written(batch, lock, Transaction(database, revisions, one_by_one=True))
        lock.commit(database)
    except Exception:
        _try_to_roll_back(database)
        revisions.clear()
        raise
    return outcomes, transaction


def _written(batch: _Batch, lock: WriteLock, transaction: Transaction) -> tuple[list[object], Transaction]:
    """Begin a transaction, and run the operations in it."""
    lock.begin(transaction.database)
    return _run_operations(transaction, batch), transaction


def _what_is_there(database: sqlite3.Connection, revisions: dict[str, int | None]) -> list[Transaction]:
    """Return how far the log is after a failure, without its entries: who needs them reads them."""
    with suppress(sqlite3.Error):
        transaction = Transaction(database, revisions)
        (transaction.newest,) = database.execute(NEWEST_EVENT).fetchone()
        return [transaction]
    return []


def _concerns_all(error: BaseException | None) -> bool:
    """Return whether a request would fail as well that has nothing to do with the one that failed."""
    return isinstance(error, Exception) and is_outage(error) and plain_code(error) not in _OF_ONE


def _run_operations(transaction: Transaction, batch: _Batch) -> list[object]:
    """Run each operation once, with all of its requests."""
    outcomes: list[object] = [None] * len(batch)
    for operation, places in places_by_operation(batch).items():
        results = operation(transaction, [batch[place].request for place in places])
        for place, result in zip(places, results, strict=True):
            outcomes[place] = result
    return outcomes


def _try_to_roll_back(database: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        _roll_back(database)


def _roll_back(database: sqlite3.Connection) -> None:
    # SQLite has done so itself after some errors, and a second ROLLBACK would be an error.
    if database.in_transaction:
        database.execute("ROLLBACK")


# --- Rows into tables ------------------------------------------------------------------------------------------


def insert_labels(database: sqlite3.Connection, callbacks: Sequence[Callback]) -> None:
    insert(database, "callback_label", LABEL_COLUMNS, label_rows(callbacks))


def delete_labels(database: sqlite3.Connection, callbacks: Sequence[Callback]) -> None:
    database.executemany(
        "DELETE FROM callback_label WHERE key = ? AND value = ? AND callback_id = ?", label_rows(callbacks)
    )


def insert(
    database: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    on_conflict: str = "",
    or_else: str = "",
) -> int:
    """Insert the rows, and return the number of the last one, in a table that has numbers."""
    number = 0
    for start in range(0, len(rows), ROWS_PER_INSERT):
        some = rows[start : start + ROWS_PER_INSERT]
        values: list[Any] = [value for row in some for value in row]
        number = database.execute(_insert_of(table, columns, len(some), on_conflict, or_else), values).lastrowid or 0
    return number


@cache  # a few tables, up to ROWS_PER_INSERT rows
def _insert_of(table: str, columns: tuple[str, ...], rows: int, on_conflict: str, or_else: str) -> str:
    row = f"({', '.join('?' * len(columns))})"
    values = ", ".join([row] * rows)
    return f"INSERT {or_else} INTO {table} ({', '.join(columns)}) VALUES {values} {on_conflict}"  # noqa: S608 - SQL of ours
