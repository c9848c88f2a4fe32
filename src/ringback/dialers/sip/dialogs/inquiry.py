"""INFO and NOTIFY of a peer, as far as they have a meaning for a call: digits, and how a REFER goes on."""

from typing import Final

from ringback.dialers.sip.dialogs.leg_events import Dtmf, Notified
from ringback.dialers.sip.dialogs.responses import respond
from ringback.dialers.sip.messages.body import content_type
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction

REFER_EVENT: Final = "refer"
# What phones and networks send for a digit.
_DIGITS: Final = ("application/dtmf-relay", "application/dtmf", "audio/telephone-event")


def take_info(transaction: ServerTransaction) -> Dtmf | None:
    """Respond to an INFO. Return the digits that it has."""
    request = transaction.request
    kind = content_type(request.headers)
    if "Info-Package" in request.headers:
        respond(transaction, 469, [("Recv-Info", "")])  # RFC 6086 section 4.2.2: none was agreed on
        return None
    if request.body and kind not in _DIGITS:
        respond(transaction, 415, [("Accept", ", ".join(_DIGITS))])
        return None
    respond(transaction, 200)
    return Dtmf(kind, request.body) if request.body else None


def take_notify(transaction: ServerTransaction, *, has_referred: bool) -> Notified | None:
    """Respond to a NOTIFY. Return what it says of our REFER (RFC 3515 section 2.4.4)."""
    headers = transaction.request.headers
    event = (headers.get("Event") or "").partition(";")[0].strip().lower()
    if event != REFER_EVENT:
        respond(transaction, 489, [("Allow-Events", REFER_EVENT)])
        return None
    if not has_referred:
        respond(transaction, 481)
        return None
    respond(transaction, 200)
    state = (headers.get("Subscription-State") or "active").partition(";")[0].strip().lower()
    return Notified(state, transaction.request.body)
