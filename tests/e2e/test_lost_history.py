"""A server whose database has lost what it had acknowledged ends, says why in one line, and starts again."""

import asyncio

import pytest

from tests.hunts.database import Durable
from tests.world.api import Api
from tests.world.replicas import PATIENCE_S
from tests.world.server_process import serving

pytestmark = pytest.mark.long


async def test_a_server_ends_when_what_it_acknowledged_is_gone(cluster: Durable) -> None:
    url = cluster.new_schema()
    schema = url.rpartition("%3D")[2]
    options = ("--database", url, "--listen", "127.0.0.1:0", "--dialer", "none")
    async with asyncio.timeout(3 * PATIENCE_S):
        async with serving(*options) as server:
            port = int((await server.address()).rpartition(":")[2])
            async with Api.connect(port) as api:
                await api.add_service()
                await api.create()
            cluster.execute(f"DELETE FROM {schema}.event")
            told = await server.line("CRITICAL")
            assert told.endswith(
                "stopping: the database has lost what was acknowledged: what came after event 0 was in it, and is not"
            )
            assert await server.process.wait() == 1
            assert not any("Traceback" in line for line in server.log)
        async with serving(*options) as server:
            await server.address()
