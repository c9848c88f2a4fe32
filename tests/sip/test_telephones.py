"""Telephones with real media: what each of them hears, and that none is left in a call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from ringback.v1 import callback_pb2 as cb
from ringback.v1.directory_service_pb2 import FIRST_LEG_AGENT, FIRST_LEG_TARGET
from tests.world.sip_peers.baresip import Baresip, telephone
from tests.world.sip_peers.peer import needed
from tests.world.sip_peers.tones import heard_tone
from tests.world.sip_server import SipServer, sip_server

pytestmark = pytest.mark.sip

AGENT_HZ = 440
TARGET_HZ = 880


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SipServer]:
    needed("baresip")
    async with sip_server(tmp_path_factory.mktemp("server")) as server:
        yield server


class Phones(NamedTuple):
    agent: Baresip
    target: Baresip


@asynccontextmanager
async def phones(folder: Path, *, agent_answers: bool = True, target_answers: bool = True) -> AsyncIterator[Phones]:
    async with (
        telephone("agent", folder, tone_hz=AGENT_HZ, answers=agent_answers) as agent,
        telephone("target", folder, tone_hz=TARGET_HZ, answers=target_answers) as target,
    ):
        yield Phones(agent, target)


async def until_quiet(*peers: Baresip) -> None:
    """Return when each telephone has ended its call."""
    for phone in peers:
        await phone.event("CALL_CLOSED")
        assert not phone.in_call


async def test_two_telephones_hear_each_other_without_ringback(tmp_path: Path) -> None:
    """What the tests below rely on: media is sent, counted and told apart."""
    needed("baresip")
    async with phones(tmp_path, agent_answers=False) as (agent, target):
        await agent.command("dial", target.uri)
        await agent.event("CALL_ESTABLISHED")
        await agent.rates(sent=True, received=True)
        await agent.command("hangup")
        sent, received = await agent.packets(), await target.packets()
    assert sent.sent > 100
    assert received.received > 100
    assert heard_tone(agent.heard()) == TARGET_HZ
    assert heard_tone(target.heard()) == AGENT_HZ


@pytest.mark.long
@pytest.mark.parametrize("first", ["agent", "target"])
async def test_agent_and_target_hear_each_other(server: SipServer, tmp_path: Path, first: str) -> None:
    """Media goes both ways. What was heard is recorded by the one who is called second, and has not been on hold."""
    async with phones(tmp_path) as (agent, target):
        first_leg = FIRST_LEG_AGENT if first == "agent" else FIRST_LEG_TARGET
        callback_id = await server.callback(target.uri, agent.uri, first_leg=first_leg)
        await server.until_connected(callback_id)
        await agent.rates(sent=True, received=True)
        await target.rates(sent=True, received=True)
        await target.command("hangup")
        ended = await server.until_ended(callback_id)
        await until_quiet(agent, target)
        of_agent, of_target = await agent.packets(), await target.packets()
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    # Packets on their way when one side hangs up are not counted by the other.
    assert of_target.received >= 0.9 * of_agent.sent > 90
    assert of_agent.received >= 0.9 * of_target.sent > 90
    if first == "agent":
        assert heard_tone(target.heard()) == AGENT_HZ
    else:
        assert heard_tone(agent.heard()) == TARGET_HZ


async def test_hold_stops_media_and_resume_brings_it_back(server: SipServer, tmp_path: Path) -> None:
    async with phones(tmp_path) as (agent, target):
        callback_id = await server.callback(target.uri, agent.uri)
        await server.until_connected(callback_id)
        await target.rates(sent=True, received=True)
        for held in (True, False):
            seen = len(target.log)
            await agent.command("hold" if held else "resume")
            await target.rates(sent=not held, received=not held, after=seen)
        await agent.command("hangup")
        ended = await server.until_ended(callback_id)
        await until_quiet(agent, target)
    assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_target_presses_reject(server: SipServer, tmp_path: Path) -> None:
    async with phones(tmp_path, target_answers=False) as (agent, target):
        callback_id = await server.callback(target.uri, agent.uri)
        await server.until_ringing(callback_id)
        await target.command("hangup")
        ended = await server.until_ended(callback_id)
        await until_quiet(agent, target)
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_BUSY
    assert ended.attempts[0].sip_status == 486


async def test_target_lets_it_ring(server: SipServer, tmp_path: Path) -> None:
    async with phones(tmp_path, target_answers=False) as (agent, target):
        callback_id = await server.callback(target.uri, agent.uri, ring_timeout=2)
        ended = await server.until_ended(callback_id)
        await until_quiet(agent, target)
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_NO_ANSWER


async def test_agent_hangs_up_while_the_target_rings(server: SipServer, tmp_path: Path) -> None:
    async with phones(tmp_path, target_answers=False) as (agent, target):
        callback_id = await server.callback(target.uri, agent.uri, ring_timeout=60)
        await server.until_ringing(callback_id)
        await agent.command("hangup")
        ended = await server.until_ended(callback_id)
        await until_quiet(agent, target)
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_ABANDONED


async def test_people_who_answer_by_hand(server: SipServer, tmp_path: Path) -> None:
    async with phones(tmp_path, agent_answers=False, target_answers=False) as (agent, target):
        callback_id = await server.callback(target.uri, agent.uri)
        await agent.event("CALL_INCOMING")
        assert target.calls("CALL_INCOMING") == 0
        await agent.command("accept")
        await target.event("CALL_INCOMING")
        await target.command("accept")
        await server.until_connected(callback_id)
        await target.rates(sent=True, received=True)
        await agent.command("hangup")
        ended = await server.until_ended(callback_id)
        await until_quiet(agent, target)
    assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_digits_that_the_target_dials_reach_the_agent(server: SipServer, tmp_path: Path) -> None:
    """RFC 4733: they go in the media, which no server touches."""
    async with phones(tmp_path) as (agent, target):
        callback_id = await server.callback(target.uri, agent.uri)
        await server.until_connected(callback_id)
        await target.rates(sent=True, received=True)
        await target.command("sndcode", "5")
        digit = await agent.event("CALL_DTMF_START")
        await target.command("hangup")
        await server.until_ended(callback_id)
        await until_quiet(agent, target)
    assert digit["param"] == "5"


async def test_an_agent_that_does_not_answer_costs_no_attempt(server: SipServer, tmp_path: Path) -> None:
    async with phones(tmp_path, agent_answers=False) as (agent, target):
        callback_id = await server.callback(target.uri, agent.uri)
        await agent.event("CALL_INCOMING")
        await agent.command("hangup")
        back = await server.until(callback_id, lambda found: found.state == cb.CALLBACK_STATE_QUEUED)
        assert back.attempt_count == 0
        await agent.event("CALL_CLOSED")
        # The service rests for a second, and then the agent is called once more.
        await agent.event("CALL_INCOMING", 2)
        cancelled = await server.cancel(callback_id)
        await agent.event("CALL_CLOSED", 2)
        assert target.calls("CALL_INCOMING") == 0
    assert cancelled.state == cb.CALLBACK_STATE_CANCELLED
