"""A server that is killed at any moment of a call, whatever its peers do: the next one leaves no leg behind."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.sip_dialer import SipDialer
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.network import OnData, OnFault
from ringback.domain.service import FirstLeg
from tests.world.logged_errors import logged_errors
from tests.world.samples import SERVICE, new, offer
from tests.world.sip_hostile import GAMES, HostilePeers, Move
from tests.world.sip_peer import Air, endpoint_on
from tests.world.sip_script import ScriptedCall
from tests.world.skipping_loop import run_skipping

AGENT, TARGET = "sip:agent@192.0.2.8", "sip:target@192.0.2.9"
SETTINGS = SipSettings(listen=("192.0.2.1", 5060), max_call_duration=timedelta(minutes=5))
# As in test_hostile_calls.
LONGEST_S = 30 + 600 + 300 + 300
MOST_MESSAGES = 1000


class Process:
    """A `Network` on the air, until the process that has it is killed: then nothing goes out any more."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self.is_killed = False

    def attach(self, on_message: OnData, on_fault: OnFault) -> None:
        self._air.attach(lambda data, source: None if self.is_killed else on_message(data, source), on_fault)

    def port(self, transport: Transport) -> int | None:
        return self._air.port(transport)

    def can_reach(self, address: str) -> bool:
        return True

    def has_connection(self, destination: Destination) -> bool:
        return False

    def send(self, data: bytes, destination: Destination) -> None:
        if not self.is_killed:
            self._air.send(data, destination)

    async def stop(self) -> None:
        self.is_killed = True


async def place_and_kill(air: Air, call: ScriptedCall, first: FirstLeg, killed_after_s: float) -> bool:
    """Place a call in a process that is killed. Return whether the call had not ended by then."""
    process = Process(air)
    endpoint = endpoint_on(process)
    service = changed(SERVICE, agent_address=AGENT, first_leg=first)
    placed = asyncio.ensure_future(
        SipDialer(SETTINGS, endpoint).place(offer(new(service=service, target=TARGET)), service, call)
    )
    await asyncio.wait({placed}, timeout=killed_after_s)
    was_under_way = not placed.done()
    process.is_killed = was_under_way
    placed.cancel()
    await asyncio.wait({placed})
    if not was_under_way:
        await asyncio.sleep(60)  # what ends in the background
    await endpoint.stop()
    return was_under_way


def play(moves: list[Move], first: FirstLeg, killed_after_s: float) -> None:
    raised: list[object] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        air, call = Air(), ScriptedCall()
        peers = HostilePeers(air, moves)
        playing = asyncio.ensure_future(peers.run())
        was_under_way = await place_and_kill(air, call, first, killed_after_s)
        # What is on the network has been kept before.
        assert call.kept or not peers.requests("INVITE")
        if was_under_way and call.kept:
            endpoint = endpoint_on(air)
            dialer = SipDialer(SETTINGS, endpoint)
            await asyncio.wait_for(dialer.resume(None, None, ScriptedCall(), call.kept[-1]), LONGEST_S)
            await dialer.stop(300)
            await playing
            await asyncio.sleep(300)
            assert endpoint.is_idle
            await endpoint.stop()
        await playing
        assert len(air.log) <= MOST_MESSAGES
        assert not peers.orphans()

    with logged_errors() as errors:
        run_skipping(scenario())
    assert errors == []
    if raised:
        raise AssertionError(raised)


KILLED_AFTER_S = st.floats(min_value=0.0, max_value=60.0) | st.floats(min_value=0.0, max_value=0.5)


@given(GAMES, st.sampled_from(FirstLeg), KILLED_AFTER_S)
def test_a_killed_server_leaves_nothing_to_the_next_one_that_it_does_not_end(
    moves: list[Move], first: FirstLeg, killed_after_s: float
) -> None:
    play(moves, first, killed_after_s)


@pytest.mark.long
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(GAMES, st.sampled_from(FirstLeg), KILLED_AFTER_S)
def test_a_killed_server_often(moves: list[Move], first: FirstLeg, killed_after_s: float) -> None:
    play(moves, first, killed_after_s)
