"""A leg whose peer says anything, at any time, broken or whole: it ends, and nothing of it stays."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.dialers.sip.digest import Credentials
from ringback.dialers.sip.leg_events import Failed, HungUp, Offered
from ringback.dialers.sip.message import Headers, MalformedMessage, Message, Request, encode, parse, response_to
from tests.dialers.sip.sdp_bodies import ALL
from tests.world.logged_errors import logged_errors
from tests.world.sip_mutations import CHANGES, MUTATIONS, Change, mutated
from tests.world.sip_peer import ANSWER, OFFER, PHONE, Scene, scene
from tests.world.skipping_loop import run_skipping

# With retransmissions, to peers that never respond.
MOST_MESSAGES = 400
STATUSES = [100, 180, 183, 200, 200, 200, 202, 302, 401, 407, 408, 421, 481, 486, 487, 491, 500, 503, 603, 699]
METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "NOTIFY", "PRACK", "REFER", "MESSAGE"]
BODIES = [b"", ANSWER, b"v=0", b"\x00\xff", *(text.replace("\n", "\r\n").encode() for text in ALL.values())]
HEADERS = [
    ("Contact", "<sip:phone@192.0.2.9>"),
    ("Contact", "*"),
    ("Contact", "<sip:phone@192.0.2.9:99999>"),
    ("Contact", '"unclosed <sip:x'),
    ("Contact", "<tel:+41781234577>"),
    ("Record-Route", "<sip:192.0.2.5;lr>, <sip:192.0.2.6;lr>"),
    ("Record-Route", "<sip:192.0.2.5>"),
    ("Record-Route", "<>, x"),
    ("Content-Type", "application/sdp"),
    ("Content-Type", "multipart/mixed;boundary=b"),
    ("Content-Type", "message/sipfrag"),
    ("Content-Encoding", "gzip"),
    ("Require", "100rel"),
    ("Require", "timer, unknown"),
    ("RSeq", "1"),
    ("RSeq", "99999999999999999999"),
    ("RAck", "x"),
    ("Session-Expires", "0;refresher=uas"),
    ("Session-Expires", "90"),
    ("Subscription-State", "terminated"),
    ("Event", "refer"),
    ("Retry-After", "99999999999999999999999"),
    ("Reason", "Q.850;cause=99999999999"),
    ("Warning", "x"),
    ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),
    ("WWW-Authenticate", 'Digest realm="r", nonce="n2", stale=true'),
    ("Proxy-Authenticate", "Digest"),
    ("Unsupported", "timer"),
    ("Expires", "0"),
]


@dataclass(frozen=True)
class Move:
    """What the peer does when a message comes, or time passes."""

    status: int
    method: str
    """A request of its own beside the response; "" for none."""
    headers: list[tuple[str, str]]
    body: bytes
    tag: str
    changes: list[Change]
    noise: bytes


MOVES = st.builds(
    Move,
    status=st.sampled_from(STATUSES),
    method=st.sampled_from(["", "", *METHODS]),
    headers=st.lists(st.sampled_from(HEADERS), max_size=4),
    body=st.sampled_from(BODIES),
    tag=st.sampled_from(["theirs", "theirs", "theirs", "other", "", "a+b"]),
    changes=st.just([]) | st.just([]) | CHANGES,
    noise=st.just(b"") | MUTATIONS,
)

ANSWERS = Move(200, "", [("Contact", "<sip:phone@192.0.2.9>"), ("c", "application/sdp")], ANSWER, "theirs", [], b"")
# Half of the peers take the call before anything else.
GAMES = st.builds(
    list.__add__, st.sampled_from([[], [ANSWERS, replace(ANSWERS, status=100)]]), st.lists(MOVES, max_size=20)
)


@dataclass
class HostilePeer:
    scene: Scene
    moves: list[Move]
    numbers: int = 0
    invite: Request | None = None

    async def run(self) -> None:
        """Do the moves, one for each message or each two seconds; then say nothing more."""
        for move in self.moves:
            message = None
            with suppress(TimeoutError, MalformedMessage):  # a refusal has the fault of what it refuses
                async with asyncio.timeout(2):
                    data, _ = await self.scene.air.sent.get()
                    message = parse(data)
            self.move(move, message)

    def move(self, move: Move, message: Message | None) -> None:
        if isinstance(message, Request):
            if message.method == "INVITE":
                self.invite = message
            response = response_to(message, move.status, to_tag=move.tag)
            self.deliver(move, response.headers, encode(response).split(b"\r\n")[0])
        if move.method and self.invite is not None:
            self.deliver(move, self.headers_of(move, self.invite), f"{move.method} sip:us SIP/2.0".encode())
        if move.noise:
            self.scene.air.deliver(move.noise, PHONE)

    def headers_of(self, move: Move, invite: Request) -> Headers:
        self.numbers += 1
        return Headers(
            [
                ("Via", f"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp{self.numbers}"),
                ("From", f"{invite.headers.get('To')};tag={move.tag}" if move.tag else str(invite.headers.get("To"))),
                ("To", invite.headers.get("From") or ""),
                ("Call-ID", invite.headers.get("Call-ID") or ""),
                ("CSeq", f"{self.numbers} {move.method}"),
            ]
        )

    def deliver(self, move: Move, headers: Headers, start: bytes) -> None:
        for name, value in move.headers:
            headers.add(name, value)
        written = encode(Request("X", "sip:x", headers, move.body)).split(b"\r\n", 1)[1]
        self.scene.air.deliver(mutated(start + b"\r\n" + written, move.changes), PHONE)


async def use(table: Scene) -> None:
    """Do with a leg what a bridge does: take its events, and want something of it from time to time."""
    tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(take_events(table))]
    await table.leg.invite(OFFER)
    for wish in (table.leg.reinvite(OFFER), table.leg.probe(), table.leg.refer("sip:x@192.0.2.8"), table.leg.probe()):
        await asyncio.sleep(3)
        tasks.append(asyncio.ensure_future(wish))
        table.leg.send_info("application/dtmf-relay", b"Signal=1")
    await asyncio.sleep(10)
    table.leg.hang_up()
    await asyncio.wait_for(table.leg.closed(), 300)
    async with asyncio.timeout(300):
        await asyncio.gather(*tasks)


async def take_events(table: Scene) -> None:
    number = 0
    while True:
        event = await table.leg.next_event()
        number += 1
        if isinstance(event, HungUp | Failed):
            return
        if isinstance(event, Offered):
            if number % 2:
                table.leg.answer(event, ANSWER)
            else:
                table.leg.refuse(event, 488)


def play(moves: list[Move]) -> None:
    raised: list[object] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        async with scene(credentials=Credentials("ringback", "secret")) as table:
            peer = asyncio.ensure_future(HostilePeer(table, moves).run())
            await use(table)
            await peer
            await asyncio.sleep(300)
            assert not len(table.dialogs)
            assert table.endpoint.is_idle
            assert len(table.air.log) <= MOST_MESSAGES

    with logged_errors() as errors:
        run_skipping(scenario())
    assert not errors
    assert not raised


@given(GAMES)
def test_a_leg_ends_whatever_its_peer_does(moves: list[Move]) -> None:
    play(moves)


@pytest.mark.long
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(GAMES)
def test_a_leg_ends_whatever_its_peer_does_often(moves: list[Move]) -> None:
    play(moves)
