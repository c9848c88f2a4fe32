"""A SIP peer that a test plays, message by message, on a network without sockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from ringback.dialers.sip.dialogs.dialogs import Dialogs
from ringback.dialers.sip.dialogs.leg import Leg
from ringback.dialers.sip.dialogs.leg_events import LegEvent, LegPlan
from ringback.dialers.sip.messages.message import (
    Headers,
    Message,
    NameAddr,
    Request,
    Response,
    encode,
    from_,
    parse,
    response_to,
    to,
)
from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointSettings
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind
from ringback.dialers.sip.transport.network import Network, OnData, OnFault
from ringback.dialers.sip.transport.resolve import Lookup, Naptr, Srv
from tests.world.sip_endpoints import Recorded

OURS = "192.0.2.1"
PHONE = Destination(Transport.UDP, "192.0.2.9", 5060)
OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
ANSWER = b"v=0\r\no=phone 7 7 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
# Longer than each timer of RFC 3261, and two of them after each other.
A_LONG_TIME_S = 200.0
SDP = ("Content-Type", "application/sdp")


class Air:
    """The network of one endpoint. What it sends, the test takes, and the other way round."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[tuple[bytes, Destination]] = asyncio.Queue()
        self.log: list[tuple[float, bytes]] = []
        self._on_message: OnData | None = None
        self.on_fault: OnFault | None = None

    def attach(self, on_message: OnData, on_fault: OnFault) -> None:
        self._on_message, self.on_fault = on_message, on_fault

    def port(self, transport: Transport) -> int | None:
        return 5060 if transport is Transport.UDP else None

    def can_reach(self, address: str) -> bool:
        return True

    def has_connection(self, destination: Destination) -> bool:
        return False

    def send(self, data: bytes, destination: Destination) -> None:
        self.log.append((asyncio.get_running_loop().time(), data))
        self.sent.put_nowait((data, destination))

    def deliver(self, data: bytes, source: Destination = PHONE) -> None:
        assert self._on_message is not None
        on_message = self._on_message
        asyncio.get_running_loop().call_soon(lambda: on_message(data, source))

    def refuse(self) -> None:
        """Report that the phone refuses what was sent to it."""
        assert self.on_fault is not None
        self.on_fault(PHONE, FaultKind.REFUSED, "connection refused")

    async def stop(self) -> None:
        self._on_message = None


@dataclass
class Dialog:
    """The peer's side of a dialog."""

    peer: "Peer"
    invite: Request
    tag: str
    source: Destination = PHONE
    seq: int = 0

    def request(
        self,
        method: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        seq: int | None = None,
        branch: str | None = None,
    ) -> Request:
        """Send a request to our side."""
        self.seq = seq if seq is not None else self.seq + 1
        self.peer.branches += 1
        target = NameAddr.parse(self.invite.headers.get("Contact") or "").uri
        tag = f";tag={self.tag}" if self.tag else ""
        via = f"SIP/2.0/UDP {self.source.address}:{self.source.port};branch={branch or f'z9hG4bKp{self.peer.branches}'}"
        fields = [
            ("Via", via),
            ("From", f"{self.invite.headers.get('To')}{tag}"),
            ("To", self.invite.headers.get("From") or ""),
            ("Call-ID", self.invite.headers.get("Call-ID") or ""),
            ("CSeq", f"{self.seq} {method}"),
            *headers,
        ]
        request = Request(method, target, Headers(fields), body)
        self.peer.air.deliver(encode(request), self.source)
        return request

    def offer(self, body: bytes = ANSWER, method: str = "INVITE", headers: Iterable[tuple[str, str]] = ()) -> Request:
        contact = ("Contact", f"<sip:phone@{self.source.address}:{self.source.port}>")
        return self.request(method, [contact, *([SDP] if body else []), *headers], body)

    def ack(self, invite: Request, response: Response, body: bytes = b"") -> None:
        ack = Request("ACK", invite.uri, invite.headers.copy(), body)
        ack.headers.set("Via", f"SIP/2.0/UDP {self.source.address}:{self.source.port};branch=z9hG4bKack{self.seq}")
        ack.headers.set("To", response.headers.get("To") or "")
        ack.headers.set("CSeq", (invite.headers.get("CSeq") or "").replace("INVITE", "ACK"))
        if not body:
            ack.headers.remove("Content-Type")
        self.peer.air.deliver(encode(ack), self.source)


class Peer:
    """Receives each message once; how often it came is counted."""

    def __init__(self, air: Air) -> None:
        self.air = air
        self.branches = 0
        self.times: Counter[bytes] = Counter()
        self.destinations: list[Destination] = []

    async def message(self) -> Message:
        while True:
            data, destination = await self.air.sent.get()
            self.times[data] += 1
            if self.times[data] == 1:
                self.destinations.append(destination)
                return parse(data)

    async def expect(self, method: str) -> Request:
        message = await self.message()
        assert isinstance(message, Request), message
        assert message.method == method
        return message

    async def expect_status(self, status: int) -> Response:
        message = await self.message()
        if isinstance(message, Response) and message.status == 100 != status:
            message = await self.message()
        assert isinstance(message, Response), message
        assert message.status == status
        return message

    def respond(
        self,
        request: Request,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        tag: str = "theirs",
        contact: str | None = "<sip:phone@192.0.2.9>",
    ) -> Response:
        response = response_to(request, status, to_tag=tag if status > 100 else "")
        if contact and request.method in ("INVITE", "UPDATE") and 100 < status < 300:
            response.headers.add("Contact", contact)
        for name, value in [*headers, *([SDP] if body else [])]:
            response.headers.add(name, value)
        response.body = body
        self.air.deliver(encode(response))
        return response

    async def answer(self, invite: Request, *, tag: str = "theirs", **others: Any) -> Dialog:
        """Answer an INVITE, and take the ACK."""
        self.respond(invite, 200, body=ANSWER, tag=tag, **others)
        await self.expect("ACK")
        return Dialog(self, invite, tag)

    def requests(self) -> list[str]:
        """Return the methods of all requests that were sent, each transmission."""
        return [message.method for _, data in self.air.log if isinstance(message := parse(data), Request)]

    def is_quiet(self) -> bool:
        """Return whether nothing was sent that the test has not taken, but repetitions."""
        return all(data in self.times for data, _ in list(self.air.sent._queue))  # type: ignore[attr-defined]


class SlowLookup:
    """DNS that responds after some seconds."""

    async def naptr(self, name: str) -> list[Naptr]:
        await asyncio.sleep(3)
        return []

    async def srv(self, name: str) -> list[Srv]:
        return []

    async def addresses(self, host: str) -> list[str]:
        return [PHONE.address]

    def known_addresses(self, host: str) -> list[str]:
        return []


def plan(**changes: Any) -> LegPlan:
    values = LegPlan(
        uri="sip:+41781234577@192.0.2.9",
        from_=NameAddr("Ringback", "sip:callback@ringback.example"),
        to=NameAddr("", "sip:+41781234577@192.0.2.9"),
        user="ringback",
        call_id="call-1",
        ring_timeout_s=30,
    )
    return replace(values, **changes)


@dataclass
class Scene:
    """A leg, and the peer that it calls."""

    air: Air
    peer: Peer
    endpoint: Endpoint
    dialogs: Dialogs
    leg: Leg

    async def event(self) -> LegEvent:
        return await self.leg.next_event()

    async def invited(self) -> Request:
        await self.leg.invite(OFFER)
        return await self.peer.expect("INVITE")

    async def answered(self, **others: Any) -> Dialog:
        """Have the leg answered."""
        dialog = await self.peer.answer(await self.invited(), **others)
        await self.event()
        return dialog

    async def refuse_everything(self) -> None:
        """Be a host on which nothing listens any more."""
        while True:
            await self.peer.message()
            self.air.refuse()

    async def is_empty_in_the_end(self) -> bool:
        await asyncio.sleep(A_LONG_TIME_S)
        return not len(self.dialogs) and self.endpoint.is_idle and self.peer.is_quiet()


def endpoint_on(air: Network, lookup: Lookup | None = None) -> Endpoint:
    settings = EndpointSettings(host=OURS, transports=frozenset({Transport.UDP}))
    return Endpoint(settings, air, trace=Recorded(), lookup=lookup)


@asynccontextmanager
async def scene(*, lookup: Lookup | None = None, **changes: Any) -> AsyncIterator[Scene]:
    air = Air()
    endpoint = endpoint_on(air, lookup)
    dialogs = Dialogs(endpoint)
    leg = Leg(endpoint, dialogs, plan(**changes))
    yield Scene(air, Peer(air), endpoint, dialogs, leg)
    await endpoint.stop()


def tags(message: Message) -> tuple[str, str]:
    return from_(message).tag, to(message).tag
