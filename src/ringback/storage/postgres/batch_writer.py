"""The write of a batch: one transaction of the writing connection, or, after an error, one for each request."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from ringback.domain.errors import StorageFault, StorageUnavailable
from ringback.ports.values import LoggedEvent
from ringback.storage.event_row import logged, mark_of
from ringback.storage.postgres.connection import RIVALRY, Connection, Link, unavailable
from ringback.storage.postgres.continuity import Continuity
from ringback.storage.postgres.doubt import CommitInDoubt, Doubt
from ringback.storage.postgres.transaction import (
    NEWEST_EVENT,
    WRITE_NOTHING,
    Locks,
    PostgresOperation,
    PostgresTransaction,
    Rest,
)
from ringback.storage.writer import Submission, places_by_operation

_log = logging.getLogger(__name__)

# With `PATIENCE_S` for a new connection this makes five seconds, also for what waits behind a batch that hangs.
WRITE_LIMIT_S: Final = 4.0
# Attempts of a request that is alone in its transaction, when others conflict with it.
_ATTEMPTS: Final = 3

# Tells the other servers the newest numbers of the log and of the services. The parameters are the channel, and the
# number of this server.
_NOTIFY: Final = f"""
    SELECT pg_notify($1, concat({NEWEST_EVENT}, ' ', (SELECT services_version FROM ringback), ' ', $2::bigint))
"""  # noqa: S608 - SQL of ours

_Submission = Submission[PostgresOperation[Any, Any]]


class PostgresBatchWriter:
    """A writer of batches over one connection."""

    def __init__(
        self,
        link: Link,
        server: int,
        channel: str,
        continuity: Continuity,
        committed: Callable[[int, int, Sequence[LoggedEvent]], None],
        found: Callable[[Sequence[tuple[object, object]]], None],
    ) -> None:
        """`committed` gets the newest numbers of the log and of the services, 0 for no change, and the new events.

        `found` gets the requests and outcomes of a transaction that turns out to be committed after all, when its
        callers have been told that nothing is known of it.
        """
        self._link = link
        self._channel = channel
        self._continuity = continuity
        self._committed = committed
        self._found = found
        self._notifies = True
        self._server = server
        # Nothing is written before this is settled.
        self._doubt: Doubt | None = None
        self._now_s = asyncio.get_running_loop().time

    async def write(self, batch: Sequence[_Submission]) -> Sequence[Any]:
        """Return the outcome of each. When one fails unexpectedly, all are rolled back and tried again, each alone."""
        try:
            return await self._transact(batch)
        except StorageUnavailable as away:
            if len(batch) > 1 and not _concerns_all(away):
                return await self._write_each(batch)
            return [away.again() for _ in batch]
        except Exception as error:  # noqa: BLE001 - goes to the caller whose request it is
            if len(batch) > 1:
                return await self._write_each(batch)
            return [await self._write_alone(batch[0]) if isinstance(error, RIVALRY) else error]

    async def _write_each(self, batch: Sequence[_Submission]) -> Sequence[Any]:
        outcomes: list[Any] = []
        for place, submission in enumerate(batch, 1):
            outcome = await self._write_alone(submission)
            outcomes.append(outcome)
            if isinstance(outcome, StorageUnavailable) and _concerns_all(outcome):
                # Not one after the other: each would wait for the same database.
                outcomes += [outcome.again() for _ in batch[place:]]
                break
        return outcomes

    async def _write_alone(self, submission: _Submission) -> Any:
        for attempt in range(_ATTEMPTS):
            try:
                [outcome] = await self._transact([submission])
            except RIVALRY as error:
                rival = error
                _log.info("attempt %d to write gave way to a rival: %s", attempt + 1, _without_values(error))
            except Exception as error:  # noqa: BLE001 - goes to the caller whose request it is
                return error
            else:
                return outcome
        if isinstance(rival, psycopg.IntegrityError):
            return rival
        told = f"others were faster {_ATTEMPTS} times"
        return StorageUnavailable(f"{told}: {_without_values(rival)}", told=told, fault=StorageFault.RIVALRY)

    async def _transact(self, batch: Sequence[_Submission]) -> Sequence[Any]:
        """Write the batch in one transaction, and return its outcomes. Raise `StorageUnavailable`, or what failed."""
        deadline_s = self._now_s() + WRITE_LIMIT_S
        if self._doubt is not None:
            await self._settle(self._doubt, deadline_s)
        try:
            return await self._link.run(lambda connection: self._run(connection, batch), deadline_s - self._now_s())
        except CommitInDoubt as lost:
            doubt, cause = lost.doubt, lost.__cause__
        if doubt is None:
            raise _lost_in_commit(cause) from cause
        self._doubt = doubt
        try:
            await self._settle(doubt, deadline_s)
        except StorageUnavailable as away:
            doubt.callers_wait = False
            raise _lost_in_commit(away) from away
        if not doubt.committed:
            raise StorageUnavailable("the database was lost before the commit")
        return doubt.outcomes

    async def _run(self, connection: Connection, batch: Sequence[_Submission]) -> list[Any]:
        self._continuity.insist()
        commit = newest = None
        is_committing = False
        grades: list[str | None] = []

        def hear(notice: psycopg.errors.Diagnostic) -> None:
            grades.append(notice.severity_nonlocalized)  # now: it is empty afterwards

        connection.add_notice_handler(hear)
        try:
            async with connection.pipeline() as pipeline:
                transaction = PostgresTransaction(connection, pipeline, self._server)
                locks = Locks.together(s.operation.locks(s.request) for s in batch)
                works = _Works(transaction, batch)
                await transaction.begin(locks, works.send_ahead)
                outcomes = await works.run()
                newest = await transaction.append()
                is_committing = True  # from here on it may be on its way
                grades.clear()
                commit = await transaction.send("COMMIT")
                if self._notifies and (newest is not None or transaction.services_version):
                    # After the commit, in its own transaction: a hint that fails cannot harm what is written.
                    await transaction.send(_NOTIFY, self._channel, self._server)
        except psycopg.Error as error:
            if commit is None or commit.statusmessage != "COMMIT":
                if is_committing and connection.closed:
                    raise CommitInDoubt(_doubt(batch, outcomes, transaction)) from error
                raise
            if not connection.closed:
                _log.warning("the database does not take notifications, other servers have to poll: %s", error)
                self._notifies = False
        finally:
            connection.remove_notice_handler(hear)
            await _clean(connection)
        if transaction.entries and "WARNING" in grades:
            # Somebody has cancelled the wait for the standby (`pg_cancel_backend`): it is committed without it.
            raise CommitInDoubt(_doubt(batch, outcomes, transaction))
        if commit.statusmessage != "COMMIT":
            raise StorageUnavailable("the database rolled back what it was to commit")
        number = 0
        if newest is not None:
            [(number,)] = await newest.fetchall()
            self._continuity.saw(number, *mark_of(transaction.entries[-1].row))
        self._continuity.saw_services(transaction.services_version)
        events = logged(transaction.entries, number - len(transaction.entries) + 1)
        self._committed(number, transaction.services_version, events)
        return outcomes

    async def _settle(self, doubt: Doubt, deadline_s: float) -> None:
        """Find out what has become of a transaction. Raise `StorageUnavailable` when that cannot be done now."""
        try:
            number = await self._link.run(lambda connection: self._look(connection, doubt), deadline_s - self._now_s())
        except psycopg.Error as error:
            raise unavailable(error) from error
        self._doubt = None
        doubt.committed = number is not None
        if number is not None:
            self._continuity.saw(number, *mark_of(doubt.entry))
            self._committed(number, 0, ())
            if not doubt.callers_wait:
                self._found(doubt.pairs())

    async def _look(self, connection: Connection, doubt: Doubt) -> int | None:
        """Return the number of the last entry of the transaction; None when it will never be committed."""
        try:
            async with connection.pipeline() as pipeline:
                transaction = PostgresTransaction(connection, pipeline, self._server)
                await transaction.begin(Locks())
                number = await doubt.look(transaction)
                # What a crash has left without its standby becomes visible all the same. This waits for the standby.
                await transaction.send(WRITE_NOTHING)
                await transaction.send("COMMIT")
        finally:
            await _clean(connection)
        return number


def _doubt(batch: Sequence[_Submission], outcomes: Sequence[Any], transaction: PostgresTransaction) -> Doubt | None:
    if not transaction.entries:
        return None
    return Doubt([submission.request for submission in batch], outcomes, transaction.entries[-1].row)


def _lost_in_commit(error: BaseException | None) -> StorageUnavailable:
    told = "the database was lost during the commit"
    return StorageUnavailable(f"{told}: {error}", told=told)


def _concerns_all(refusal: StorageUnavailable) -> bool:
    """Return whether a request would be refused as well that has nothing to do with the one that was."""
    return refusal.fault is StorageFault.OUTAGE and not isinstance(refusal.__cause__, psycopg.errors.DiskFull)


def _without_values(error: psycopg.Error) -> str:
    """Return what happened, without the detail, which has the values of the row."""
    return error.diag.message_primary or type(error).__name__


class _Works:
    """The operations of a batch, each once, with all of its requests."""

    def __init__(self, transaction: PostgresTransaction, batch: Sequence[_Submission]) -> None:
        self._transaction = transaction
        self._batch = batch
        self._places = places_by_operation(batch)
        self._rest: dict[PostgresOperation[Any, Any], Rest[Any]] = {}

    async def send_ahead(self) -> None:
        for operation, places in self._places.items():
            if operation.ahead is not None:
                rest = await operation.ahead(self._transaction, self._requests(places))
                if rest is not None:
                    self._rest[operation] = rest

    async def run(self) -> list[Any]:
        outcomes: list[Any] = [None] * len(self._batch)
        for operation, places in self._places.items():
            rest = self._rest.get(operation) or partial(operation.run, self._transaction, self._requests(places))
            for place, result in zip(places, await rest(), strict=True):
                outcomes[place] = result
        return outcomes

    def _requests(self, places: Sequence[int]) -> list[Any]:
        return [self._batch[place].request for place in places]


async def _clean(connection: Connection) -> None:
    """Leave no transaction open, whatever happened."""
    if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
        # Not by a statement: the driver has to forget as well which statements it had just prepared.
        await connection.rollback()
