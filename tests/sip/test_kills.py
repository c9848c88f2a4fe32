"""The server is killed in each phase of a call. The next one ends or tends what it finds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from ringback.v1 import callback_pb2 as cb
from tests.world.ports import free_ports
from tests.world.sip_peers.baresip import Baresip, telephone
from tests.world.sip_peers.peer import needed
from tests.world.sip_server import SipServer, sip_server

pytestmark = pytest.mark.sip
# Sooner than a telephone gives up by itself.
_SOON_S = 15


class Phones(NamedTuple):
    """Two telephones that are answered by hand, and what every server of a test has in common."""

    folder: Path
    sip_port: int
    agent: Baresip
    target: Baresip

    @asynccontextmanager
    async def server(self) -> AsyncIterator[SipServer]:
        """Run a server. Killed in one block, it is started again in the next."""
        options = ("--sip-drain-timeout", "1s")
        async with sip_server(self.folder / "server", *options, sip_port=self.sip_port) as server:
            yield server

    async def until_quiet(self) -> None:
        for phone in (self.agent, self.target):
            await phone.event("CALL_CLOSED", phone.calls("CALL_INCOMING"))
            assert not phone.in_call


@asynccontextmanager
async def phones(folder: Path) -> AsyncIterator[Phones]:
    needed("baresip")
    [sip_port] = free_ports(1)
    async with (
        telephone("agent", folder, tone_hz=440, answers=False) as agent,
        telephone("target", folder, tone_hz=880, answers=False) as target,
    ):
        yield Phones(folder, sip_port, agent, target)


async def test_killed_while_the_agent_rings(tmp_path: Path) -> None:
    """The agent's telephone stops ringing, and rings again for the same callback; no attempt was used."""
    async with phones(tmp_path) as at:
        async with at.server() as first:
            callback_id = await first.callback(at.target.uri, at.agent.uri, ring_timeout=5)
            await at.agent.event("CALL_INCOMING")
            await first.process.kill()
        async with at.server() as second:
            await at.agent.event("CALL_CLOSED")
            await at.agent.event("CALL_INCOMING", 2)
            await at.agent.command("accept")
            await at.target.event("CALL_INCOMING")
            await at.target.command("accept")
            await second.until_connected(callback_id)
            await at.target.command("hangup")
            ended = await second.until_ended(callback_id)
            await at.until_quiet()
        assert at.target.calls("CALL_INCOMING") == 1
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    assert ended.attempt_count == 1


@pytest.mark.parametrize("who", ["agent", "target"])
async def test_killed_while_a_telephone_rings_and_started_at_another_port(tmp_path: Path, who: str) -> None:
    """It stops ringing all the same: it is cancelled as by the process that has called it."""
    async with phones(tmp_path) as at:
        async with at.server() as first:
            callback_id = await first.callback(at.target.uri, at.agent.uri, ring_timeout=30)
            await at.agent.event("CALL_INCOMING")
            if who == "target":
                await at.agent.command("accept")
                await at.target.event("CALL_INCOMING")
                await first.until_ringing(callback_id)
            await first.process.kill()
        [elsewhere] = free_ports(1)
        async with at._replace(sip_port=elsewhere).server():
            async with asyncio.timeout(_SOON_S):
                await (at.agent if who == "agent" else at.target).event("CALL_CLOSED")


async def test_killed_while_the_target_rings(tmp_path: Path) -> None:
    """Both telephones stop; the attempt was used, and the target rings again no sooner than its first call is over."""
    async with phones(tmp_path) as at:
        async with at.server() as first:
            callback_id = await first.callback(at.target.uri, at.agent.uri, ring_timeout=5, default_max_retries=1)
            await at.agent.event("CALL_INCOMING")
            await at.agent.command("accept")
            await at.target.event("CALL_INCOMING")
            await first.until_ringing(callback_id)
            await first.process.kill()
        async with at.server() as second:
            await at.target.event("CALL_CLOSED")
            await at.agent.event("CALL_CLOSED")
            assert at.target.calls("CALL_INCOMING") == 1
            await at.agent.event("CALL_INCOMING", 2)
            await at.agent.command("accept")
            await at.target.event("CALL_INCOMING", 2)
            await at.target.command("accept")
            await second.until_connected(callback_id)
            await at.agent.command("hangup")
            ended = await second.until_ended(callback_id)
            await at.until_quiet()
    assert [attempt.outcome for attempt in ended.attempts] == [cb.CALL_OUTCOME_INTERRUPTED, cb.CALL_OUTCOME_ANSWERED]


@pytest.mark.parametrize("who", ["agent", "target"])
async def test_killed_in_a_conversation(tmp_path: Path, who: str) -> None:
    """The two go on talking, and the next server ends the call of one when the other hangs up."""
    async with phones(tmp_path) as at:
        async with at.server() as first:
            callback_id = await first.callback(at.target.uri, at.agent.uri)
            await at.agent.event("CALL_INCOMING")
            await at.agent.command("accept")
            await at.target.event("CALL_INCOMING")
            await at.target.command("accept")
            await first.until_connected(callback_id)
            await at.agent.rates(sent=True, received=True)
            await first.process.kill()
        async with at.server() as second:
            still = await second.api.get(callback_id)
            assert still.state == cb.CALLBACK_STATE_CONNECTED
            await at.target.rates(sent=True, received=True, after=len(at.target.log))
            await (at.agent if who == "agent" else at.target).command("hangup")
            ended = await second.until_ended(callback_id)
            await at.until_quiet()
            assert at.target.calls("CALL_INCOMING") == 1
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    assert [attempt.outcome for attempt in ended.attempts] == [cb.CALL_OUTCOME_ANSWERED]


async def test_one_hung_up_while_no_server_was_there(tmp_path: Path) -> None:
    """Its BYE found nobody. The next server finds the dead leg, and ends the other one."""
    async with phones(tmp_path) as at:
        async with at.server() as first:
            callback_id = await first.callback(at.target.uri, at.agent.uri)
            await at.agent.event("CALL_INCOMING")
            await at.agent.command("accept")
            await at.target.event("CALL_INCOMING")
            await at.target.command("accept")
            await first.until_connected(callback_id)
            await at.agent.rates(sent=True, received=True)
            await first.process.kill()
        await at.agent.command("hangup")
        await at.agent.event("CALL_CLOSED")
        async with at.server() as second:
            ended = await second.until_ended(callback_id)
            await at.until_quiet()
    assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_one_vanished_while_no_server_was_there(tmp_path: Path) -> None:
    """It will never say anything again. The next server probes at once, and ends the other one's call."""
    async with phones(tmp_path) as at:
        async with at.server() as first:
            callback_id = await first.callback(at.target.uri, at.agent.uri)
            await at.agent.event("CALL_INCOMING")
            await at.agent.command("accept")
            await at.target.event("CALL_INCOMING")
            await at.target.command("accept")
            await first.until_connected(callback_id)
            # Until then no agent has spoken with the target, which is another end.
            await at.agent.rates(sent=True, received=True)
            await first.process.kill()
        await at.agent.stop()
        async with at.server() as second:
            ended = await second.until_ended(callback_id)
            await at.target.event("CALL_CLOSED")
    assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_a_server_that_drains_hands_the_conversation_over(tmp_path: Path) -> None:
    async with phones(tmp_path) as at:
        async with at.server() as first:
            callback_id = await first.callback(at.target.uri, at.agent.uri)
            await at.agent.event("CALL_INCOMING")
            await at.agent.command("accept")
            await at.target.event("CALL_INCOMING")
            await at.target.command("accept")
            await first.until_connected(callback_id)
            assert await first.process.stop() == 0
        async with at.server() as second:
            assert at.agent.in_call
            assert at.target.in_call
            await at.target.command("hangup")
            ended = await second.until_ended(callback_id)
            await at.until_quiet()
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
