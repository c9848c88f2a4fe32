"""Dialers that poll several servers for the same callbacks: how many grants have to be repeated."""

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from psycopg import connect

from bench.processes import Meter, database_of, serving
from bench.scaling.load import Load, requests
from ringback.v1.dialer_service_pb2 import LeaseCallbacksRequest
from tests.world.postgres import Cluster

SERVERS: Final = (1, 2, 4)
SERVICES: Final = (1, 100)
MOST: Final = (1, 10)
# Of each server, which serves its polls one after the other.
_DIALERS: Final = 4
_LEASES: Final = {1: 400, 10: 2000}
_SPARE: Final = 500
_GRANTS: Final = "SELECT sum(revision) FROM service_turn"


class Contest(NamedTuple):
    """The result of so many servers granting callbacks of the same services."""

    servers: float
    services: float
    # Leases that a poll asks for.
    most: float
    leases_per_s: float
    # How many were read and written again, since another server was faster.
    repeats_per_grant: float
    postgres_us: float
    server_us: float


def contests() -> Iterator[tuple[int, int, int]]:
    for services in SERVICES:
        for most in MOST:
            for servers in SERVERS:
                yield servers, services, most


async def measure(cluster: Cluster, servers: int, services: int, most: int) -> Contest:
    wanted = _LEASES[most]
    with database_of(cluster) as url:
        async with serving(servers, url, "--dialer", "none") as processes, Load.on(processes) as load:
            service_ids = await load.add_services(services, max_concurrent_calls=10_000)
            await load.create(requests(wanted + _SPARE, service_ids))
            meter = Meter(processes, cluster)
            with connect(url, autocommit=True) as connection:
                before, grants = meter.read(), _grants(connection)
                seconds = await _lease(load, wanted, most)
                spent, grants = meter.read() - before, _grants(connection) - grants
    # A grant is a transaction and its notification, a repeat is one that was given up.
    repeats = max(spent.transactions - 2 * grants, 0)
    return Contest(
        servers,
        services,
        most,
        wanted / seconds,
        repeats / grants,
        spent.postgres_s / wanted * 1e6,
        spent.servers_s / wanted * 1e6,
    )


def _grants(connection: Any) -> int:
    return int(connection.execute(_GRANTS).fetchone()[0])


async def _lease(load: Load, wanted: int, most: int) -> float:
    """Poll until there are this many leases. Return how many seconds it took."""
    taken = 0

    async def poll(lease: Any) -> None:
        nonlocal taken
        request = LeaseCallbacksRequest(dialer_id="bench", max_leases=most)
        request.wait_duration.seconds = 5
        request.lease_duration.seconds = 600
        while taken < wanted:
            response = await lease(request)
            taken += len(response.leases)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as dialers:
        for stub in load.dialers:
            for _ in range(_DIALERS):
                dialers.create_task(poll(stub.LeaseCallbacks))
    return time.perf_counter() - begun


def median(contests: Sequence[Contest]) -> Contest:
    return Contest(*(statistics.median(column) for column in zip(*contests, strict=True)))
