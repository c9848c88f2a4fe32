"""What the HTTP dialer and a gateway tell each other: orders, reports, and how both are signed. Pure."""

import hmac
import re
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from ringback.domain.call_ids import MAX_CALL_IDS, call_id_violation
from ringback.domain.callback import Callback
from ringback.domain.control_characters import CONTROL
from ringback.domain.outcome import Outcome
from ringback.domain.service import Service

SIGNATURE_HEADER: Final = "ringback-signature"
# Of W3C Trace Context.
TRACE_HEADER: Final = "traceparent"
# How far apart the clocks may be. What is repeated within it changes nothing: reports are idempotent.
WINDOW_S: Final = 300
_SIGNATURE: Final = re.compile(r"t=(0|[1-9][0-9]{0,11}),v1=[0-9a-f]{64}")
_KEY_LENGTH: Final = 32
MAX_DETAIL: Final = 512


def sign(secret: bytes, body: bytes, at_s: int) -> str:
    """Return the value of the header: a time, and the HMAC-SHA256 of the time, a dot and the body."""
    return f"t={at_s},v1={hmac.new(secret, b'%d.%b' % (at_s, body), sha256).hexdigest()}"


def is_signed(secret: bytes, body: bytes, signature: str, now_s: float) -> bool:
    parts = _SIGNATURE.fullmatch(signature)
    if parts is None or abs(now_s - int(parts[1])) > WINDOW_S:
        return False
    return hmac.compare_digest(signature, sign(secret, body, int(parts[1])))


def order_key(lease_token: str) -> str:
    """Return what names an order: one for each lease. The token itself stays here, since it is a credential."""
    return sha256(lease_token.encode()).hexdigest()[:_KEY_LENGTH]


def call_order(key: str, callback: Callback, service: Service, report_url: str) -> bytes:
    """Return the order to place a call."""
    lease, request = callback.lease, callback.request
    ring_timeout = (lease and lease.ring_timeout) or service.ring_timeout
    duration = service.max_call_duration
    return msgspec.json.encode(
        {
            "order": key,
            "type": "call",
            "report_url": report_url,
            "callback_id": callback.callback_id,
            "attempt": len(callback.attempts) + 1,
            "target": callback.dial_target,
            "service": service.sip_address,
            "agent_address": service.agent_address or service.sip_address,
            "first_leg": service.first_leg,
            "ring_timeout_s": ring_timeout.total_seconds(),
            "max_call_duration_s": duration and duration.total_seconds(),
            "caller_line_identity": service.caller_line_identity,
            "caller_line_restricted": service.caller_line_restricted,
            "context_url": request.context_url,
            "description": request.description,
            "external_task_id": request.external_task_id,
        }
    )


def other_order(key: str, kind: str, report_url: str) -> bytes:
    """Return the order to cancel a call, or to tell once more how far it is (`status`)."""
    return msgspec.json.encode({"order": key, "type": kind, "report_url": report_url})


class GatewayEvent(StrEnum):
    """What a gateway reports of a call."""

    DIALING = "dialing"
    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"
    NOT_DIALLED = "not_dialled"


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report of a gateway, with the limits of DialerService."""

    order: Annotated[str, Meta(pattern=f"^[0-9a-f]{{{_KEY_LENGTH}}}$")]
    event: GatewayEvent
    call_ids: Annotated[tuple[str, ...], Meta(max_length=MAX_CALL_IDS)] = ()
    # Of an end.
    outcome: Outcome | None = None
    sip_status: Annotated[int, Meta(ge=0, le=699)] = 0
    q850_cause: Annotated[int, Meta(ge=0, le=127)] = 0
    detail: Annotated[str, Meta(max_length=MAX_DETAIL)] = ""
    agent: Annotated[str, Meta(max_length=128)] = ""
    disposition: Annotated[str, Meta(max_length=64)] = ""
    # Of a call that was not dialled.
    reason: Annotated[str, Meta(max_length=512)] = ""
    agents_unavailable: bool = False

    def __post_init__(self) -> None:
        if (self.outcome is None) is (self.event is GatewayEvent.ENDED):
            raise ValueError("an outcome belongs to `ended`, and `ended` has one")
        if 0 < self.sip_status < 100:
            raise ValueError("sip_status is no status")
        if any(CONTROL.search(text) for text in (self.detail, self.agent, self.disposition, self.reason)):
            raise ValueError("a text has a control character")
        for call_id in self.call_ids:
            if violation := call_id_violation(call_id):
                raise ValueError(f"a Call-ID {violation}")


def parse_report(body: bytes) -> Report:
    """Read a report. Raise `ValueError`."""
    return _REPORTS.decode(body)


_REPORTS: Final = msgspec.json.Decoder(Report)
