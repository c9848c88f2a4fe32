"""A request whose first destination does not respond goes to the next one, and a number rings at one place only."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ringback.dialers.sip.messages.message import Message, Request, top_via
from ringback.dialers.sip.transactions.client_transaction import ClientTransaction
from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointSettings
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed
from ringback.dialers.sip.transport.resolve import Naptr, Srv
from tests.world.sip_endpoints import Recorded
from tests.world.sip_messages import request, response
from tests.world.sip_network import ScriptedPeer, SipNetwork
from tests.world.skipping_loop import run_skipping

Answer = Callable[[ScriptedPeer, Message], None]


@dataclass
class TwoHosts:
    """A `Lookup` in which a trunk has two hosts."""

    hosts: list[str] = field(default_factory=lambda: ["10.0.0.2", "10.0.0.3"])

    async def naptr(self, name: str) -> list[Naptr]:
        return []

    async def srv(self, name: str) -> list[Srv]:
        return [Srv(place, 0, 5060, host) for place, host in enumerate(self.hosts)]

    async def addresses(self, host: str) -> list[str]:
        return [host]

    def known_addresses(self, host: str) -> list[str]:
        return []


def responds(*statuses: int) -> Answer:
    def answer(peer: ScriptedPeer, message: Message) -> None:
        if isinstance(message, Request) and message.method != "ACK":
            for status in statuses:
                peer.send(response(message, status))

    return answer


async def ends(transaction: ClientTransaction) -> str:
    try:
        status = (await transaction.response()).status
        while status < 200:
            status = (await transaction.response()).status
    except TransactionFailed as failure:
        return failure.kind
    return str(status)


@dataclass
class Tried:
    end: str
    first: list[Message]
    second: list[Message]
    took_s: float


def trying(first: Answer | None, second: Answer | None, *, cancel_at_s: float | None = None) -> Tried:
    """Send an INVITE to a trunk of two hosts, of which None does not exist."""

    async def scenario() -> Tried:
        network = SipNetwork(is_silent=first is None)
        settings = EndpointSettings(host="10.0.0.1", port=5060, transports=frozenset({Transport.UDP}))
        endpoint = Endpoint(settings, network.socket("10.0.0.1"), trace=Recorded(), lookup=TwoHosts())
        peers = [
            network.peer(host, answer or (lambda *_: None))
            for host, answer in (("10.0.0.2", first), ("10.0.0.3", second))
        ]
        for peer, answer in zip(("10.0.0.2", "10.0.0.3"), (first, second), strict=True):
            if answer is None:
                network.close(peer)
        loop = asyncio.get_running_loop()
        invite = await endpoint.send(request("INVITE", "sip:trunk.example"), branch="z9hG4bKfirst")
        if cancel_at_s is not None:
            loop.call_later(cancel_at_s, invite.cancel)
        end, took_s = await ends(invite), loop.time()
        await asyncio.sleep(100)
        assert endpoint.is_idle
        await endpoint.stop()
        return Tried(end, peers[0].received, peers[1].received, took_s)

    return run_skipping(scenario())


def methods(messages: list[Message]) -> list[str]:
    return [message.method for message in messages if isinstance(message, Request)]


def test_a_503_is_acknowledged_and_the_next_host_is_tried() -> None:
    tried = trying(responds(100, 503), responds(180, 200))
    assert tried.end == "200"
    assert methods(tried.first) == ["INVITE", "ACK"]
    assert methods(tried.second) == ["INVITE"]
    assert [top_via(tried.first[place]).branch for place in (0, 1)] == ["z9hG4bKfirst"] * 2
    assert top_via(tried.second[0]).branch != "z9hG4bKfirst"


def test_a_503_of_the_last_host_is_the_response() -> None:
    assert trying(responds(503), responds(503)).end == "503"


def test_a_host_that_is_silent_is_given_up_after_all_its_time() -> None:
    tried = trying(None, responds(200))
    assert (tried.end, round(tried.took_s)) == ("200", 32)


def test_no_host_responds() -> None:
    assert trying(None, None).end == FaultKind.TIMEOUT


@pytest.mark.parametrize("status", [486, 404, 500, 502, 504, 603])
def test_a_refusal_is_final(status: int) -> None:
    tried = trying(responds(status), responds(200))
    assert tried.end == str(status)
    assert tried.second == []


def test_what_rings_is_tried_nowhere_else() -> None:
    tried = trying(responds(180, 503), responds(200))
    assert tried.end == "503"
    assert tried.second == []


def test_what_was_cancelled_is_tried_nowhere_else() -> None:
    tried = trying(None, responds(200), cancel_at_s=1.0)
    assert tried.end == FaultKind.TIMEOUT
    assert tried.second == []


def test_what_did_not_respond_is_tried_last_and_what_only_rang_is_not() -> None:
    async def scenario() -> None:
        network = SipNetwork(is_silent=True)
        settings = EndpointSettings(host="10.0.0.1", port=5060, transports=frozenset({Transport.UDP}))
        endpoint = Endpoint(settings, network.socket("10.0.0.1"), trace=Recorded(), lookup=TwoHosts())
        second = network.peer("10.0.0.3", responds(180))
        first = await endpoint.send(request("INVITE", "sip:trunk.example"))
        assert (await first.response()).status == 180
        first.cancel()
        assert await ends(first) == FaultKind.TIMEOUT
        again = await endpoint.send(request("INVITE", "sip:trunk.example"))
        assert again.destination.address == "10.0.0.3"
        assert (await again.response()).status == 180
        assert methods(second.received)[-1] == "INVITE"
        await endpoint.stop()

    run_skipping(scenario())


def test_no_address_that_the_rules_forbid_gets_a_single_byte() -> None:
    async def scenario() -> None:
        network = SipNetwork()
        settings = EndpointSettings(host="10.0.0.1", port=5060, transports=frozenset({Transport.UDP}))
        endpoint = Endpoint(settings, network.socket("10.0.0.1"), trace=Recorded(), lookup=TwoHosts())
        allowed = network.peer("10.0.0.3", responds(200))
        invite = await endpoint.send(
            request("INVITE", "sip:trunk.example"), judge=lambda address: "" if address.endswith("3") else "forbidden"
        )
        assert await ends(invite) == "200"
        assert len(allowed.received) == 1
        for uri in ("sip:trunk.example", "sip:10.0.0.2"):
            with pytest.raises(TransactionFailed) as failure:
                await endpoint.send(request("INVITE", uri), judge=lambda address: f"{address} is private")
            assert (failure.value.kind, failure.value.text) == (FaultKind.FORBIDDEN, "10.0.0.2 is private")
        ok = await endpoint.send(request("INVITE", "sip:10.0.0.3"), judge=lambda _: "")
        answer = await ok.response()
        ok.acknowledge(answer, request("ACK", "sip:trunk.example", to_tag="theirs"))
        await asyncio.sleep(1)
        assert not any(data for host, data in network.sent if host.startswith("10.0.0.1") and b"10.0.0.2" in data)
        await endpoint.stop()

    run_skipping(scenario())


def test_the_ack_of_a_2xx_is_judged_as_its_invite_was() -> None:
    """The Contact of an answer leads where the peer likes: not to what the target's own address must not be."""

    async def scenario() -> None:
        network = SipNetwork()
        endpoint = network.endpoint("10.0.0.1")
        network.peer("10.0.0.2", responds(200))
        inner = network.peer("10.0.0.9", lambda *_: None)
        invite = await endpoint.send(
            request("INVITE", "sip:10.0.0.2"), judge=lambda address: "private" if address.endswith(".9") else ""
        )
        invite.acknowledge(await invite.response(), request("ACK", "sip:10.0.0.9", to_tag="theirs"))
        await asyncio.sleep(100)
        assert inner.received == []
        assert endpoint.is_idle
        await endpoint.stop()

    run_skipping(scenario())


def test_a_route_that_is_malformed_leads_nowhere() -> None:
    async def scenario() -> None:
        network = SipNetwork()
        endpoint = network.endpoint("10.0.0.1")
        made = request("BYE", "sip:10.0.0.2", to_tag="theirs")
        made.headers.add("Route", "<nonsense")
        with pytest.raises(TransactionFailed) as failure:
            await endpoint.send(made)
        assert failure.value.kind is FaultKind.UNRESOLVED
        await endpoint.stop()

    run_skipping(scenario())


@pytest.mark.parametrize(
    ("next_hop", "routes", "reaches"),
    [
        (None, (), "10.0.0.2"),
        (None, ("<sip:10.0.0.3;lr>", "<sip:10.0.0.2;lr>"), "10.0.0.3"),
        (None, ("<sip:10.0.0.3;lr>, <sip:10.0.0.2;lr>",), "10.0.0.3"),
        ("sip:10.0.0.3", ("<sip:10.0.0.2;lr>",), "10.0.0.3"),
    ],
)
def test_the_next_hop(next_hop: str | None, routes: tuple[str, ...], reaches: str) -> None:
    async def scenario() -> None:
        network = SipNetwork()
        endpoint = network.endpoint("10.0.0.1")
        peers = {host: network.peer(host, responds(200)) for host in ("10.0.0.2", "10.0.0.3")}
        made = request("OPTIONS", "sip:10.0.0.2")
        for route in routes:
            made.headers.add("Route", route)
        assert await ends(await endpoint.send(made, next_hop=next_hop)) == "200"
        assert {host for host, peer in peers.items() if peer.received} == {reaches}
        await endpoint.stop()

    run_skipping(scenario())
