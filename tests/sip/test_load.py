"""Many calls at a time."""

from pathlib import Path
from typing import Final

import click
import pytest

from ringback.v1 import callback_pb2 as cb
from tests.sip import agents, targets
from tests.world.sip_peers.peer import needed
from tests.world.sip_peers.sipp import sipp
from tests.world.sip_server import cpu_s, sip_server

pytestmark = pytest.mark.sip

_CALLS: Final = 300
_AT_ONCE: Final = 60


async def test_three_hundred_calls_sixty_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each ends as a call alone does, for its callback, and for both of its peers."""
    needed("sipp")
    async with (
        sip_server(tmp_path / "server") as server,
        sipp("agent", tmp_path, agents.ANSWERS, calls=_CALLS) as agent,
        sipp("target", tmp_path, targets.HANGS_UP, calls=_CALLS) as target,
    ):
        service_id = await server.api.add_service(agent_address=agent.uri, max_concurrent_calls=_AT_ONCE)
        before_s = cpu_s(server.process.process.pid)
        for number in range(_CALLS):
            await server.api.create(target.uri.replace("target", f"target-{number}"), service_id=service_id)
        faults = [fault for peer in (target, agent) if (fault := await peer.verdict())]
        ids = [callback.callback_id for callback in await server.api.list_all()]
        ended = [await server.until_ended(callback_id) for callback_id in ids]
        spent_s = cpu_s(server.process.process.pid) - before_s
    with capsys.disabled():
        click.echo(f"\n{_CALLS} calls, {_AT_ONCE} at a time: {1000 * spent_s / _CALLS:.1f} ms of CPU for each")
    assert not faults, "\n".join(faults)
    assert [callback.state for callback in ended] == [cb.CALLBACK_STATE_COMPLETED] * _CALLS
    assert {attempt.outcome for callback in ended for attempt in callback.attempts} == {cb.CALL_OUTCOME_ANSWERED}
