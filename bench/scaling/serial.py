"""How long the end of the log is locked: the part of a write that servers can only do one after the other.

Timed by PostgreSQL itself, from the moment at which a transaction has the lock to the one at which it is committed.
Between the two there is no waiting for the client: it has sent everything by then.
"""

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from bench.backlog import REQUEST, add_services, service_id
from bench.processes import database_of
from ringback.domain.callback import Callback
from ringback.domain.faults import Faults
from ringback.domain.ids import CallbackIds
from ringback.domain.planning import plan
from ringback.domain.request import CheckedRequest, check
from ringback.storage.operations import Creation
from ringback.storage.postgres import PostgresStore, create, transaction
from ringback.storage.postgres.connection import Connection, connect
from ringback.storage.postgres.dsn import Address
from ringback.storage.postgres.transaction import Locks, PostgresTransaction
from tests.world.postgres import Cluster

BATCHES: Final = (1, 10, 100)
_SAMPLES: Final = 200
_TIME: Final = "SELECT clock_timestamp()"


class Held(NamedTuple):
    """For how many seconds the log was locked, for a batch of so many events.

    The lower quartile: what is slower than that was kept from its core by others.
    """

    batch: int
    seconds: float


async def measure(cluster: Cluster) -> Sequence[Held]:
    with database_of(cluster) as url:
        store = await PostgresStore.open(url)
        try:
            await add_services(store, 1)
            [service] = (await store.services()).services
        finally:
            await store.close()
        connection = await connect(Address.parse(url))
        ids = CallbackIds()
        samples: dict[int, list[float]] = {batch: [] for batch in BATCHES}
        try:
            for _ in range(_SAMPLES):
                for batch, measured in samples.items():
                    now = datetime.now(UTC)
                    new = [
                        plan(_request(now), service=service, callback_id=ids.next(now), now=now) for _ in range(batch)
                    ]
                    measured.append(await _held_s(connection, new))
        finally:
            await connection.close()
    return [Held(batch, statistics.quantiles(measured, n=4)[0]) for batch, measured in samples.items()]


def _request(now: datetime) -> CheckedRequest:
    name = uuid4()
    request = replace(REQUEST, target=f"sip:answer@{name}.example", external_task_id=f"task-{name}", expire_time=None)
    checked = check(request, now, Faults())
    assert checked is not None
    return checked


async def _held_s(connection: Connection, new: Sequence[Callback]) -> float:
    """Write as `PostgresBatchWriter` does, with a look at the clock in between."""
    async with connection.pipeline() as pipeline:
        writing = PostgresTransaction(connection, pipeline, server=0)
        await writing.begin(Locks(services=(service_id(0),)))
        await create.create.run(writing, [Creation(new, (), ())])
        await writing.send(transaction._LOCK_LOG)  # noqa: SLF001 - what is measured
        locked = await writing.send(_TIME)
        await writing.append()
        await writing.send("COMMIT")
        done = await writing.send(_TIME)
    [(begun,)], [(ended,)] = await locked.fetchall(), await done.fetchall()
    return float((ended - begun).total_seconds())
