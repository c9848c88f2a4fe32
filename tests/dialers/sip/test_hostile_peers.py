"""What an endpoint does under messages of hostile peers: nothing raises, nothing stays, nothing is amplified."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.dialers.sip.destination import Destination, Transport
from ringback.dialers.sip.dialogs import Dialogs
from ringback.dialers.sip.message import Response, parse
from tests.world.sip_mutations import MUTATIONS, TORTURES
from tests.world.sip_network import SipNetwork
from tests.world.skipping_loop import run_skipping

PEER = Destination(Transport.UDP, "10.0.0.66", 5060)
# After the last message all transactions are over: 64*T1, once more where a final response comes late, and T4.
LONGEST_S = 32 + 32 + 5 + 1


class Outcome:
    """What an endpoint did with datagrams."""

    def __init__(self) -> None:
        self.raised: list[object] = []
        self.sent: list[bytes] = []
        self.is_idle = False


def outcome_of(datagrams: Sequence[bytes], *, apart_s: float = 0.0) -> Outcome:
    """Send datagrams to an endpoint that has no calls; return what it has done when all its timers have fired."""

    async def scenario() -> Outcome:
        outcome = Outcome()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: outcome.raised.append(context))
        network = SipNetwork()
        network.is_silent = True
        socket = network.socket("10.0.0.1")
        endpoint = network.endpoint("10.0.0.1")
        Dialogs(endpoint)
        socket = network._sockets["10.0.0.1", 5060]
        for datagram in datagrams:
            socket.take(datagram, PEER)
            await asyncio.sleep(apart_s)
        await asyncio.sleep(LONGEST_S)
        outcome.is_idle = endpoint.is_idle
        await endpoint.stop()
        outcome.sent = [data for _, data in network.sent]
        return outcome

    return run_skipping(scenario())


class Errors(logging.Handler):
    """Collects what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


def check(datagrams: Sequence[bytes]) -> Outcome:
    errors = Errors()
    logging.getLogger("ringback").addHandler(errors)
    try:
        outcome = outcome_of(datagrams)
    finally:
        logging.getLogger("ringback").removeHandler(errors)
    assert not errors.found
    assert not outcome.raised
    assert outcome.is_idle
    # Each datagram brings one response at most, whatever is lost: who has not sent it gets no more for it.
    assert len(outcome.sent) <= len(datagrams)
    return outcome


@given(st.lists(MUTATIONS, min_size=1, max_size=4))
def test_mutations_do_no_harm(datagrams: list[bytes]) -> None:
    check(datagrams)


@pytest.mark.long
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
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


@pytest.mark.parametrize("name", ["longreq", "wsinv", "semiuri", "unreason", "ncl"])
def test_a_flood_leaves_nothing(name: str) -> None:
    datagrams = [TORTURES[name].replace(b"branch=", b"branch=z9hG4bK%d" % number) for number in range(3000)]
    assert len(check(datagrams).sent) <= 3000
