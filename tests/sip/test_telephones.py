"""The telephones do what later tests rely on: one calls another, without Ringback between them."""

from pathlib import Path

import pytest

from tests.world.sip_peers.baresip import telephone
from tests.world.sip_peers.peer import needed
from tests.world.sip_peers.tones import heard_tone

pytestmark = pytest.mark.sip


async def test_two_telephones_hear_each_other(tmp_path: Path) -> None:
    needed("baresip")
    async with (
        telephone("anna", tmp_path, tone_hz=440, answers=False) as anna,
        telephone("bert", tmp_path, tone_hz=880) as bert,
    ):
        await anna.command("dial", bert.uri)
        await anna.event("CALL_ESTABLISHED")
        await anna.rates(sent=True, received=True)
        await anna.command("hangup")
        sent, received = await anna.packets(), await bert.packets()
    assert sent.sent > 100
    assert received.received > 100
    assert heard_tone(anna.heard()) == 880
    assert heard_tone(bert.heard()) == 440
