"""A dialog of the side that has sent the INVITE (RFC 3261 section 12): the two sides, the way, the sequence numbers."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from msgspec import Struct

from ringback.dialers.sip.messages.message import (
    CSeq,
    Headers,
    MalformedMessage,
    NameAddr,
    Request,
    Response,
    call_id,
    contact_uri,
    cseq,
    to,
)
from ringback.dialers.sip.messages.uri import Uri

MAX_FORWARDS: Final = "70"
# With these an ACK passes the proxies that have challenged its INVITE (section 22.1).
_CREDENTIALS: Final = ("Authorization", "Proxy-Authorization")


class Dialog(Struct, omit_defaults=True, kw_only=True):
    """What a dialog consists of. It can be kept as JSON, and be gone on with by another process."""

    call_id: str
    local: str
    """Our From, with its tag."""
    remote: str
    """The peer's To, with its tag: none where a peer has given none (section 12.1.2)."""
    target: str
    """The URI in the peer's Contact, the newest."""
    route_set: tuple[str, ...] = ()
    """The nearest proxy first."""
    local_seq: int
    remote_seq: int | None = None

    @classmethod
    def begin(cls, invite: Request, response: Response) -> "Dialog":
        """Make the dialog that a response of the peer has begun (section 12.1.2). What is malformed in it is left out.

        Without a Contact, the peer is where it was called.
        """
        return cls(
            call_id=call_id(invite),
            local=invite.headers.get("From") or "",
            remote=response.headers.get("To") or "",
            target=_contact(response) or invite.uri,
            route_set=tuple(reversed([route for route in response.headers.values("Record-Route") if _parsed(route)])),
            local_seq=cseq(invite).number,
        )

    @property
    def remote_tag(self) -> str:
        return _tag(self.remote)

    @property
    def local_tag(self) -> str:
        return _tag(self.local)

    @property
    def next_hop(self) -> str | None:
        """The URI of a strict router, to which requests go although it is not in their Route; else None."""
        router = _parsed(self.route_set[0]) if self.route_set else None
        return None if router is None or router.is_loose else _as_request_uri(router)

    def request(self, method: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Request:
        """Return the next request of this dialog (section 12.2.1.1)."""
        self.local_seq += 1
        return self._request(CSeq(self.local_seq, method), headers, body)

    def ack(self, invite: Request) -> Request:
        """Return the ACK of a 2xx to this INVITE (section 13.2.2.4)."""
        credentials = [(name, line) for name in _CREDENTIALS for line in invite.headers.lines(name)]
        return self._request(CSeq(cseq(invite).number, "ACK"), credentials, b"")

    def renumber(self, request: Request) -> None:
        """Give a request the next number: it is sent again, and another one may have taken the number after its own."""
        self.local_seq += 1
        request.headers.set("CSeq", str(CSeq(self.local_seq, request.method)))

    def refresh(self, message: Request | Response) -> None:
        """Take the Contact of a target refresh (section 12.2): an INVITE or UPDATE of the peer, or a 2xx to ours."""
        self.target = _contact(message) or self.target

    def confirm(self, invite: Request, response: Response) -> None:
        """Take the route set and the target anew, from the 2xx to the INVITE (section 13.2.2.4)."""
        confirmed = Dialog.begin(invite, response)
        self.remote, self.target, self.route_set = confirmed.remote, confirmed.target, confirmed.route_set

    def receive(self, request: Request) -> bool:
        """Take the number of a request of the peer. Return False for one that is out of order (section 12.2.2)."""
        number = cseq(request).number
        if self.remote_seq is not None and number < self.remote_seq:
            return False
        self.remote_seq = number
        return True

    def _request(self, number: CSeq, headers: Iterable[tuple[str, str]], body: bytes) -> Request:
        uri, routes = self.target, self.route_set
        if router := self.next_hop:  # section 12.2.1.1: it takes the last Route for the target
            uri, routes = router, (*routes[1:], f"<{self.target}>")
        common = [
            *(("Route", route) for route in routes),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", str(number)),
        ]
        return Request(number.method, uri, Headers([*common, *headers]), body)


def _tag(value: str) -> str:
    try:
        return NameAddr.parse(value).tag
    except MalformedMessage:
        return ""


def remote_tag(response: Response) -> str:
    """Return the tag of the peer that has sent a response; "" where it has none, or a malformed To."""
    try:
        return to(response).tag
    except MalformedMessage:
        return ""


def _contact(message: Request | Response) -> str | None:
    """Return the URI of a Contact as a Request-URI may have it: without headers and `method` (section 19.1.1)."""
    try:
        found = contact_uri(message)
        return None if found is None else _as_request_uri(Uri.parse(found))
    except MalformedMessage:
        return None


def _parsed(route: str) -> Uri | None:
    try:
        return Uri.parse(NameAddr.parse(route).uri)
    except MalformedMessage:
        return None


def _as_request_uri(uri: Uri) -> str:
    params = {name: value for name, value in uri.params.items() if name != "method"}
    return str(replace(uri, params=params, headers=""))
