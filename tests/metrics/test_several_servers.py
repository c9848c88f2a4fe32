"""Several servers on one PostgreSQL: what is of the database is the same on all, and what is of a server adds up."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from ringback.config import Listen
from ringback.metrics.exposition import Format
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.world.postgres import Cluster
from tests.world.replicas import PATIENCE_S, Replica, replica
from tests.world.scraped import Scraped

pytestmark = pytest.mark.long


async def scrape(server: Replica) -> Scraped:
    assert server.app.edges.http is not None
    server.app.edges.http.metrics.scrape._kept.clear()
    return Scraped((await server.app.edges.http.metrics.scrape.read(Format.TEXT)).decode())


async def scrape_with(server: Replica, name: str, value: float, **labels: str) -> Scraped:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            scraped = await scrape(server)
            if scraped.value(name, **labels) == value:
                return scraped


async def test_two_servers(cluster: Cluster) -> None:
    url = cluster.new_schema()
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(replica(url, http=Listen("127.0.0.1", 0))) for _ in range(2)]
        service_id = other.api.service_id = await one.api.add_service()
        await one.api.create()
        await other.api.create()
        await other.api.create()
        waiting = {"service_id": service_id, "priority": "NORMAL"}
        for server in (one, other):
            scraped = await scrape_with(server, "ringback_callbacks_waiting", 3, **waiting)
            assert scraped.value("ringback_service_unattended", service_id=service_id) == 1
            assert scraped.value("ringback_build_info", database="postgresql", **_version(scraped)) == 1
        await scrape_with(one, "ringback_callbacks_created_total", 1, service_id=service_id)
        await scrape_with(other, "ringback_callbacks_created_total", 2, service_id=service_id)

        await one.api.dialers.LeaseCallbacks(dialer_pb.LeaseCallbacksRequest(dialer_id="mine", max_leases=1))
        # The other one hears of the dialer through the database.
        scraped = await scrape_with(other, "ringback_service_dialer_present", 1, service_id=service_id)
        assert scraped.value("ringback_service_unattended", service_id=service_id) == 0
        await scrape_with(other, "ringback_callbacks_in_progress", 1, **waiting)
        leased = [
            (await scrape(each)).value("ringback_due_to_lease_seconds_count", service_id=service_id)
            for each in (one, other)
        ]
        assert leased == [1, None]

        scraped = await scrape_with(one, "ringback_database_writable", 1)
        leaders = [(await scrape(each)).value("ringback_leader") for each in (one, other)]
        assert sorted(map(bool, leaders)) == [False, True]


def _version(scraped: Scraped) -> dict[str, str]:
    [labels] = scraped.all_of("ringback_build_info")
    return {name: value for name, value in labels if name != "database"}


async def test_a_scrape_does_without_a_database_that_is_away_or_hangs() -> None:
    cluster = Cluster.start()
    try:
        async with replica(cluster.new_schema(), http=Listen("127.0.0.1", 0)) as server:
            service_id = await server.api.add_service()
            await server.api.create()
            waiting = {"service_id": service_id, "priority": "NORMAL"}
            await scrape_with(server, "ringback_callbacks_waiting", 1, **waiting)
            await scrape_with(server, "ringback_service_dialer_present", 0, service_id=service_id)
            for away, back in ((cluster.suspend, cluster.resume), (cluster.down, cluster.up)):
                await asyncio.to_thread(away)
                scraped = await scrape_with(server, "ringback_database_writable", 0)
                assert scraped.value("ringback_callbacks_waiting", **waiting) == 1
                assert scraped.value("ringback_service_dialer_present", service_id=service_id) is None
                await asyncio.to_thread(back)
                await scrape_with(server, "ringback_database_writable", 1)
                await scrape_with(server, "ringback_service_dialer_present", 0, service_id=service_id)
    finally:
        cluster.destroy()
