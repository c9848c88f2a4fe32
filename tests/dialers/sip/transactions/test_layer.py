"""Which transaction a message belongs to, with peers that send what the script says."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ringback.dialers.sip.messages.message import Headers, Message, Request, Response, top_via
from ringback.dialers.sip.transactions.client_transaction import ClientTransaction
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transactions.layer import MAX_OUTSIDE_DIALOGS
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed
from tests.world.sip_messages import request, response, with_via
from tests.world.sip_network import ScriptedPeer, SipNetwork
from tests.world.skipping_loop import run_skipping

OURS = Destination(Transport.UDP, "10.0.0.1", 5060)
PEER = "sip:10.0.0.2:5060"
VIA = "UDP 10.0.0.2:5060"
Scenario = Callable[[Endpoint, ScriptedPeer], Awaitable[None]]


def play(scenario: Scenario, on_message: Callable[[ScriptedPeer, Message], None] = lambda *_: None) -> None:
    """Run a scenario with an endpoint and a peer; then all timers have passed, and nothing is left in memory."""

    async def whole() -> None:
        network = SipNetwork()
        endpoint, peer = network.endpoint("10.0.0.1"), network.peer("10.0.0.2", on_message)
        await scenario(endpoint, peer)
        await asyncio.sleep(300)
        assert endpoint.is_idle
        await endpoint.stop()

    run_skipping(whole())


def seen(peer: ScriptedPeer) -> list[str]:
    return [message.method if isinstance(message, Request) else str(message.status) for message in peer.received]


def serving(endpoint: Endpoint, *statuses: int) -> list[ServerTransaction]:
    """Let an endpoint respond with these to each request; return the list of its transactions."""
    servers: list[ServerTransaction] = []

    def serve(server: ServerTransaction) -> None:
        servers.append(server)
        for status in statuses:
            server.respond(response(server.request, status, tag="ours"))

    endpoint.on_request = serve
    return servers


async def call(endpoint: Endpoint) -> ClientTransaction:
    return await endpoint.send(request("INVITE", PEER))


def test_each_fork_has_its_own_ack_and_only_its_copies_have_it_again() -> None:
    def forks(peer: ScriptedPeer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            for tag in ("a", "b"):
                peer.send(response(message, 200, tag=tag))

    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        invite = await call(endpoint)
        for _ in range(2):
            ok = await invite.response()
            tag = (ok.headers.get("To") or "").rpartition("=")[2]
            invite.acknowledge(ok, request("ACK", f"{PEER};fork={tag}", to_tag=tag))
        await asyncio.sleep(1)
        peer.send(response(invite.request, 200, tag="b"))
        await asyncio.sleep(1)
        acks = [message for message in peer.received if isinstance(message, Request) and message.method == "ACK"]
        assert [ack.uri[-1] for ack in acks] == ["a", "b", "b"]
        assert top_via(acks[1]).branch == top_via(acks[2]).branch
        assert len({top_via(message).branch for message in (invite.request, acks[0], acks[1])}) == 3

    play(scenario, forks)


def test_a_2xx_that_comes_again_before_it_is_acknowledged_waits_for_its_ack() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        invite = await call(endpoint)
        for _ in range(3):
            peer.send(response(invite.request, 200), OURS)
            await asyncio.sleep(0.4)
        assert "ACK" not in seen(peer)
        invite.acknowledge(await invite.response(), request("ACK", PEER, to_tag="theirs"))
        await asyncio.sleep(0.1)
        assert seen(peer)[-1] == "ACK"

    play(scenario)


def test_no_response_after_the_last_one_is_awaited_for_ever() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        invite = await call(endpoint)
        peer.send(response(invite.request, 200), OURS)
        await invite.response()
        with pytest.raises(TransactionFailed):
            await invite.response()
        with pytest.raises(TransactionFailed):
            await invite.response()

    play(scenario)


def test_a_cancel_has_a_response_of_its_own_and_one_of_the_invite() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 180)
        invite = with_via(request("INVITE", "sip:us@10.0.0.1"), via=VIA)
        peer.send(invite, OURS)
        await asyncio.sleep(0.1)
        cancel = with_via(request("CANCEL", "sip:us@10.0.0.1"), via=VIA)
        for _ in range(2):
            peer.send(cancel)
            await asyncio.sleep(0.1)
        assert seen(peer) == ["180", "200", "487", "200"]
        assert servers[0].cancelled.is_set()
        servers[0].respond(response(invite, 200))
        peer.send(with_via(request("ACK", "sip:us@10.0.0.1"), via=VIA))
        await asyncio.sleep(50)
        assert seen(peer) == ["180", "200", "487", "200"]
        assert await servers[0].acknowledged() is None

    play(scenario)


@pytest.mark.parametrize(("branch", "via"), [("z9hG4bKother", VIA), ("z9hG4bKa", "UDP 10.0.0.3:5060;rport")])
def test_a_cancel_of_another_transaction_cancels_nothing(branch: str, via: str) -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 180)
        peer.send(with_via(request("INVITE", "sip:us@10.0.0.1"), via=VIA), OURS)
        peer.send(with_via(request("CANCEL", "sip:us@10.0.0.1"), via=via, branch=branch), OURS)
        await asyncio.sleep(0.1)
        assert seen(peer) == ["180", "481"]
        assert not servers[0].cancelled.is_set()

    play(scenario)


def test_a_cancel_after_the_answer_changes_nothing() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 200)
        peer.send(with_via(request("INVITE", "sip:us@10.0.0.1"), via=VIA), OURS)
        await asyncio.sleep(0.1)
        peer.send(with_via(request("CANCEL", "sip:us@10.0.0.1"), via=VIA))
        await asyncio.sleep(0.1)
        assert seen(peer) == ["200", "200"]
        assert not servers[0].cancelled.is_set()

    play(scenario)


def test_the_ack_of_an_answer_is_found_by_its_dialog() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 200)
        peer.send(with_via(request("INVITE", "sip:us@10.0.0.1"), via=VIA), OURS)
        others = [
            request("ACK", "sip:us@10.0.0.1", to_tag="ours", cseq=2),
            request("ACK", "sip:us@10.0.0.1", to_tag="ours", call_id="another"),
        ]
        for number, ack in enumerate([*others, request("ACK", "sip:us@10.0.0.1", to_tag="ours")]):
            await asyncio.sleep(0.1)
            assert not asyncio.ensure_future(servers[0].acknowledged()).done()
            ack.body = b"answer"
            peer.send(with_via(ack, via=VIA, branch=f"z9hG4bKack{number}"))
        ack_of_it = await servers[0].acknowledged()
        assert ack_of_it is not None
        assert ack_of_it.body == b"answer"
        assert asyncio.get_running_loop().time() < 0.5

    play(scenario)


def test_a_request_that_comes_by_two_ways_is_served_once() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 180)
        for branch in ("z9hG4bKa", "z9hG4bKb", "z9hG4bKa", "z9hG4bKb"):
            peer.send(with_via(request("INVITE", "sip:us@10.0.0.1"), via=VIA, branch=branch), OURS)
        await asyncio.sleep(0.1)
        assert seen(peer) == ["180", "482", "180", "482"]
        assert len(servers) == 1
        servers[0].respond(response(servers[0].request, 200))
        peer.send(with_via(request("ACK", "sip:us@10.0.0.1", to_tag="theirs"), via=VIA, branch="z9hG4bKc"))
        assert await servers[0].acknowledged() is not None

    play(scenario)


def test_requests_of_rfc_2543_have_no_cookie_and_are_told_apart_all_the_same() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 486)
        for number in (1, 1, 2):
            peer.send(with_via(request("INVITE", "sip:us@10.0.0.1", cseq=number), via=VIA, branch="1"), OURS)
        await asyncio.sleep(0.1)
        assert seen(peer) == ["486", "486", "486"]
        assert len(servers) == 2
        for number in (1, 2):
            ack = request("ACK", "sip:us@10.0.0.1", cseq=number, to_tag="ours")
            peer.send(with_via(ack, via=VIA, branch="1"))
        await asyncio.sleep(50)
        assert len(peer.received) == 3

    play(scenario)


@pytest.mark.parametrize(
    ("via", "reaches", "added"),
    [
        ("UDP 10.0.0.2:5060", 5060, {}),
        ("UDP 10.0.0.2", 5060, {}),
        ("UDP 10.0.0.2:5099", 5099, {}),
        ("UDP 10.0.0.2:5099;rport", 5060, {"received": "10.0.0.2", "rport": "5060"}),
        ("UDP pbx.example:5099;rport", 5060, {"received": "10.0.0.2", "rport": "5060"}),
        ("UDP 10.9.9.9:5099", 5099, {"received": "10.0.0.2"}),
    ],
)
def test_a_response_goes_where_the_request_came_from(via: str, reaches: int, added: dict[str, str]) -> None:
    """Never to the address in the Via alone: anybody can write one."""

    async def whole() -> None:
        network = SipNetwork()
        endpoint, sender = network.endpoint("10.0.0.1"), network.peer("10.0.0.2", lambda *_: None)
        other = network.peer("10.0.0.2", lambda *_: None, port=5099)
        victim = network.peer("10.9.9.9", lambda *_: None, port=5099)
        serving(endpoint, 200)
        options = with_via(request("OPTIONS", "sip:us@10.0.0.1"), via=via)
        options.headers.add("Via", "SIP/2.0/UDP first.example;branch=z9hG4bKfirst")
        sender.send(options, OURS)
        await asyncio.sleep(1)
        got = {5060: sender, 5099: other}[reaches].received
        assert len(got) == 1
        assert victim.received == []
        noted = top_via(got[0]).params
        assert {name: value for name, value in noted.items() if name in ("received", "rport")} == added
        assert got[0].headers.values("Via")[1:] == ["SIP/2.0/UDP first.example;branch=z9hG4bKfirst"]

    run_skipping(whole())


def test_stray_messages_have_no_effect_and_no_response() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        serving(endpoint, 200)
        invite = with_via(request("INVITE", PEER), via="UDP 10.0.0.1:5060")
        for message in (
            response(invite, 200),
            response(invite, 486),
            with_via(request("ACK", "sip:us@10.0.0.1", to_tag="x"), via=VIA),
        ):
            peer.send(message, OURS)
        await asyncio.sleep(40)
        assert peer.received == []

    play(scenario)


def test_a_response_of_another_method_is_none_of_this_branch() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        invite = await call(endpoint)
        wrong = response(invite.request, 200)
        wrong.headers.set("CSeq", "1 CANCEL")
        peer.send(wrong, OURS)
        await asyncio.sleep(0.1)
        peer.send(response(invite.request, 486), OURS)
        assert (await invite.response()).status == 486

    play(scenario)


def test_a_flood_outside_of_dialogs_leaves_those_inside_alone() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 200)
        for number in range(2 * MAX_OUTSIDE_DIALOGS):
            peer.send(with_via(request("OPTIONS", "sip:us@10.0.0.1"), via=VIA, branch=f"z9hG4bK{number}"), OURS)
        await asyncio.sleep(1)
        assert len(servers) == MAX_OUTSIDE_DIALOGS
        peer.send(with_via(request("BYE", "sip:us@10.0.0.1", to_tag="ours"), via=VIA), OURS)
        await asyncio.sleep(1)
        assert servers[-1].request.method == "BYE"
        assert len(peer.received) == MAX_OUTSIDE_DIALOGS + 1

    play(scenario)


def test_requests_of_dialogs_that_are_none_are_part_of_the_flood() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 481)
        endpoint.know_dialogs(lambda bye: (bye.headers.get("Call-ID") or "") == "ours")
        for number in range(2 * MAX_OUTSIDE_DIALOGS):
            bye = request("BYE", "sip:us@10.0.0.1", to_tag="guessed")
            peer.send(with_via(bye, via=VIA, branch=f"z9hG4bK{number}"), OURS)
        await asyncio.sleep(1)
        assert len(servers) == MAX_OUTSIDE_DIALOGS
        peer.send(with_via(request("BYE", "sip:us@10.0.0.1", to_tag="ours", call_id="ours"), via=VIA), OURS)
        await asyncio.sleep(1)
        assert servers[-1].request.headers.get("Call-ID") == "ours"

    play(scenario)


def test_large_requests_outside_of_dialogs_are_held_up_to_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.dialers.sip.transactions.layer.MAX_BYTES_OUTSIDE_DIALOGS", 100_000)

    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        servers = serving(endpoint, 200)
        for number in range(10):
            options = with_via(request("OPTIONS", "sip:us@10.0.0.1"), via=VIA, branch=f"z9hG4bK{number}")
            options.body = b"x" * 30_000
            peer.send(options, OURS)
        await asyncio.sleep(1)
        assert len(servers) == 3
        await asyncio.sleep(40)
        peer.send(with_via(request("OPTIONS", "sip:us@10.0.0.1"), via=VIA), OURS)
        await asyncio.sleep(1)
        assert len(servers) == 4

    play(scenario)


def test_a_handler_that_fails_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        def fail(server: ServerTransaction) -> None:
            raise LookupError(server.request.method)

        endpoint.on_request = fail
        peer.send(with_via(request("OPTIONS", "sip:us@10.0.0.1"), via=VIA), OURS)
        await asyncio.sleep(1)
        assert seen(peer) == ["500"]
        assert "SIP: a request was not handled: OPTIONS" in caplog.text

    play(scenario)


async def fault_of(transaction: ClientTransaction) -> FaultKind:
    with pytest.raises(TransactionFailed) as failure:
        await transaction.response()
    return failure.value.kind


def test_an_invite_of_an_earlier_process_takes_its_responses_and_is_cancelled() -> None:
    def refuse(peer: ScriptedPeer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "CANCEL":
            peer.send(response(message, 200))
            peer.send(response(invite, 487))

    invite = with_via(request("INVITE", PEER), via="UDP 10.0.0.1:5060", branch="z9hG4bKearlier")

    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        destination = Destination(Transport.UDP, "10.0.0.2", 5060)
        for sent, to, branch in (
            (invite, destination, ""),
            (invite, None, ""),
            (request("INVITE", PEER), destination, "z9hG4bKearlier"),
            (request("INVITE", PEER), None, "z9hG4bKearlier"),
        ):
            peer.received.clear()
            transaction = endpoint.restore(sent, to, branch=branch)
            transaction.cancel()
            assert (await transaction.response()).status == 487
            await asyncio.sleep(1)
            assert seen(peer) == ["CANCEL", "ACK"]
            cancel = peer.received[0]
            assert top_via(cancel).branch == "z9hG4bKearlier"
            await asyncio.sleep(40)

    play(scenario, refuse)


def test_what_is_answered_after_a_stop_is_not_sent() -> None:
    raised: list[object] = []

    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        servers = serving(endpoint)
        for method, branch in (("INVITE", "z9hG4bKa"), ("OPTIONS", "z9hG4bKb"), ("BYE", "z9hG4bKc")):
            peer.send(with_via(request(method, "sip:us@10.0.0.1"), via=VIA, branch=branch), OURS)
        await asyncio.sleep(0.1)
        await endpoint.stop()
        for server in servers:
            server.respond(response(server.request, 180))
            server.respond_once(response(server.request, 481))
        await asyncio.sleep(100)
        assert len(servers) == 3
        assert seen(peer) == []

    play(scenario)
    assert raised == []


def test_a_stopped_endpoint_ends_all_waiting() -> None:
    async def whole() -> None:
        network = SipNetwork(is_silent=True)
        endpoint = network.endpoint("10.0.0.1")
        invite = await call(endpoint)
        waiting = asyncio.ensure_future(fault_of(invite))
        await asyncio.sleep(0)
        await endpoint.stop()
        assert await waiting is FaultKind.TIMEOUT
        assert endpoint.is_idle
        assert asyncio.get_running_loop().time() < 1

    run_skipping(whole())


def test_nothing_is_sent_after_a_stop() -> None:
    async def whole() -> None:
        network = SipNetwork()
        endpoint, peer = network.endpoint("10.0.0.1"), network.peer("10.0.0.2", lambda *_: None)
        servers = serving(endpoint)
        invite = await call(endpoint)
        peer.send(with_via(request("INVITE", "sip:us@10.0.0.1"), via=VIA), OURS)
        peer.send(response(invite.request, 180), OURS)
        await invite.response()
        await endpoint.stop()
        sent = len(network.sent)
        invite.cancel()
        servers[0].respond(response(servers[0].request, 200))
        await asyncio.sleep(400)
        assert len(network.sent) == sent
        assert endpoint.is_idle

    run_skipping(whole())


def test_headers_of_a_request_that_is_sent_stay_as_they_were() -> None:
    async def scenario(endpoint: Endpoint, peer: ScriptedPeer) -> None:
        made = request("OPTIONS", PEER)
        before = Headers(made.headers.items())
        transaction = await endpoint.send(made, branch="z9hG4bKchosen")
        assert made.headers == before
        assert transaction.branch == top_via(transaction.request).branch == "z9hG4bKchosen"
        peer.send(response(transaction.request, 200), OURS)
        assert isinstance(await transaction.response(), Response)

    play(scenario)
