"""A whole call, with an agent and a target that say anything: it ends, is reported once, and leaves nothing."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from ringback.dialers.sip.messages.message import Request, call_id
from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.sip_dialer import SipDialer
from ringback.domain.service import FirstLeg
from ringback.ports.dialer import HandedOver, NotDialled, OutcomeReport
from tests.world.logged_errors import logged_errors
from tests.world.samples import SERVICE, new, offer
from tests.world.sip_hostile import GAMES, HostilePeers, Move, parse_or_none
from tests.world.sip_peer import Air, endpoint_on
from tests.world.sip_script import ScriptedCall
from tests.world.skipping_loop import run_skipping

AGENT, TARGET = "sip:agent@192.0.2.8", "sip:target@192.0.2.9"
TALK = timedelta(minutes=5)
# The agent's side rings, then the target's, they talk, and what is left on the network ends.
LONGEST_S = 30 + 600 + TALK.total_seconds() + 300
MOST_MESSAGES = 800

FIRST = st.sampled_from(FirstLeg)
METHODS = st.sampled_from(["bridge", "bridge", "refer"])
CANCELLED_AFTER_S = st.none() | st.floats(min_value=0.0, max_value=60.0)


def play(moves: list[Move], first: FirstLeg, method: str, cancelled_after_s: float | None) -> None:
    raised: list[object] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: raised.append(context))
        air = Air()
        endpoint = endpoint_on(air)
        dialer = SipDialer(SipSettings(listen=("192.0.2.1", 5060), method=method, max_call_duration=TALK), endpoint)
        service = changed(SERVICE, agent_address=AGENT, first_leg=first)
        callback = offer(new(service=service, target=TARGET))
        call = ScriptedCall(callback)
        if cancelled_after_s is not None:
            loop.call_later(cancelled_after_s, call.hang_up.set)
        peers = HostilePeers(air, moves)
        playing = asyncio.ensure_future(peers.run())
        ended = await asyncio.wait_for(dialer.place(callback, service, call), LONGEST_S)
        await asyncio.wait_for(dialer.stop(300), 301)
        await playing
        await asyncio.sleep(300)
        check(air, call, ended)
        assert not peers.orphans()
        assert endpoint.is_idle
        await endpoint.stop()

    with logged_errors() as errors:
        run_skipping(scenario())
    assert not errors
    assert not raised


def check(air: Air, call: ScriptedCall, ended: OutcomeReport | NotDialled | HandedOver) -> None:
    assert len(air.log) <= MOST_MESSAGES
    assert not isinstance(ended, HandedOver)
    sent = [message for _, data in air.log if isinstance(message := parse_or_none(data), Request)]
    to_target = [message for message in sent if "target@" in (message.headers.get("To") or "")]
    rang = {call_id(message) for message in to_target if message.method == "INVITE"}
    # The target's phone rings only after it was reported, and by one call.
    assert len(rang) <= 1
    if isinstance(ended, NotDialled):
        assert not rang
    if rang:
        assert call.told[0] == "dialing"


@given(GAMES, FIRST, METHODS, CANCELLED_AFTER_S)
def test_a_call_ends_whatever_its_peers_do(
    moves: list[Move], first: FirstLeg, method: str, cancelled_after_s: float | None
) -> None:
    play(moves, first, method, cancelled_after_s)


@pytest.mark.long
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(GAMES, FIRST, METHODS, CANCELLED_AFTER_S)
def test_a_call_ends_whatever_its_peers_do_often(
    moves: list[Move], first: FirstLeg, method: str, cancelled_after_s: float | None
) -> None:
    play(moves, first, method, cancelled_after_s)
