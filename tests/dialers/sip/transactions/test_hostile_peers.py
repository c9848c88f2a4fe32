"""What an endpoint does under messages of hostile peers: nothing raises, nothing stays, nothing is amplified."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.dialers.sip.dialogs.dialogs import Dialogs
from ringback.dialers.sip.messages.message import Response, parse
from ringback.dialers.sip.transactions.endpoint import MAX_REFUSALS_PER_S
from ringback.dialers.sip.transport.destination import Destination, Transport
from tests.world.logged_errors import logged_errors
from tests.world.sip_endpoints import endpoint
from tests.world.sip_mutations import MUTATIONS, PIECES, TORTURES
from tests.world.sip_network import SipNetwork
from tests.world.skipping_loop import run_skipping

PEER = Destination(Transport.UDP, "10.0.0.66", 5060)
# After the last message all transactions are over: 64*T1, once more where a final response comes late, and T4.
# What a response has beyond the request: its phrase, a tag, Allow, received.
MOST_ADDED = 300
LONGEST_S = 32 + 32 + 5 + 1


class Outcome:
    """What an endpoint did with datagrams."""

    def __init__(self) -> None:
        self.raised: list[object] = []
        self.sent: list[bytes] = []
        self.was_idle_at_once = False
        self.is_idle = False


def outcome_of(datagrams: Sequence[bytes], *, apart_s: float = 0.0) -> Outcome:
    """Send datagrams to an endpoint that has no calls; return what it has done when all its timers have fired."""

    async def scenario() -> Outcome:
        outcome = Outcome()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: outcome.raised.append(context))
        network = SipNetwork()
        network.is_silent = True
        socket = network.socket("10.0.0.1")
        hit = network.endpoint("10.0.0.1")
        Dialogs(hit)
        socket = network._sockets["10.0.0.1", 5060]
        for datagram in datagrams:
            socket.take(datagram, PEER)
            await asyncio.sleep(apart_s)
        outcome.was_idle_at_once = hit.is_idle
        await asyncio.sleep(LONGEST_S)
        outcome.is_idle = hit.is_idle
        await hit.stop()
        outcome.sent = [data for _, data in network.sent]
        return outcome

    return run_skipping(scenario())


def check(datagrams: Sequence[bytes]) -> Outcome:
    with logged_errors() as errors:
        outcome = outcome_of(datagrams)
    assert not errors
    assert not outcome.raised
    assert outcome.is_idle
    # Each datagram brings one response at most, whatever is lost: who has not sent it gets no more for it.
    assert len(outcome.sent) <= len(datagrams)
    assert sum(map(len, outcome.sent)) <= sum(map(len, datagrams)) + MOST_ADDED * len(datagrams)
    return outcome


@given(st.lists(MUTATIONS, min_size=1, max_size=4))
def test_mutations_do_no_harm(datagrams: list[bytes]) -> None:
    check(datagrams)


@pytest.mark.long
@settings(max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MUTATIONS, min_size=1, max_size=4))
def test_many_mutations_do_no_harm(datagrams: list[bytes]) -> None:
    check(datagrams)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("wsinv", 481),  # it has a To tag of no dialog
        ("longreq", 405),
        ("inv2543", 405),
        ("escruri", 405),
        ("sdp01", 405),
        ("semiuri", 200),
        ("zeromf", 200),  # it is for us
        ("badbranch", 200),
        ("transports", 200),
        ("bext01", 420),
        ("unkscm", 416),
        ("novelsc", 416),
        ("escnull", 405),
        ("esc02", 405),
        ("intmeth", 405),
        ("mpart01", 405),
        ("badinv01", 400),
        ("multi01", 400),
        ("insuf", 400),
        ("mismatch02", 400),
        ("badvers", 505),
        ("unreason", None),
        ("bcast", None),
        ("scalarlg", None),
        ("bigcode", None),
    ],
)
def test_torture_messages_are_answered(name: str, status: int | None) -> None:
    statuses = []
    for data in check([TORTURES[name]]).sent:
        found = parse(data) if status not in (400, 505) else None
        statuses.append(found.status if isinstance(found, Response) else int(data[8:11]))
    assert statuses == ([] if status is None else [status])


def test_requests_that_share_the_bare_cookie_are_two() -> None:
    """RFC 4475 section 3.2.1: a branch that is nothing but the cookie tells no transactions apart."""
    other = TORTURES["badbranch"].replace(b"badbranch.", b"other.").replace(b"CSeq: 8", b"CSeq: 9")
    sent = check([TORTURES["badbranch"], other]).sent
    assert [b"Call-ID: other." in data for data in sent] == [False, True]


@pytest.mark.parametrize("name", ["longreq", "wsinv", "semiuri", "bext01", "unreason"])
def test_a_flood_takes_no_memory_and_keeps_nobody_out(name: str) -> None:
    """Neither do invented To tags (wsinv) look like dialogs, for which room is kept."""
    first = TORTURES[name]
    flood = [first.replace(b"branch=", b"branch=z9hG4bK%d" % number, 1) for number in range(500)]
    outcome = check([*flood, TORTURES["zeromf"]])
    assert outcome.was_idle_at_once
    assert outcome.sent[-1].startswith(b"SIP/2.0 200 ")
    assert len(outcome.sent) == (1 if name == "unreason" else 501)


async def test_streams_of_anything_do_no_harm() -> None:
    """Over real sockets: each connection is closed in the end, and the next one is served."""
    raised: list[object] = []
    random = Random(1)
    pieces = [*TORTURES.values(), *PIECES]
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: raised.append(context))
    try:
        with logged_errors() as errors:
            async with endpoint(transports=[Transport.TCP]) as (served, _):
                Dialogs(served)
                for _ in range(150):
                    data = b"".join(random.choices(pieces, k=random.randint(1, 12)))
                    await exchange(served.port, data[random.randint(0, 40) :])
                received = await exchange(served.port, TORTURES["zeromf"])
    finally:
        loop.set_exception_handler(None)
    assert received.startswith(b"SIP/2.0 200 ")
    assert not errors
    assert not raised


async def exchange(port: int, data: bytes) -> bytes:
    """Send bytes on a connection, and return what comes until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    received = b""
    with suppress(ConnectionError):
        writer.write_eof()
        async with asyncio.timeout(10):
            received = await reader.read()
    writer.close()
    return received


def test_refusals_of_what_is_malformed_are_few() -> None:
    outcome = check([TORTURES["ncl"]] * 500)
    assert outcome.was_idle_at_once
    assert len(outcome.sent) == MAX_REFUSALS_PER_S


def test_a_cancel_of_nothing_is_refused_once() -> None:
    cancel = TORTURES["semiuri"].replace(b"OPTIONS", b"CANCEL")
    outcome = check([cancel, cancel])
    assert outcome.was_idle_at_once
    assert [data[:11] for data in outcome.sent] == [b"SIP/2.0 481"] * 2
