"""Requests outside of any dialog: OPTIONS and REGISTER."""

import secrets
from collections.abc import Sequence

from ringback.dialers.sip.messages.digest import DigestClient
from ringback.dialers.sip.messages.message import Headers, NameAddr, Request, Response
from ringback.dialers.sip.transactions.endpoint import Endpoint


def new_call_id() -> str:
    return secrets.token_hex(16)


def standalone_request(
    method: str,
    uri: str,
    *,
    from_uri: str,
    to_uri: str = "",
    call_id: str = "",
    number: int = 1,
    routes: Sequence[str] = (),
) -> Request:
    """Return a request as section 8.1.1 wants it, but for the Via. Routes are those of a proxy."""
    headers = Headers()
    for route in routes:
        headers.add("Route", route)
    headers.add("From", str(NameAddr(display="", uri=from_uri).with_tag(secrets.token_hex(8))))
    headers.add("To", str(NameAddr(display="", uri=to_uri or uri)))
    headers.add("Call-ID", call_id or new_call_id())
    headers.add("CSeq", f"{number} {method}")
    return Request(method, uri, headers)


async def final_response(endpoint: Endpoint, request: Request, digest: DigestClient | None = None) -> Response:
    """Send a request, answer challenges, and return the final response. Raise `TransactionFailed`."""
    while True:
        transaction = await endpoint.send(request)
        response = await transaction.response()
        while response.status < 200:
            response = await transaction.response()
        if digest is None or response.status not in (401, 407):
            return response
        again = digest.answer(transaction.request, response)
        if again is None:
            return response
        request = again
