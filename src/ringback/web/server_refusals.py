"""The responses of the server itself: to a request that it cannot read, or that is too large."""

import secrets
from http import HTTPStatus
from typing import Final

from ringback.web.door.headers import security_headers, with_headers
from ringback.web.problems import problem

_DETAILS: Final = {
    HTTPStatus.BAD_REQUEST: "The request is not as HTTP has it.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The line and the headers of the request are too long, or too many.",
    HTTPStatus.NOT_IMPLEMENTED: "A body comes in one piece or in chunks, and in no other transfer coding.",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "This version of HTTP is not spoken here.",
}


def refusal(status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the headers and the content of a refusal, as every other one has them."""
    response = problem(status, _DETAILS.get(HTTPStatus(status), "The request is refused."))
    own = [*response.raw_headers, (b"x-request-id", secrets.token_hex(8).encode())]
    return with_headers(own, security_headers(https=False, host="")), bytes(response.body)
