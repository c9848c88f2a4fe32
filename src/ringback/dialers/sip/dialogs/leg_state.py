"""What is kept of a leg, so that another process can go on with it, or end it."""

from typing import Final

from msgspec import Struct

from ringback.dialers.sip.dialogs.dialog import MAX_FORWARDS, Dialog
from ringback.dialers.sip.messages.message import CSeq, Headers, Request, cseq
from ringback.dialers.sip.transport.destination import Destination

# Requests of a dialog after it was kept, such as OPTIONS, have taken numbers. A peer refuses a lower one.
CSEQ_GAP: Final = 1000


class PendingInvite(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An INVITE without a final response: enough of it for its CANCEL, and for the ACK of what it brings."""

    uri: str
    routes: tuple[str, ...] = ()
    local: str
    remote: str
    contact: str
    seq: int
    branch: str
    via: str = ""
    """As it was sent. Until then, and where it was not kept since, "": it may have been sent, with this branch."""
    destination: Destination | None = None

    @classmethod
    def of(cls, call: Request, branch: str, destination: Destination | None) -> "PendingInvite":
        vias = call.headers.lines("Via")
        return cls(
            uri=call.uri,
            routes=tuple(call.headers.lines("Route")),
            local=call.headers.get("From") or "",
            remote=call.headers.get("To") or "",
            contact=call.headers.get("Contact") or "",
            seq=cseq(call).number,
            branch=branch,
            via=vias[0] if vias else "",
            destination=destination,
        )

    def request(self, call_id: str) -> Request:
        headers = [
            *([("Via", self.via)] if self.via else []),
            *(("Route", route) for route in self.routes),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", call_id),
            ("CSeq", str(CSeq(self.seq, "INVITE"))),
            ("Contact", self.contact),
        ]
        return Request("INVITE", self.uri, Headers(headers))


class LegState(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A leg. It has a dialog, or an INVITE that is pending, or neither: it is not called yet, or over."""

    call_id: str
    user: str
    """Of our Contact, the host of which is that of the process that has the leg."""
    dialog: Dialog | None = None
    invite: PendingInvite | None = None
    origin: tuple[str, int] | None = None
    """Session id and version of the o= line that was sent last."""
