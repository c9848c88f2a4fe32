"""Group commit: whatever is waiting to be written becomes one transaction.

A task that wants something written hands in an operation and waits for a future. One task owns the connection and
runs all that has gathered as one closure on its thread. So a durable write costs a fraction of a disk flush when
many write, no transaction is ever open between two awaits, and a caller that is cancelled leaves nothing half-done.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import aiosqlite

from ringback.domain.errors import StorageUnavailable
from ringback.storage.sqlite.connection import is_outage, on_thread, unavailable

_log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

# What is written: takes the requests that were handed in for it, in order, and answers each with a result or with
# the refusal to raise. For a refused request it must not have written anything; whatever it raises itself is
# unexpected, and undone.
Operation = Callable[[sqlite3.Connection, Sequence[T]], Sequence[R | Exception]]

# No more is begun in a transaction that has come to so many rows: nobody shall wait long behind one.
ENOUGH_ROWS: Final = 1000
# Flushes at once when alone. While several wait, flushes start this far apart: fewer, larger transactions leave
# more time to the tasks that hand in the next ones, so that latency falls as well.
SPACING_S: Final = 0.001
CROWD: Final = 32
CROWD_SPACING_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class _Submission:
    operation: Operation[Any, Any]
    request: Any
    rows: int
    answer: asyncio.Future[Any]


class Writer:
    """Owns the writing connection from the moment it is made until `close`."""

    def __init__(
        self,
        connection: aiosqlite.Connection,
        *,
        newest: Callable[[sqlite3.Connection], int],
        committed: Callable[[int], None],
        stopped: Callable[[], None],
    ) -> None:
        """`committed` is told, after each transaction, what `newest` reads then; `stopped`, that there are no more."""
        self._connection = connection
        self._newest = newest
        self._committed = committed
        self._when_stopped = stopped
        self._waiting: deque[_Submission] = deque()
        self._writing: list[_Submission] = []
        self._work = asyncio.Event()
        self._flush_time = 0.0
        self._closing = False
        self._succeeded = True
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="ringback store writer")
        self._task.add_done_callback(self._stopped)

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded, and there can be another one."""
        return self._succeeded and not self._task.done()

    async def submit(self, operation: Operation[T, R], request: T, *, rows: int = 1) -> R:
        """Write, and return when it is durable; `rows` is about how many it touches.

        Raises what the operation refuses it with, or `StorageUnavailable`. Cancelling the caller does not stop it.
        """
        if self._closing or self._task.done():
            raise StorageUnavailable("the database is closed")
        answer: asyncio.Future[R] = self._loop.create_future()
        self._waiting.append(_Submission(operation, request, rows, answer))
        self._work.set()
        return await answer

    async def close(self) -> None:
        """Write what was handed in, then stop."""
        self._closing = True
        self._work.set()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while await self._gather():
            self._take_batch()
            self._flush_time = self._loop.time()
            outcomes, newest = await on_thread(self._connection, partial(_write, tuple(self._writing), self._newest))
            self._succeeded = not any(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
            self._committed(newest)
            for submission, outcome in zip(self._writing, outcomes, strict=True):
                _settle(submission, outcome)
            self._writing.clear()

    async def _gather(self) -> bool:
        """Wait until it is time for the next transaction; False when there will be none."""
        while not self._waiting:
            if self._closing:
                return False
            self._work.clear()
            await self._work.wait()
        pause = self._flush_time + _spacing(len(self._waiting)) - self._loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        return True

    def _take_batch(self) -> None:
        rows = 0
        while self._waiting and rows < ENOUGH_ROWS:
            submission = self._waiting.popleft()
            self._writing.append(submission)
            rows += submission.rows

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Let nobody wait for a writer that is gone, however it went."""
        if not task.cancelled() and (error := task.exception()):
            _log.critical("the writer of the database died; nothing can be stored any more", exc_info=error)
        for submission in (*self._writing, *self._waiting):
            _settle(submission, StorageUnavailable("the writer of the database has stopped"))
        self._waiting.clear()
        self._when_stopped()


def _spacing(waiting: int) -> float:
    if waiting == 1:
        return 0.0
    return SPACING_S if waiting < CROWD else CROWD_SPACING_S


def _settle(submission: _Submission, outcome: Any) -> None:
    if submission.answer.done():
        return  # whoever waited for it was cancelled
    if isinstance(outcome, Exception):
        submission.answer.set_exception(outcome)
    else:
        submission.answer.set_result(outcome)


# --- On the connection's thread --------------------------------------------------------------------------------


def _write(
    batch: Sequence[_Submission], newest: Callable[[sqlite3.Connection], int], database: sqlite3.Connection
) -> tuple[list[Any], int]:
    outcomes = _commit(database, batch)
    try:
        return outcomes, newest(database)
    except sqlite3.Error:
        return outcomes, 0  # nothing new to tell


def _commit(database: sqlite3.Connection, batch: Sequence[_Submission]) -> list[Any]:
    """The outcome of each. When one fails unexpectedly, all are undone and tried again, each alone."""
    try:
        _roll_back(database)  # what could not be rolled back before
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return [unavailable(error) for _ in batch]
    try:
        outcomes = _run_operations(database, batch)
    except Exception as error:  # noqa: BLE001 - goes to whoever asked for it
        _try_to_roll_back(database)
        if len(batch) == 1:
            return [unavailable(error) if is_outage(error) else error]
        return [outcome for submission in batch for outcome in _commit(database, [submission])]
    try:
        database.execute("COMMIT")
    except sqlite3.Error as error:
        _try_to_roll_back(database)
        return [unavailable(error) for _ in batch]
    return outcomes


def _run_operations(database: sqlite3.Connection, batch: Sequence[_Submission]) -> list[Any]:
    """Each operation once, with all of its requests: nobody of the batch was answered, so their order is free."""
    places: dict[Operation[Any, Any], list[int]] = {}
    for place, submission in enumerate(batch):
        places.setdefault(submission.operation, []).append(place)
    outcomes: list[Any] = [None] * len(batch)
    for operation, its_places in places.items():
        answers = operation(database, [batch[place].request for place in its_places])
        for place, answer in zip(its_places, answers, strict=True):
            outcomes[place] = answer
    return outcomes


def _try_to_roll_back(database: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        _roll_back(database)


def _roll_back(database: sqlite3.Connection) -> None:
    # SQLite has done so itself after some errors, and a second one would be an error.
    if database.in_transaction:
        database.execute("ROLLBACK")
