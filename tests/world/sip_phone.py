"""A phone on a real socket: it rings, answers, refuses and hangs up as the test says, and has no media."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from ringback.dialers.sip.messages.header_values import CSeq, NameAddr
from ringback.dialers.sip.messages.headers import Headers
from ringback.dialers.sip.messages.message import call_id, contact_uri, response_to
from ringback.dialers.sip.messages.message_types import Request, Response
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from tests.world.sip_endpoints import endpoint

PHONE_SDP = "application/sdp"


class PhoneCall:
    """One call of a phone, from its INVITE on."""

    def __init__(self, phone: "Phone", invite: ServerTransaction, sdp: bytes) -> None:
        self.phone = phone
        self.invite = invite
        self.sdp = sdp
        self.tag = secrets.token_hex(4)
        # The bodies of all INVITEs.
        self.offers = [invite.request.body]
        self.acknowledged = asyncio.Event()
        self.ended = asyncio.Event()
        self.reinvited = asyncio.Event()
        # Where the other side is reached; a re-INVITE may change it (RFC 3261 section 12.2).
        self._remote = contact_uri(self.request) or ""
        self._seq = 100

    @property
    def request(self) -> Request:
        return self.invite.request

    def respond(self, status: int, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()) -> None:
        self.invite.respond(self._response(self.request, status, body, headers))

    async def answer(self) -> None:
        self.respond(200, self.sdp)
        assert await self.invite.acknowledged() is not None
        self.acknowledged.set()

    async def request_in_dialog(
        self, method: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> Response:
        """Send a request of this phone, and return the final response; that of an INVITE is acknowledged."""
        self._seq += 1
        request = self._request(method, self._seq, body, headers)
        transaction = await self.phone.endpoint.send(request)
        response = await transaction.response()
        while response.status < 200:
            response = await transaction.response()
        if method == "INVITE" and response.status < 300:
            transaction.acknowledge(response, self._request("ACK", self._seq, b"", ()))
        return response

    async def hang_up(self) -> Response:
        self.ended.set()
        return await self.request_in_dialog("BYE")

    async def notify(self, body: bytes, headers: Iterable[tuple[str, str]]) -> Response:
        """Tell of a REFER how it goes (RFC 3515)."""
        self._seq += 1
        request = self._request("NOTIFY", self._seq, b"", headers)
        request.body = body
        return await (await self.phone.endpoint.send(request)).response()

    def take(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        match request.method:
            case "INVITE":
                self.offers.append(request.body)
                self._remote = contact_uri(request) or self._remote
                transaction.respond(self._response(request, 200, self.sdp))
                self.reinvited.set()
            case "BYE":
                transaction.respond(self._response(request, 200))
                self.ended.set()
            case "REFER":
                transaction.respond(self._response(request, 202))
            case _:
                transaction.respond(self._response(request, 200))

    def _response(
        self, request: Request, status: int, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> Response:
        response = response_to(request, status, to_tag=self.tag if status > 100 else "")
        for name, value in headers:
            response.headers.add(name, value)
        if request.method == "INVITE" and 100 < status < 300:
            response.headers.add("Contact", f"<{self.phone.uri}>")
        if body:
            response.headers.add("Content-Type", PHONE_SDP)
            response.body = body
        return response

    def _request(self, method: str, seq: int, body: bytes, headers: Iterable[tuple[str, str]]) -> Request:
        ours = NameAddr.parse(self.request.headers.get("To") or "").with_tag(self.tag)
        fields = Headers(
            [
                ("From", str(ours)),
                ("To", self.request.headers.get("From") or ""),
                ("Call-ID", call_id(self.request)),
                ("CSeq", str(CSeq(seq, method))),
                ("Contact", f"<{self.phone.uri}>"),
                *headers,
            ]
        )
        if body:
            fields.add("Content-Type", PHONE_SDP)
        return Request(method, self._remote, fields, body)


class Phone:
    """Takes calls: `call()` returns the next one, which rings for as long as the test likes."""

    def __init__(self, endpoint: Endpoint, user: str, sdp: bytes) -> None:
        self.endpoint = endpoint
        self.uri = endpoint.contact(user)
        self.sdp = sdp
        self.calls: dict[str, PhoneCall] = {}
        # All requests but ACK and CANCEL.
        self.methods: list[str] = []
        self._new: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._requested = asyncio.Event()
        endpoint.on_request = self._take

    async def call(self) -> PhoneCall:
        """Return the next call, which is to come soon."""
        async with asyncio.timeout(10):
            return await self.next_call()

    async def next_call(self) -> PhoneCall:
        return await self._new.get()

    async def requested(self, method: str) -> None:
        """Wait for a request."""
        async with asyncio.timeout(10):
            while method not in self.methods:
                self._requested.clear()
                await self._requested.wait()

    async def answered(self) -> PhoneCall:
        call = await self.call()
        call.respond(180)
        await call.answer()
        return call

    def _take(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        self.methods.append(request.method)
        self._requested.set()
        known = self.calls.get(call_id(request))
        if known is not None:
            known.take(transaction)
        elif request.method == "INVITE":
            self.calls[call_id(request)] = call = PhoneCall(self, transaction, self.sdp)
            self._new.put_nowait(call)
        else:
            transaction.respond(response_to(request, 481 if request.method == "BYE" else 200, to_tag="phone"))


@asynccontextmanager
async def phone(user: str, sdp: bytes) -> AsyncIterator[Phone]:
    async with endpoint() as (started, _):
        yield Phone(started, user, sdp)
