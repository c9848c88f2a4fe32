"""Through Kamailio, as through an SBC: digests, Record-Route, TCP, TLS, numbers, registration, and loss."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ringback.v1 import callback_pb2 as cb
from tests.world.certificates import Authority
from tests.world.sip_peers.baresip import Baresip, telephone
from tests.world.sip_peers.kamailio import PASSWORD, USERNAME, Kamailio, kamailio
from tests.world.sip_peers.peer import needed
from tests.world.sip_server import SipServer, sip_server

pytestmark = pytest.mark.sip

AGENT_NUMBER = "+41445556601"
TARGET_NUMBER = "+41445556602"


class Site(NamedTuple):
    """A server, the proxy that carries its calls, and two telephones behind that."""

    server: SipServer
    proxy: Kamailio
    agent: Baresip
    target: Baresip

    async def call(self, **service: Any) -> cb.Callback:
        """Have the target's number called; hang up as soon as both hear each other; return what became of it."""
        callback_id = await self.server.callback(f"tel:{TARGET_NUMBER}", f"tel:{AGENT_NUMBER}", **service)
        await self.server.until_connected(callback_id)
        await self.agent.rates(sent=True, received=True)
        await self.target.rates(sent=True, received=True)
        await self.target.command("hangup")
        ended = await self.server.until_ended(callback_id)
        await self.until_quiet()
        return ended

    async def until_quiet(self) -> None:
        for phone in (self.agent, self.target):
            await phone.event("CALL_CLOSED")
            assert not phone.in_call

    def requests(self, method: str) -> int:
        """Return how many requests of a method the proxy has carried."""
        return sum(f"<script>: {method} " in line for line in self.proxy.log)


@asynccontextmanager
async def site(
    folder: Path,
    *options: str,
    transport: str = "udp",
    host: str = "127.0.0.1",
    answers: bool = True,
    password: str = PASSWORD,
    **manners: Any,
) -> AsyncIterator[Site]:
    needed("kamailio", "baresip")
    async with (
        telephone("agent", folder, tone_hz=440) as agent,
        telephone("target", folder, tone_hz=880, answers=answers) as target,
        kamailio(folder, numbers={AGENT_NUMBER: agent.uri, TARGET_NUMBER: target.uri}, **manners) as proxy,
        sip_server(
            folder / "server",
            *("--sip-proxy", proxy.uri(transport, host), "--sip-transport", transport, "--sip-username", USERNAME),
            *options,
            RINGBACK_SIP_PASSWORD=password,
        ) as server,
    ):
        yield Site(server, proxy, agent, target)


@pytest.mark.parametrize("challenges", ["", "first", "every"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_numbers_are_called_through_the_proxy(tmp_path: Path, transport: str, challenges: str) -> None:
    """All messages of both calls go through it (Record-Route), and its digest is answered wherever it is demanded."""
    async with site(tmp_path, transport=transport, challenges=challenges) as at:
        ended = await at.call()
        carried = {method: at.requests(method) for method in ("INVITE", "ACK", "BYE")}
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    assert ended.attempts[0].sip_status == 200
    # Of each leg: its INVITE, the agent's re-INVITE, an ACK of each, and the BYE of one side to the other.
    assert carried["INVITE"] >= 3
    assert carried["ACK"] >= 3
    assert carried["BYE"] == 2


async def test_a_nonce_that_runs_out_within_the_call(tmp_path: Path) -> None:
    async with site(tmp_path, challenges="every", nonce_s=1) as at:
        callback_id = await at.server.callback(f"tel:{TARGET_NUMBER}", f"tel:{AGENT_NUMBER}")
        await at.server.until_connected(callback_id)
        await at.target.rates(sent=True, received=True)
        # Longer than the nonce lives: the BYE to the target needs a new one.
        await at.target.line("[0:00:03]")
        await at.agent.command("hangup")
        ended = await at.server.until_ended(callback_id)
        await at.until_quiet()
    assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_nobody_answers_behind_the_proxy(tmp_path: Path) -> None:
    async with site(tmp_path, answers=False, challenges="first") as at:
        callback_id = await at.server.callback(f"tel:{TARGET_NUMBER}", f"tel:{AGENT_NUMBER}", ring_timeout=2)
        ended = await at.server.until_ended(callback_id)
        await at.until_quiet()
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_NO_ANSWER


async def test_a_number_behind_a_dead_gateway(tmp_path: Path) -> None:
    """The proxy says 100 and nothing more, until it gives up: the phone has not rung."""
    async with site(tmp_path, challenges="first") as at:
        await at.target.stop()
        callback_id = await at.server.callback(f"tel:{TARGET_NUMBER}", f"tel:{AGENT_NUMBER}", ring_timeout=3)
        ended = await at.server.until_ended(callback_id)
        await at.agent.event("CALL_CLOSED")
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_UNREACHABLE


async def test_a_wrong_password_is_no_fault_of_the_number(tmp_path: Path) -> None:
    async with site(tmp_path, password="another", challenges="first") as at:
        callback_id = await at.server.callback(f"tel:{TARGET_NUMBER}", f"tel:{AGENT_NUMBER}")
        back = await at.server.until(callback_id, lambda found: found.state == cb.CALLBACK_STATE_QUEUED)
    assert back.attempt_count == 0


def trusting(authority: Authority, folder: Path) -> tuple[str, str]:
    """Return the options of a server that trusts what the authority issues."""
    path = folder / "authority.pem"
    path.write_bytes(authority.pem)
    return ("--sip-tls-ca", str(path))


async def test_tls(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue("localhost").write(tmp_path)
    async with site(
        tmp_path,
        *trusting(authority, tmp_path),
        transport="tls",
        host="localhost",
        challenges="first",
        certificate=certificate,
        key=key,
    ) as at:
        ended = await at.call()
        over_tls = [line for line in at.proxy.log if "INVITE" in line and "over tls" in line]
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    assert over_tls


@pytest.mark.parametrize(
    ("name", "is_trusted"), [("localhost", False), ("sbc.example", True)], ids=["unknown authority", "other name"]
)
async def test_tls_with_a_certificate_that_proves_nothing(tmp_path: Path, name: str, *, is_trusted: bool) -> None:
    """Nothing is sent, and no attempt is used up: the phone has not rung."""
    authority = Authority()
    certificate, key = authority.issue(name).write(tmp_path)
    async with site(
        tmp_path,
        *trusting(authority if is_trusted else Authority("other"), tmp_path),
        transport="tls",
        host="localhost",
        certificate=certificate,
        key=key,
    ) as at:
        callback_id = await at.server.callback(f"tel:{TARGET_NUMBER}", f"tel:{AGENT_NUMBER}")
        back = await at.server.until(callback_id, lambda found: found.state == cb.CALLBACK_STATE_QUEUED)
        carried = at.requests("INVITE")
    assert back.attempt_count == 0
    assert carried == 0


@pytest.mark.parametrize("number", range(3))
async def test_a_fifth_of_all_messages_is_lost(tmp_path: Path, number: int) -> None:
    async with site(tmp_path, loss=20) as at:
        ended = await at.call(ring_timeout=40)
    assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_a_trunk_that_wants_a_registration(tmp_path: Path) -> None:
    needed("kamailio")
    async with kamailio(tmp_path, challenges="first") as proxy:
        async with sip_server(
            tmp_path / "server",
            *("--sip-proxy", proxy.uri(), "--sip-register", proxy.uri(), "--sip-username", USERNAME),
            RINGBACK_SIP_PASSWORD=PASSWORD,
        ) as server:
            await proxy.line("REGISTER ringback expires 3600")
            await server.process.stop()
        await proxy.line("REGISTER ringback expires 0")
