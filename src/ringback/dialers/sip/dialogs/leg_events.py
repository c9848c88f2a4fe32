"""What a leg is called with, and what happens to it: values that the leg and the bridge share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import NameAddr
from ringback.dialers.sip.transport.faults import FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPlan:
    """Whom a leg calls, how, and as whom."""

    # The Request-URI.
    uri: str
    # The preloaded Route (RFC 3261 section 8.1.1.1): the proxy, with `lr`.
    routes: tuple[str, ...] = ()
    from_: NameAddr
    to: NameAddr
    # The user part of our Contact.
    user: str
    # Further headers of the INVITE, in this order.
    headers: tuple[tuple[str, str], ...] = ()
    call_id: str
    ring_timeout_s: float
    credentials: SipCredentials | None = None
    # Return why an address must not be reached, "" when it may.
    judge: Callable[[str], str] | None = None
    # Keep `Leg.state()` for a successor. Awaited before an INVITE leaves and before the 2xx is acknowledged, so that
    # this process may be killed at any moment: what it had not kept yet, the peer sends again.
    keep: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an INVITE, a re-INVITE or a REFER did not succeed."""

    # The final response; 0 when there was none.
    status: int = 0
    reason: str = ""
    # Of its Reason header (RFC 3326); 0 when there was none.
    q850: int = 0
    # Why there was no final response.
    fault: FaultKind | None = None
    # What is known of the fault, such as the rule that an address breaks.
    fault_text: str = ""
    # The other phone was alerted: a 180, or a 183 with SDP, which is how a network rings in-band.
    rang: bool = False
    # No final response before the ring timeout; the leg was cancelled.
    ring_timed_out: bool = False
    retry_after_s: int | None = None
    # Of a redirection, which is not followed.
    contacts: tuple[str, ...] = ()
    # SipCredentials had been sent.
    authorized: bool = False
    # The text of a Warning (RFC 3261 section 20.43).
    warning: str = ""


@dataclass(frozen=True, slots=True)
class LegProgress:
    """A provisional response but 100."""

    status: int
    sdp: bytes | None = None


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """The INVITE was answered, and the ACK sent."""

    sdp: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The INVITE was not answered; nothing more comes of this leg."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Offered:
    """A re-INVITE or UPDATE of the peer, which waits for `Leg.answer()` or `Leg.refuse()`."""

    # None: the peer requests an offer, and its ACK has the answer (RFC 3261 section 14.2).
    sdp: bytes | None
    # What the leg needs to answer it.
    transaction: object = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The ACK of a re-INVITE without SDP, with the answer to what `Leg.answer()` offered."""

    offered: Offered
    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class HungUp:
    """The leg is over: by a BYE, by `Leg.hang_up()`, or because its dialog was found to be gone."""

    by_peer: bool
    q850: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Notified:
    """A NOTIFY of our REFER (RFC 3515 section 2.4)."""

    # As in Subscription-State: "active", or "terminated".
    subscription_state: str
    # A status line, such as "SIP/2.0 180 Ringing", and what the peer tells of the headers (RFC 3420).
    sipfrag: bytes


@dataclass(frozen=True, slots=True)
class Dtmf:
    """An INFO of the peer, with digits (application/dtmf-relay and the like), answered already."""

    content_type: str
    body: bytes


LegEvent = LegProgress | LegAnswered | Failed | Offered | Acknowledged | HungUp | Notified | Dtmf
