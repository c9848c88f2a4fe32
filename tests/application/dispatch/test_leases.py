"""Late reports of dialers."""

import pytest

from ringback.application.access import ANYBODY
from ringback.domain.callback import Callback, Lease, State
from ringback.domain.errors import LeaseExpired
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, World


async def test_a_late_report_counts_until_the_server_has_closed_the_lease(world: World) -> None:
    await world.create(await world.service(), max_retries=0)
    token = _held(await world.lease(seconds(30))).token
    world.clock.pass_time(seconds(40))
    await world.leases.dialing(ANYBODY, token)
    assert (await world.run_until(seconds(29))) == MONDAY_9 + seconds(70)  # the report was a sign of life
    world.clock.pass_time(seconds(40))
    connected = await world.leases.connected(ANYBODY, token)
    assert connected.state is State.CONNECTED
    await world.run_until(seconds(30))
    with pytest.raises(LeaseExpired):
        await world.leases.ended(ANYBODY, token, OutcomeReport(outcome=Outcome.ANSWERED))
    assert await world.state(connected) is State.COMPLETED


def _held(callback: Callback) -> Lease:
    assert callback.lease is not None
    return callback.lease
