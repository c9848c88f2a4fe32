"""A second family of telephones, with a SIP stack of its own: Twinkle on either side of a call."""

from pathlib import Path

import pytest

from ringback.v1 import callback_pb2 as cb
from tests.world.sip_peers.baresip import telephone
from tests.world.sip_peers.peer import needed
from tests.world.sip_peers.twinkle import twinkle
from tests.world.sip_server import sip_server

pytestmark = pytest.mark.sip


@pytest.mark.parametrize("side", ["agent", "target"])
async def test_a_call_with_twinkle(tmp_path: Path, side: str) -> None:
    """It hears baresip, which is the other side; it has no microphone, so it sends next to nothing."""
    needed("baresip", "twinkle-console")
    async with (
        telephone("anna", tmp_path) as phone,
        twinkle("carl", tmp_path) as other,
        sip_server(tmp_path / "server") as server,
    ):
        agent, target = (other, phone) if side == "agent" else (phone, other)
        callback_id = await server.callback(target.uri, agent.uri)
        await server.until_connected(callback_id)
        await other.line("established")
        await phone.rates(sent=True, received=False)
        await phone.command("hangup")
        ended = await server.until_ended(callback_id)
        await other.line("ended")
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    assert ended.attempts[0].sip_status == 200


async def test_twinkle_hangs_up(tmp_path: Path) -> None:
    needed("baresip", "twinkle-console")
    async with (
        telephone("anna", tmp_path) as phone,
        twinkle("carl", tmp_path) as other,
        sip_server(tmp_path / "server") as server,
    ):
        callback_id = await server.callback(other.uri, phone.uri)
        await server.until_connected(callback_id)
        await other.write("bye")
        ended = await server.until_ended(callback_id)
        await phone.event("CALL_CLOSED")
    assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_twinkle_rejects(tmp_path: Path) -> None:
    needed("baresip", "twinkle-console")
    async with (
        telephone("anna", tmp_path) as phone,
        twinkle("carl", tmp_path, answers=False) as other,
        sip_server(tmp_path / "server") as server,
    ):
        callback_id = await server.callback(other.uri, phone.uri)
        await server.until_ringing(callback_id)
        await other.write("reject")
        ended = await server.until_ended(callback_id)
        await phone.event("CALL_CLOSED")
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_BUSY
    assert ended.attempts[0].sip_status == 486
