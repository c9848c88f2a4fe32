"""What a failed leg means: the outcome of the attempt, and why, in words.

A Q.850 cause (RFC 3326) comes from nearer to the phone than the SIP response around it, so it is looked at first: a
500 with cause 1 is a number that is not allocated.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ringback.dialers.sip.dialogs.leg_events import Failure
from ringback.dialers.sip.messages.status import phrase
from ringback.dialers.sip.transport.faults import FaultKind
from ringback.domain.control_characters import CONTROL
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport

MAX_DETAIL_LENGTH: Final = 512
_MAX_QUOTED: Final = 160
# What the wire has room for.
_MAX_Q850: Final = 127

NORMAL_CLEARING: Final = 16
# Of the target's leg, once it has answered; and once we have cancelled it, whatever it says of that.
OK: Final = 200
CANCELLED: Final = 487


class CallSide(StrEnum):
    """The two legs of a call."""

    AGENT = "agent"
    TARGET = "target"

    @property
    def other(self) -> "CallSide":
        return CallSide.TARGET if self is CallSide.AGENT else CallSide.AGENT


# These say more than the cause that gateways make of them: RFC 8197 maps 607 to 21, as 603 is.
_BEFORE_Q850: Final[Mapping[int, Outcome]] = MappingProxyType({607: Outcome.BLOCKED, 608: Outcome.BLOCKED})

BY_Q850: Final[Mapping[int, Outcome]] = MappingProxyType(
    {
        1: Outcome.INVALID_NUMBER,
        2: Outcome.NOT_AUTHORIZED,
        3: Outcome.NOT_AUTHORIZED,
        17: Outcome.BUSY,
        18: Outcome.NO_ANSWER,
        19: Outcome.NO_ANSWER,
        20: Outcome.UNREACHABLE,
        21: Outcome.DECLINED,
        22: Outcome.INVALID_NUMBER,
        27: Outcome.NETWORK_FAILURE,
        28: Outcome.INVALID_NUMBER,
        31: Outcome.UNREACHABLE,
        34: Outcome.NETWORK_FAILURE,
        38: Outcome.NETWORK_FAILURE,
        41: Outcome.NETWORK_FAILURE,
        42: Outcome.NETWORK_FAILURE,
        47: Outcome.NETWORK_FAILURE,
        102: Outcome.NETWORK_FAILURE,
    }
)
BY_STATUS: Final[Mapping[int, Outcome]] = MappingProxyType(
    {
        # A network that refuses our calls does so whatever the number: its configuration or ours is to be mended.
        401: Outcome.NOT_AUTHORIZED,
        402: Outcome.NOT_AUTHORIZED,
        403: Outcome.NOT_AUTHORIZED,
        407: Outcome.NOT_AUTHORIZED,
        404: Outcome.INVALID_NUMBER,
        410: Outcome.INVALID_NUMBER,
        484: Outcome.INVALID_NUMBER,
        485: Outcome.INVALID_NUMBER,
        604: Outcome.INVALID_NUMBER,
        480: Outcome.UNREACHABLE,
        486: Outcome.BUSY,
        600: Outcome.BUSY,
        603: Outcome.DECLINED,
    }
)
# These say only that nobody answered; what it means depends on whether the phone rang.
_NO_ANSWER: Final = frozenset({408, 487})

# Where the phone did not ring, and where it did: a connection may be lost after that.
_NO_FAULT: Final = (Outcome.NETWORK_FAILURE, Outcome.NETWORK_FAILURE)
_BY_FAULT: Final[Mapping[FaultKind, tuple[Outcome, Outcome]]] = MappingProxyType(
    {
        FaultKind.TIMEOUT: (Outcome.UNREACHABLE, Outcome.NO_ANSWER),
        FaultKind.REFUSED: (Outcome.UNREACHABLE, Outcome.NETWORK_FAILURE),
        FaultKind.UNRESOLVED: (Outcome.UNREACHABLE, Outcome.UNREACHABLE),
        FaultKind.TLS: (Outcome.NOT_AUTHORIZED, Outcome.NOT_AUTHORIZED),
        FaultKind.FORBIDDEN: (Outcome.BLOCKED, Outcome.BLOCKED),
    }
)
_FAULT_WORDS: Final[Mapping[FaultKind, str]] = MappingProxyType(
    {
        FaultKind.TIMEOUT: "no response",
        FaultKind.REFUSED: "the connection was refused",
        FaultKind.UNRESOLVED: "the host has no address",
        FaultKind.TLS: "the TLS handshake failed",
        FaultKind.FORBIDDEN: "the address of the host must not be dialled",
    }
)


def outcome_of(failure: Failure) -> Outcome:
    """Return what the failure of the target's leg means for the attempt."""
    if failure.status in _BEFORE_Q850:
        return _BEFORE_Q850[failure.status]
    if (known := BY_Q850.get(failure.q850)) is not None:
        return known
    if failure.ring_timed_out or failure.status in _NO_ANSWER:
        return Outcome.NO_ANSWER if failure.rang else Outcome.UNREACHABLE
    if failure.status:
        return BY_STATUS.get(failure.status) or _by_class(failure.status)
    silent, rang = _NO_FAULT if failure.fault is None else _BY_FAULT[failure.fault]
    return rang if failure.rang else silent


def _by_class(status: int) -> Outcome:
    # A redirection is not followed: whoever answers could have calls made to wherever it likes.
    return Outcome.UNREACHABLE if 300 <= status < 400 else Outcome.NETWORK_FAILURE


def report_of(failure: Failure, *, ring_timeout_s: float = 0) -> OutcomeReport:
    """Return the report of an attempt whose target was not reached."""
    return OutcomeReport(
        outcome=outcome_of(failure),
        sip_status=CANCELLED if failure.ring_timed_out else failure.status,
        q850_cause=failure.q850 if 0 < failure.q850 <= _MAX_Q850 else 0,
        detail=detail_of(CallSide.TARGET, failure, ring_timeout_s=ring_timeout_s),
    )


def detail_of(side: CallSide, failure: Failure, *, ring_timeout_s: float = 0) -> str:
    """Return what happened to a leg, for people: which one, the response and its cause, what may help."""
    facts = [_what(failure, ring_timeout_s)]
    if failure.q850:
        facts.append(f"Q.850 cause {failure.q850}")
    if failure.warning:
        facts.append(f"warning: {quoted(failure.warning)}")
    if failure.retry_after_s is not None:
        facts.append(f"Retry-After {failure.retry_after_s} s")
    if failure.contacts:
        contacts = ", ".join(quoted(contact) for contact in failure.contacts)
        facts.append(f"redirected to {contacts}, which is not followed")
    if failure.status in (401, 407):
        facts.append("the credentials were refused" if failure.authorized else "there are no credentials for it")
    return text(f"{side}: {'; '.join(facts)}")


def logged_detail_of(side: CallSide, failure: Failure) -> str:
    """Return it without the words of the peer, in which numbers may be, for a log where nothing tells them apart."""
    return detail_of(side, replace(failure, reason="", warning="", contacts=()))


def _what(failure: Failure, ring_timeout_s: float) -> str:
    if failure.ring_timed_out:
        waited = f" within {ring_timeout_s:g} s" if ring_timeout_s else ""
        return f"rang, and was not answered{waited}" if failure.rang else f"did not ring or answer{waited}"
    if failure.status:
        # The phrase is the peer's own, and may be missing.
        return f"{failure.status} {quoted(failure.reason) or phrase(failure.status)}"
    if failure.fault is None:
        return quoted(failure.fault_text) or "failed"
    words = _FAULT_WORDS[failure.fault]
    return f"{words}: {quoted(failure.fault_text)}" if failure.fault_text else words


def quoted(foreign: str) -> str:
    """Return a text of a peer, made harmless and short."""
    printable = CONTROL.sub(" ", foreign).encode("utf-8", "replace").decode().strip()
    return printable if len(printable) <= _MAX_QUOTED else f"{printable[: _MAX_QUOTED - 1]}…"


def text(detail: str) -> str:
    """Return a detail that is no longer than it may be."""
    return detail if len(detail) <= MAX_DETAIL_LENGTH else f"{detail[: MAX_DETAIL_LENGTH - 1]}…"


def cause_of(q850: int) -> int:
    """Return a cause that can be passed on; where a peer gives none that is one, that of a normal end."""
    return q850 if 0 < q850 <= _MAX_Q850 else NORMAL_CLEARING


def answered_report(detail: str, *, q850: int = 0) -> OutcomeReport:
    """Return the report of a call that reached the target."""
    return OutcomeReport(outcome=Outcome.ANSWERED, sip_status=OK, q850_cause=cause_of(q850), detail=text(detail))


def unserved_report(detail: str) -> OutcomeReport:
    """Return the report of a call that the target answered, and the agent was gone."""
    return OutcomeReport(outcome=Outcome.ABANDONED, sip_status=OK, detail=text(detail))
