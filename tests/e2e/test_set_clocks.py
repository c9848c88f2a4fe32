"""The clock of the machine is set while the server is down, or under way: no dialer is lost, and nothing gets stuck."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.world.api import Api
from tests.world.dialer import BUSY, DIALING, Dialer
from tests.world.set_clocks import SetClock, require_faketime, serving_by

pytestmark = pytest.mark.long

DAY, NOW = timedelta(days=1), timedelta(0)
# The shortest that a dialer can get.
LEASE_S = 5
PATIENCE_S = 60


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    clock = SetClock(tmp_path / "clock", require_faketime())
    clock.set(NOW)
    return clock


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ringback.db'}"


async def dialing(api: Api, *, lease_s: float) -> dialer_pb.Lease:
    await api.add_service()
    await api.create(max_retries=0)
    lease = await Dialer(api).lease_one(wait_s=PATIENCE_S, lease_s=lease_s)
    await Dialer(api).report(lease, DIALING)
    return lease


async def is_held(api: Api, lease: dialer_pb.Lease) -> bool:
    [kept] = await Dialer(api).extend(lease.lease_token)
    return kept.HasField("expire_time")


@pytest.mark.parametrize("step", [-DAY, -400 * DAY, DAY], ids=str)
async def test_a_dialer_that_is_gone_is_noticed_in_time(clock: SetClock, database: str, step: timedelta) -> None:
    async with serving_by(clock, database) as (_, api):
        lease = await dialing(api, lease_s=LEASE_S)
    clock.set(step)
    async with serving_by(clock, database) as (_, api), asyncio.timeout(PATIENCE_S):
        ended = await api.until_ended(lease.callback.callback_id)
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_INTERRUPTED


async def test_a_dialer_that_lives_is_not_lost(clock: SetClock, database: str) -> None:
    """Over a restart with the clock a day ahead, one with the clock right again, and steps under way."""
    async with serving_by(clock, database) as (_, api):
        lease = await dialing(api, lease_s=PATIENCE_S)
    for step in (DAY, NOW):
        clock.set(step)
        async with serving_by(clock, database) as (server, api):
            await server.line("the clock jumped by .*: 1 leases were moved with it")
            assert await is_held(api, lease)
    async with serving_by(clock, database) as (server, api):
        for step in (-DAY, DAY, NOW):
            seen = len(server.log)
            clock.set(step)
            await server.line_after(seen, "the clock jumped by .*: 1 leases were moved with it")
            assert await is_held(api, lease)
        await Dialer(api).end(lease, BUSY)
        assert (await api.get(lease.callback.callback_id)).state == cb.CALLBACK_STATE_FAILED


async def test_what_is_due_is_due_by_the_clock_as_it_is(clock: SetClock, database: str) -> None:
    """A retry after a failure that was recorded by a clock a day ahead waits for no day."""
    clock.set(DAY)
    async with serving_by(clock, database) as (_, api):
        await api.add_service()
        await api.create(max_retries=1, seconds_between_retries=1)
        lease = await Dialer(api).lease_one(wait_s=PATIENCE_S)
        await Dialer(api).report(lease, DIALING)
    clock.set(NOW)
    async with serving_by(clock, database) as (_, api), asyncio.timeout(PATIENCE_S):
        await Dialer(api).end(lease, BUSY)
        again = await Dialer(api).lease_one(wait_s=PATIENCE_S)
    assert again.callback.callback_id == lease.callback.callback_id
