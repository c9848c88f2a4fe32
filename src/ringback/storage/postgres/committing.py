"""Writing a batch: one transaction for all of it, or, when something is wrong with one of them, one for each."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from ringback.domain.errors import StorageUnavailable
from ringback.storage.postgres.connection import RIVALRY, Connection, Link
from ringback.storage.postgres.listener import RING
from ringback.storage.postgres.transaction import Locks, Operation, Transaction
from ringback.storage.writer import Submission, places_by_operation

_log = logging.getLogger(__name__)

# With the patience for a new connection this makes five seconds, also for what waits behind a batch that hangs.
WRITE_LIMIT_S: Final = 4.0
# How often a request that is alone in its transaction gives way to rivals.
_ATTEMPTS: Final = 3


class Committing:
    """Writes batches over one connection."""

    def __init__(self, link: Link, channel: str, committed: Callable[[int, int], None]) -> None:
        """`committed` is told the newest number of the log and of the services; 0 for no change."""
        self._link = link
        self._channel = channel
        self._committed = committed
        self._rings = True

    async def write(self, batch: Sequence[Submission[Operation[Any, Any]]]) -> Sequence[Any]:
        """The outcome of each. When one fails unexpectedly, all are undone and tried again, each alone."""
        try:
            return await self._transact(batch)
        except StorageUnavailable as away:
            return [StorageUnavailable(str(away)) for _ in batch]
        except Exception as error:  # noqa: BLE001 - goes to whoever asked for it
            if len(batch) > 1:
                return [await self._write_alone(submission) for submission in batch]
            return [await self._write_alone(batch[0]) if isinstance(error, RIVALRY) else error]

    async def _write_alone(self, submission: Submission[Operation[Any, Any]]) -> Any:
        for attempt in range(_ATTEMPTS):
            try:
                [outcome] = await self._transact([submission])
            except RIVALRY as error:
                rival = error
                _log.info("attempt %d to write gave way to a rival: %s", attempt + 1, error)
            except Exception as error:  # noqa: BLE001 - goes to whoever asked for it
                return error
            else:
                return outcome
        if isinstance(rival, psycopg.IntegrityError):
            return rival
        return StorageUnavailable(f"others were faster {_ATTEMPTS} times: {rival}")

    async def _transact(self, batch: Sequence[Submission[Operation[Any, Any]]]) -> list[Any]:
        return await self._link.run(lambda connection: self._run(connection, batch), WRITE_LIMIT_S)

    async def _run(self, connection: Connection, batch: Sequence[Submission[Operation[Any, Any]]]) -> list[Any]:
        commit = newest = None
        try:
            async with connection.pipeline() as pipeline:
                transaction = Transaction(connection, pipeline)
                await transaction.begin(_locks(batch))
                outcomes = await _run_operations(transaction, batch)
                newest = await transaction.append()
                commit = await transaction.send("COMMIT")
                if self._rings and (newest is not None or transaction.services_version):
                    # After the commit, in a transaction of its own: no fault of a hint can harm what is written.
                    await transaction.send(RING, self._channel)
        except psycopg.Error as error:
            if commit is None or commit.statusmessage != "COMMIT":
                if commit is not None and connection.closed:
                    raise StorageUnavailable(f"the database was lost during the commit: {error}") from error
                raise
            if not connection.closed:
                _log.warning("the database does not take notifications, other servers have to poll: %s", error)
                self._rings = False
        finally:
            await _clean(connection)
        row = None if newest is None else await newest.fetchone()
        self._committed(0 if row is None else row[0], transaction.services_version)
        return outcomes


def _locks(batch: Sequence[Submission[Operation[Any, Any]]]) -> Locks:
    return Locks.together(submission.operation.locks(submission.request) for submission in batch)


async def _run_operations(transaction: Transaction, batch: Sequence[Submission[Operation[Any, Any]]]) -> list[Any]:
    outcomes: list[Any] = [None] * len(batch)
    for operation, places in places_by_operation(batch).items():
        answers = await operation.run(transaction, [batch[place].request for place in places])
        for place, answer in zip(places, answers, strict=True):
            outcomes[place] = answer
    return outcomes


async def _clean(connection: Connection) -> None:
    """Leave no transaction open, whatever happened."""
    if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
        # Not a statement of our own: the driver has to forget as well which statements it had just prepared.
        await connection.rollback()
