"""A leg whose peer says anything, at any time, broken or whole: it ends, and nothing of it stays."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ringback.dialers.sip.dialogs.leg_events import Failed, HungUp, Offered
from ringback.dialers.sip.messages.digest import SipCredentials
from tests.world.logged_errors import logged_errors
from tests.world.sip_hostile import GAMES, HostilePeers, Move
from tests.world.sip_peer import ANSWER, OFFER, Scene, scene
from tests.world.skipping_loop import run_skipping

# With retransmissions, to peers that never respond.
MOST_MESSAGES = 400


async def use(table: Scene) -> None:
    """Do with a leg what a bridge does: take its events, and want something of it from time to time."""
    tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(take_events(table))]
    await table.leg.invite(OFFER)
    for wish in (table.leg.reinvite(OFFER), table.leg.probe(), table.leg.refer("sip:x@192.0.2.8"), table.leg.probe()):
        await asyncio.sleep(3)
        tasks.append(asyncio.ensure_future(wish))
        table.leg.send_info("application/dtmf-relay", b"Signal=1")
    await asyncio.sleep(10)
    table.leg.hang_up()
    await asyncio.wait_for(table.leg.closed(), 300)
    async with asyncio.timeout(300):
        await asyncio.gather(*tasks)


async def take_events(table: Scene) -> None:
    number = 0
    while True:
        event = await table.leg.next_event()
        number += 1
        if isinstance(event, HungUp | Failed):
            return
        if isinstance(event, Offered):
            if number % 2:
                table.leg.answer(event, ANSWER)
            else:
                table.leg.refuse(event, 488)


def play(moves: list[Move]) -> None:
    raised: list[object] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        async with scene(credentials=SipCredentials("ringback", "secret")) as table:
            peers = HostilePeers(table.air, moves)
            playing = asyncio.ensure_future(peers.run())
            await use(table)
            await playing
            await asyncio.sleep(300)
            assert not len(table.dialogs)
            assert table.endpoint.is_idle
            assert len(table.air.log) <= MOST_MESSAGES
            assert not peers.orphans()

    with logged_errors() as errors:
        run_skipping(scenario())
    assert not errors
    assert not raised


@pytest.mark.long
@given(GAMES)
def test_a_leg_ends_whatever_its_peer_does(moves: list[Move]) -> None:
    play(moves)


@pytest.mark.long
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(GAMES)
def test_a_leg_ends_whatever_its_peer_does_often(moves: list[Move]) -> None:
    play(moves)
