"""Group commit: all requests that wait for a write become one transaction.

A task submits an operation and waits for a future. One task owns the writing connection, and writes all submitted
requests at once. So a durable write costs a fraction of a disk flush when many write, no transaction is ever open in
the task of a request, and a caller that is cancelled leaves nothing half-done. What an operation is, and how a batch
of them is written, is up to the dialect: `Op` is its type.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from ringback.domain.errors import StorageUnavailable
from ringback.storage.crowd import AT_ONCE, Crowd
from ringback.storage.operations import bytes_of
from ringback.storage.write_health import WriteHealth

_log = logging.getLogger(__name__)

Op = TypeVar("Op")

# No request is added to a transaction with so many rows: no caller shall wait long behind one.
ENOUGH_ROWS: Final = 1000
# What timers of the event loop are rounded to: a shorter one would be none.
_TIMER_S: Final = 0.001


class Submission(NamedTuple, Generic[Op]):
    """A request, and the operation that writes it; `rows` is about how many it touches.

    One that is `apart` has a transaction of its own: after all that was submitted before it, and before all others.
    """

    operation: Op
    request: object
    rows: int
    apart: bool
    result: asyncio.Future[object]


# Writes a batch durably, and returns for each a result or the exception to raise. Raises nothing itself.
WriteBatch = Callable[[Sequence[Submission[Op]]], Awaitable[Sequence[object]]]


# Gets what was written: requests and their results.
Listener = Callable[[Sequence[tuple[object, object]]], None]
# Gets of each transaction how many requests it had, how long it took, and whether it became durable.
CommitListener = Callable[[int, float, bool], None]


class Writer(Generic[Op]):
    """The queue of writes, and the task that writes them, from construction until `close`."""

    def __init__(
        self, write: WriteBatch[Op], stopped: Callable[[], None], flush_s: Callable[[], float] | None = None
    ) -> None:
        """`stopped` is called when nothing more will be written.

        `flush_s` is what the disk took for the last batch; where that is not known, it is all that the batch took.
        """
        self._write = write
        self._flush_s = flush_s or self._batch_s
        self._when_stopped = stopped
        self._waiting: deque[Submission[Op]] = deque()
        self._waiting_rows = 0
        self._crowd = Crowd()
        self._writing: list[Submission[Op]] = []
        self._work = asyncio.Event()
        self._flush_time = 0.0
        self._flush_end = 0.0
        self._listeners: list[Listener] = []
        self._commit_listeners: list[CommitListener] = []
        self._death_listeners: list[Callable[[], None]] = []
        self._closing = False
        self.health = WriteHealth()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="ringback store writer")
        self._task.add_done_callback(self._stopped)

    @property
    def healthy(self) -> bool:
        """Return whether no write was refused without one as large being taken since, and there can be another."""
        return self.health.is_good and not self._task.done()

    def busy_s(self) -> float:
        """Return for how many seconds the present write has been under way; 0 when there is none."""
        return self._loop.time() - self._flush_time if self._writing else 0.0

    async def submit(self, operation: Op, request: object, rows: int, *, apart: bool = False) -> object:
        """Write the request, and return its result when it is durable.

        Raise the operation's refusal, or `StorageUnavailable`. Cancelling the caller does not stop the write.
        """
        if self._closing or self._task.done():
            raise StorageUnavailable("the database is closed")
        result: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append(Submission(operation, request, rows, apart, result))
        self._waiting_rows += rows
        # The first one sets the time up to which the others are waited for.
        if not self._writing and (len(self._waiting) == 1 or self._wait_s() <= 0):
            self._work.set()
        return await result

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each batch that is durable from now on, also when a caller was cancelled meanwhile."""
        self._listeners.append(listener)

    def listen_commits(self, listener: CommitListener) -> None:
        """Call `listener` after each transaction from now on."""
        self._commit_listeners.append(listener)

    def report(self, written: Sequence[tuple[object, object]]) -> None:
        """Tell the listeners what is durable: requests and their results, each once."""
        # Behind the callers, which wait for their results; and a fault of the listener is not one of the writer.
        for listener in self._listeners:
            self._loop.call_soon(listener, written)

    def listen_death(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the writer has died, which is a bug."""
        self._death_listeners.append(listener)

    async def close(self) -> None:
        """Write what was submitted, then stop."""
        self._closing = True
        self._work.set()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while await self._gather():
            self._flush_time = self._loop.time()
            self._take_batch()
            outcomes = await self._write(tuple(self._writing))
            is_durable = self._judge(outcomes)  # before the callers know
            written: list[tuple[object, object]] = []
            for submission, outcome in zip(self._writing, outcomes, strict=True):
                _settle(submission, outcome)
                if not isinstance(outcome, Exception):
                    written.append((submission.request, outcome))
            self.report(written)
            self._flush_end = self._loop.time()
            self._crowd = self._crowd.flushed(self._flush_time, self._flush_s(), len(outcomes), len(self._waiting))
            for listener in self._commit_listeners:
                self._loop.call_soon(listener, len(outcomes), self._batch_s(), is_durable)
            self._writing.clear()

    def _batch_s(self) -> float:
        return self._flush_end - self._flush_time

    def _judge(self, outcomes: Sequence[object]) -> bool:
        """Return whether the batch was taken. Of refused requests, the health needs to know how large they were."""
        refused: list[Submission[Op]] = []
        fault: StorageUnavailable | None = None
        for submission, outcome in zip(self._writing, outcomes, strict=True):
            if isinstance(outcome, StorageUnavailable):
                refused.append(submission)
                fault = fault or outcome
        if fault is not None:
            self.health.refuse(fault, sum(bytes_of(each.request, each.rows) for each in refused))
        return fault is None

    async def _gather(self) -> bool:
        """Wait until it is time for the next transaction; return False when there will be none."""
        while True:
            wait_s = self._wait_s() if self._waiting else None
            if wait_s is not None and wait_s <= 0:
                return True
            if wait_s is None and self._closing:
                return False
            self._work.clear()
            late = None if wait_s is None else self._loop.call_later(max(wait_s, _TIMER_S), self._work.set)
            await self._work.wait()
            if late is not None:
                late.cancel()

    def _wait_s(self) -> float:
        """Return for how long to wait for others than those who are waiting."""
        if self._closing or self._waiting[0].apart:
            return 0.0
        flush_at = self._crowd.flush_at(len(self._waiting), self._waiting_rows)
        return 0.0 if flush_at == AT_ONCE else flush_at - self._loop.time()

    def _take_batch(self) -> None:
        rows = 0
        while self._waiting and rows < ENOUGH_ROWS:
            if self._writing and (self._waiting[0].apart or self._writing[0].apart):
                return
            submission = self._waiting.popleft()
            self._writing.append(submission)
            rows += submission.rows
            self._waiting_rows -= submission.rows

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Let no caller wait for a writer that has stopped, whatever the cause."""
        if not task.cancelled() and (error := task.exception()):
            _log.critical("the writer of the database died; nothing can be stored any more", exc_info=error)
            for listener in self._death_listeners:
                listener()
        for submission in (*self._writing, *self._waiting):
            _settle(submission, StorageUnavailable("the writer of the database has stopped"))
        self._waiting.clear()
        self._when_stopped()


def places_by_operation(batch: Sequence[Submission[Op]]) -> dict[Op, list[int]]:
    """Return the places of each operation's requests in the batch: none has its result yet, so their order is free."""
    places: dict[Op, list[int]] = {}
    for place, submission in enumerate(batch):
        places.setdefault(submission.operation, []).append(place)
    return places


def _settle(submission: Submission[Op], outcome: object) -> None:
    if submission.result.done():
        return  # the caller was cancelled
    if isinstance(outcome, Exception):
        submission.result.set_exception(outcome)
    else:
        submission.result.set_result(outcome)
