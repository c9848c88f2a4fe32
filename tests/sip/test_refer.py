"""The other method: the agent's telephone is asked to call the target itself, and tells what comes of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ringback.v1 import callback_pb2 as cb
from tests.world.sip_peers.baresip import telephone
from tests.world.sip_peers.peer import needed
from tests.world.sip_peers.tones import heard_tone
from tests.world.sip_server import SipServer, sip_server

pytestmark = pytest.mark.sip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SipServer]:
    needed("baresip")
    async with sip_server(tmp_path_factory.mktemp("server"), "--sip-method", "refer") as server:
        yield server


async def test_the_agent_calls_the_target_itself(server: SipServer, tmp_path: Path) -> None:
    async with (
        telephone("agent", tmp_path, tone_hz=440) as agent,
        telephone("target", tmp_path, tone_hz=880) as target,
    ):
        callback_id = await server.callback(target.uri, agent.uri)
        ended = await server.until_ended(callback_id)
        # Ringback is out of the call, which goes on.
        await target.rates(sent=True, received=True)
        assert target.in_call
        await target.command("hangup")
        await target.event("CALL_CLOSED")
        await agent.event("CALL_CLOSED", 2)
        assert heard_tone(target.heard()) == 440
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    assert ended.attempts[0].sip_status == 200


async def test_the_target_is_busy(server: SipServer, tmp_path: Path) -> None:
    async with (
        telephone("agent", tmp_path, tone_hz=440) as agent,
        telephone("target", tmp_path, tone_hz=880, answers=False) as target,
    ):
        callback_id = await server.callback(target.uri, agent.uri)
        await target.event("CALL_INCOMING")
        await target.command("hangup")
        ended = await server.until_ended(callback_id)
        await agent.event("CALL_CLOSED")
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_BUSY
    assert ended.attempts[0].sip_status == 486
