"""What a page of a listed origin may send and read (CORS, in the Fetch standard). Never with cookies."""

from typing import Final

from ringback.web.door.head import Head
from ringback.web.door.headers import Headers

_METHODS: Final = "GET, POST, DELETE"
# What clients of Connect and gRPC-Web send, and credentials, which are never a cookie here.
_REQUEST_HEADERS: Final = (
    "authorization",
    "content-type",
    "connect-protocol-version",
    "connect-timeout-ms",
    "connect-accept-encoding",
    "connect-content-encoding",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "traceparent",
    "tracestate",
    "x-grpc-web",
    "x-user-agent",
)
_RESPONSE_HEADERS: Final = (
    "connect-accept-encoding",
    "connect-content-encoding",
    "etag",
    "grpc-encoding",
    "grpc-message",
    "grpc-status",
    "grpc-status-details-bin",
    "location",
    "retry-after",
    "www-authenticate",
    "x-request-id",
)
# As long as Chromium keeps it.
_MAX_AGE_S: Final = 7200
# What a preflight of a listed origin gets, besides what lets its page read the response.
PREFLIGHT: Final[Headers] = (
    (b"access-control-allow-methods", _METHODS.encode()),
    (b"access-control-allow-headers", ", ".join(_REQUEST_HEADERS).encode()),
    (b"access-control-max-age", str(_MAX_AGE_S).encode()),
)
_RESPONSE: Final[Headers] = ((b"access-control-expose-headers", ", ".join(_RESPONSE_HEADERS).encode()),)


def is_preflight(head: Head) -> bool:
    return head.method == "OPTIONS" and b"access-control-request-method" in head.headers


def response_headers(origin: str) -> Headers:
    """Return what lets a page of a listed origin read a response."""
    return ((b"access-control-allow-origin", origin.encode("latin-1")), *_RESPONSE)
