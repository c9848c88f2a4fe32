"""Peers that respond anything, and send anything beside it: for fuzzing what has calls with them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from ringback.dialers.sip.messages.message import (
    Headers,
    MalformedMessage,
    Message,
    Request,
    Response,
    call_id,
    cseq,
    encode,
    from_,
    parse,
    response_to,
    to,
)
from ringback.dialers.sip.transport.destination import Destination
from tests.world.sdp_bodies import ALL
from tests.world.sip_mutations import CHANGES, MUTATIONS, Change, mutated
from tests.world.sip_peer import ANSWER, PHONE, Air

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
# Most take the call before anything else, or some.
GAMES = st.builds(
    list.__add__,
    st.sampled_from([[], [ANSWERS, replace(ANSWERS, status=100)], [ANSWERS] * 6]),
    st.lists(MOVES, max_size=20),
)


@dataclass
class HostilePeers:
    """Whoever is called over this air does one move after the other, for each message that comes to any of them."""

    air: Air
    moves: list[Move]
    numbers: int = 0
    invites: dict[str, tuple[Request, Destination]] = field(default_factory=dict)
    """By Call-ID, with where it was sent."""
    answered: set[tuple[str, str]] = field(default_factory=set)
    """Call-ID and To tag of each answer that was sent whole: a leg that somebody has to end."""
    tagless: set[str] = field(default_factory=set)
    """Call-IDs of dialogs without a tag of the peer's: a further INVITE of theirs begins no other one."""

    async def run(self) -> None:
        """Do the moves, one for each message or each two seconds; then say nothing more."""
        for move in self.moves:
            message, phone = None, PHONE
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    data, phone = await self.air.sent.get()
                message = parse_or_none(data)
            self.do(move, message, phone)

    def do(self, move: Move, message: Message | None, phone: Destination) -> None:
        if isinstance(message, Request):
            if message.method == "INVITE":
                self.invites[call_id(message)] = message, phone
            response = response_to(message, move.status, to_tag=move.tag)
            data = self.deliver(move, response.headers, encode(response).split(b"\r\n")[0], phone)
            is_answer = message.method == "INVITE" and 200 <= move.status < 300 and not to(message).tag
            if is_answer and not move.tag:
                self.tagless.add(call_id(message))
            if is_answer and move.tag and not move.changes and call_id(message) not in self.tagless:
                self.answered.add((call_id(message), move.tag))
                self.repeat(data, (call_id(message), move.tag), phone)
        if move.method and self.invites:
            self.numbers += 1
            invite, caller = [*self.invites.values()][self.numbers % len(self.invites)]
            start = f"{move.method} sip:us SIP/2.0".encode()
            self.deliver(move, self.headers_of(move, invite, caller), start, caller)
        if move.noise:
            self.air.deliver(move.noise, phone)

    def headers_of(self, move: Move, invite: Request, phone: Destination) -> Headers:
        """Return those of a request within the dialog that an INVITE of ours began."""
        remote = invite.headers.get("To") or ""
        return Headers(
            [
                ("Via", f"SIP/2.0/UDP {phone.address};branch=z9hG4bKp{self.numbers}"),
                ("From", f"{remote};tag={move.tag}" if move.tag else remote),
                ("To", invite.headers.get("From") or ""),
                ("Call-ID", call_id(invite)),
                ("CSeq", f"{self.numbers} {move.method}"),
            ]
        )

    def repeat(self, data: bytes, answer: tuple[str, str], phone: Destination, after_s: float = 0.5) -> None:
        """Send a 2xx until its ACK has been sent (RFC 3261 section 13.3.1.4)."""

        def again() -> None:
            if not any(answer == (call_id(ack), to(ack).tag) for ack in self.requests("ACK")):
                self.air.deliver(data, phone)
                self.repeat(data, answer, phone, 2 * after_s)

        if after_s < 32:
            asyncio.get_running_loop().call_later(after_s, again)

    def requests(self, method: str) -> list[Request]:
        """Return what was sent to the peers."""
        sent = (parse_or_none(data) for _, data in self.air.log)
        return [message for message in sent if isinstance(message, Request) and message.method == method]

    def deliver(self, move: Move, headers: Headers, start: bytes, phone: Destination) -> bytes:
        for name, value in move.headers:
            headers.add(name, value)
        written = encode(Request("X", "sip:x", headers, move.body)).split(b"\r\n", 1)[1]
        data = mutated(start + b"\r\n" + written, move.changes)
        self.air.deliver(data, phone)
        return data

    def orphans(self) -> set[tuple[str, str]]:
        """Return the answers after which neither side has sent a BYE that the other has taken."""
        left = set(self.answered)
        for _, data in self.air.log:
            message = parse_or_none(data)
            if isinstance(message, Request) and message.method == "BYE":
                left.discard((call_id(message), to(message).tag))
            elif isinstance(message, Response) and message.status == 200 and cseq(message).method == "BYE":
                left.discard((call_id(message), from_(message).tag))
        return left


def parse_or_none(data: bytes) -> Message | None:
    """Read what was sent; a refusal may have the fault of what it refuses."""
    try:
        return parse(data)
    except MalformedMessage:
        return None
