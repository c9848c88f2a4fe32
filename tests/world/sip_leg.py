"""What the tests of a leg share."""

import asyncio

from ringback.dialers.sip.dialogs.leg_events import Failed, Failure, LegEvent, Offered
from ringback.dialers.sip.messages.digest import SipCredentials
from tests.world.sip_peer import ANSWER, Scene

CREDENTIALS = SipCredentials("ringback", "secret")
CHALLENGE = ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
HELD = ANSWER.replace(b"4000", b"4002")
EARLY = ANSWER.replace(b"4000", b"5000")
GONE_STATUSES = [408, 481]


async def ended(table: Scene) -> bool:
    """Return whether the peer gets a BYE, and then nothing is left."""
    table.peer.respond(await table.peer.expect("BYE"), 200)
    await asyncio.wait_for(table.leg.closed(), 0.1)
    return await table.is_empty_in_the_end()


def offered(event: LegEvent) -> Offered:
    assert isinstance(event, Offered), event
    return event


def now() -> float:
    return asyncio.get_running_loop().time()


def failure(event: LegEvent) -> Failure:
    assert isinstance(event, Failed), event
    return event.failure


async def drained(table: Scene, *methods: str) -> None:
    """See the leg closed, after exactly these requests, and nothing left."""
    for method in methods:
        request = await table.peer.expect(method)
        if method != "ACK":
            table.peer.respond(request, 200)
    await asyncio.wait_for(table.leg.closed(), 0.1)
    assert await table.is_empty_in_the_end()
