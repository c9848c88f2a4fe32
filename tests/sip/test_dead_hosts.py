"""Hosts behind which there is no telephone: no phone has rung, and that is known as soon as it can be."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ringback.v1 import callback_pb2 as cb
from tests.sip.agents import ANSWERS
from tests.world.ports import free_ports
from tests.world.sip_peers.peer import needed
from tests.world.sip_peers.sipp import sipp
from tests.world.sip_server import SipServer, sip_server

pytestmark = pytest.mark.sip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SipServer]:
    needed("sipp")
    async with sip_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_port_that_refuses(server: SipServer, tmp_path: Path, transport: str) -> None:
    [port] = free_ports(1)
    async with sipp("agent", tmp_path, ANSWERS) as agent:
        callback_id = await server.callback(f"sip:target@127.0.0.1:{port};transport={transport}", agent.uri)
        ended = await server.until_ended(callback_id)
        fault = await agent.verdict()
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_UNREACHABLE
    assert "refused" in ended.attempts[0].detail
    assert not fault


async def test_a_host_that_is_silent(server: SipServer, tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with sipp("agent", tmp_path, ANSWERS) as agent:
            target = f"sip:target@127.0.0.1:{silent.getsockname()[1]}"
            callback_id = await server.callback(target, agent.uri, ring_timeout=2)
            ended = await server.until_ended(callback_id)
            fault = await agent.verdict()
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_UNREACHABLE
    assert not ended.attempts[0].HasField("ring_time")
    assert not fault


async def test_agents_that_are_not_there(server: SipServer) -> None:
    """The target is not called, and no attempt is used."""
    target, agent = (f"sip:nobody@127.0.0.1:{port}" for port in free_ports(2))
    callback_id = await server.callback(target, agent)
    back = await server.until(callback_id, lambda found: found.state == cb.CALLBACK_STATE_QUEUED and found.revision > 1)
    cancelled = await server.cancel(callback_id)
    assert back.attempt_count == 0
    assert cancelled.state == cb.CALLBACK_STATE_CANCELLED


async def test_a_number_without_a_proxy(server: SipServer, tmp_path: Path) -> None:
    """Nothing says where a number is to be called; the agent's telephone does not ring for that."""
    async with sipp("agent", tmp_path, ANSWERS) as agent:
        callback_id = await server.callback("tel:+41445556602", agent.uri)
        ended = await server.until_ended(callback_id)
        assert not (agent.folder / "messages").exists() or "INVITE" not in (agent.folder / "messages").read_text()
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_NETWORK_FAILURE
    assert "proxy" in ended.attempts[0].detail
