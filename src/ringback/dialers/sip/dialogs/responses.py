"""What requests of peers are answered with, within a dialog and outside of one (RFC 3261 sections 8.2 and 11.2)."""

from collections.abc import Iterable
from typing import Final

from ringback.dialers.sip.messages.body import SDP
from ringback.dialers.sip.messages.message import Request, Response, response_to
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction

# Within a dialog. No call is taken: outside of one there is OPTIONS only.
ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY"
_OUTSIDE: Final = "OPTIONS"
_CAPABILITIES: Final = (("Allow", ALLOW), ("Accept", SDP), ("Supported", ""))
# They have a meaning within a dialog only.
_IN_DIALOG: Final = frozenset({"BYE", "UPDATE", "INFO", "PRACK", "NOTIFY"})
TIMER: Final = "timer"
_SCHEMES: Final = ("sip", "sips", "tel")


def respond(
    transaction: ServerTransaction, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> None:
    """Send a response. Of a dialog, its To has our tag already."""
    response = _response(transaction, status, headers)
    response.body = body
    transaction.respond(response)


def respond_once(transaction: ServerTransaction, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
    """Send a response to a request of no dialog, and forget the request."""
    transaction.respond_once(_response(transaction, status, headers))


def respond_outside(transaction: ServerTransaction) -> None:
    """Respond to a request that is of no dialog, and could begin one."""
    method = transaction.request.method
    if method == "OPTIONS":
        scheme = transaction.request.uri.partition(":")[0].lower()
        if scheme in _SCHEMES:
            respond_once(transaction, 200, _CAPABILITIES)
        else:
            respond_once(transaction, 416)
    elif method in _IN_DIALOG:
        respond_once(transaction, 481)
    else:
        respond_once(transaction, 405, [("Allow", _OUTSIDE)])


def respond_options(transaction: ServerTransaction) -> None:
    respond(transaction, 200, _CAPABILITIES)


def refuse_method(transaction: ServerTransaction) -> None:
    respond(transaction, 405, [("Allow", ALLOW)])


def refuse_extensions(transaction: ServerTransaction, *, in_dialog: bool) -> bool:
    """Refuse a request that requires what is not there (section 8.2.2.3). Return whether it was refused."""
    request = transaction.request
    options = request.headers.values("Require")
    unknown = [option for option in options if not _is_understood(option, request)]
    if unknown:
        send = respond if in_dialog else respond_once
        send(transaction, 420, [("Unsupported", ", ".join(unknown))])
    return bool(unknown)


def session_interval(request: Request) -> list[tuple[str, str]]:
    """Return what a refresh that requires a session timer is answered with: the peer goes on to refresh (RFC 4028).

    No timer is offered here. A peer that has one without requiring it gets no such header, and refreshes all the same.
    """
    interval = (request.headers.get("Session-Expires") or "").partition(";")[0].strip()
    if not interval or TIMER not in _lowered(request.headers.values("Require")):
        return []
    return [("Require", TIMER), ("Session-Expires", f"{interval};refresher=uac")]


def _response(transaction: ServerTransaction, status: int, headers: Iterable[tuple[str, str]]) -> Response:
    response = response_to(transaction.request, status, to_tag=transaction.to_tag)
    for name, value in headers:
        response.headers.add(name, value)
    return response


def _is_understood(option: str, request: Request) -> bool:
    """A session timer is understood where the peer, and not this side, is to refresh."""
    expires = request.headers.get("Session-Expires") or ""
    return (
        option.lower() == TIMER
        and bool(request.headers.values("To"))
        and request.method in ("INVITE", "UPDATE")
        and "refresher=uas" not in expires.lower().replace(" ", "")
    )


def _lowered(values: list[str]) -> set[str]:
    return {value.lower() for value in values}
