"""Transactions over a network that loses, doubles and disorders: each ends, and nothing of it is left in memory."""

import asyncio
from random import Random

import pytest

from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.faults import TransactionFailed
from tests.world.sip_messages import request, response
from tests.world.sip_network import SipNetwork, Weather
from tests.world.skipping_loop import run_skipping

CALLS = 60
# Timer L, H, M or B after the last message: 64*T1; and T4 for what absorbs repetitions.
LONGEST_S = 32 + 32 + 5 + 1


async def call(caller: Endpoint, uri: str, number: int, *, cancels: bool) -> str:
    """Make a call with everything in it; return how it ended."""
    call_id = f"call-{number}"
    invite = await caller.send(request("INVITE", uri, call_id=call_id))
    if cancels:
        invite.cancel()
    status = 0
    try:
        while status < 200:
            status = (await invite.response()).status
    except TransactionFailed as failure:
        return failure.kind
    if status >= 300:
        return str(status)
    invite.acknowledge(response(invite.request, 200), request("ACK", uri, to_tag="theirs", call_id=call_id))
    bye = await caller.send(request("BYE", uri, cseq=2, to_tag="theirs", call_id=call_id))
    try:
        return f"BYE {(await bye.response()).status}"
    except TransactionFailed as failure:
        return f"BYE {failure.kind}"


@pytest.mark.parametrize("seed", range(5))
def test_each_transaction_ends_and_leaves_nothing(seed: int) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        network = SipNetwork(Weather(lost=0.2, doubled=0.2, jitter_s=0.3), Random(seed))
        caller, phone = network.endpoint("10.0.0.1"), network.endpoint("10.0.0.2")
        acks: list[asyncio.Task[object]] = []

        def serve(server: ServerTransaction) -> None:
            if server.request.method != "INVITE":
                server.respond(response(server.request, 200))
                return
            number = int((server.request.headers.get("Call-ID") or "").rpartition("-")[2])
            server.respond(response(server.request, 180))
            status = 486 if number % 3 == 0 else 200
            loop.call_later(number % 5, server.respond, response(server.request, status))
            acks.append(asyncio.ensure_future(server.acknowledged()))

        phone.on_request = serve
        uri = phone.contact("phone")
        ends = await asyncio.gather(*(call(caller, uri, number, cancels=number % 4 == 0) for number in range(CALLS)))
        await asyncio.sleep(LONGEST_S)
        assert [end for end in ends if end not in ("BYE 200", "486", "487")] == []
        assert caller.is_idle
        assert phone.is_idle
        assert all(task.done() for task in acks)
        await caller.stop()
        await phone.stop()

    run_skipping(scenario())
