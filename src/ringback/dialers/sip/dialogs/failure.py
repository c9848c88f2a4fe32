"""What a refusal, or a fault of the network, says."""

from typing import Final

from ringback.dialers.sip.dialogs.leg_events import Failure
from ringback.dialers.sip.messages.header_values import printable
from ringback.dialers.sip.messages.message import (
    MalformedMessage,
    NameAddr,
    Request,
    Response,
    number_of,
    reason_cause,
    warning_text,
)
from ringback.dialers.sip.transport.faults import TransactionFailed

# Of a redirection. They are reported, not called.
_MAX_CONTACTS: Final = 5


def refused(request: Request, response: Response, *, rang: bool = False) -> Failure:
    """Return what the final response to a request says. 3xx are not followed: they would lead calls anywhere."""
    return failure_of(response, rang=rang, authorized=is_authorized(request))


def failure_of(response: Response, *, rang: bool, authorized: bool = False) -> Failure:
    """Return what a final response says, whichever request it is to."""
    return Failure(
        status=response.status,
        reason=printable(response.reason),
        q850=q850_of(response),
        rang=rang,
        retry_after_s=number_of(response.headers, "Retry-After"),
        contacts=_contacts(response) if 300 <= response.status < 400 else (),
        authorized=authorized,
        warning=printable(warning_text(response.headers)),
    )


def unanswered(request: Request, fault: TransactionFailed, *, rang: bool = False) -> Failure:
    """Return that there was no final response."""
    return Failure(fault=fault.kind, fault_text=fault.text, rang=rang, authorized=is_authorized(request))


def is_authorized(request: Request) -> bool:
    return "Authorization" in request.headers or "Proxy-Authorization" in request.headers


def q850_of(message: Request | Response) -> int:
    """Return the Q.850 cause of a Reason header (RFC 3326); 0 where there is none."""
    reason = reason_cause(message.headers)
    return reason.cause if reason is not None and reason.protocol == "Q.850" else 0


def _contacts(response: Response) -> tuple[str, ...]:
    found = []
    for value in response.headers.values("Contact")[:_MAX_CONTACTS]:
        try:
            found.append(printable(NameAddr.parse(value).uri))
        except MalformedMessage:
            continue
    return tuple(found)
