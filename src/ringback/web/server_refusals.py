"""Requests that are refused before any application has them, and what their clients get."""

import re
import secrets
from collections.abc import Iterable
from typing import Final

import h11
from h11._receivebuffer import ReceiveBuffer

from ringback.web.door.headers import security_headers, with_headers
from ringback.web.problems import problem

_MAX_HEADERS: Final = 100
_LATER: Final = ((b"retry-after", b"1"), (b"connection", b"close"))
# A target with a scheme and a host.
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)
# Of a request: its target and its headers.
MAX_HEADER_BYTES: Final = 16 * 1024
# What a client is told, by status.
_DETAILS: Final = {
    400: "The request is not as HTTP has it.",
    408: "The request has not come in time.",
    431: "The line and the headers of the request are too long, or too many.",
    501: "A body comes in one piece or in chunks, and in no other transfer coding.",
    503: "There are too many connections: try again.",
    505: "This version of HTTP is not spoken here.",
}


def refusal(status: int, *, https: bool) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the headers and the body of the response, which are like those of any other refusal."""
    response = problem(status, _DETAILS.get(status, "The request is refused."))
    request_id = (b"x-request-id", secrets.token_hex(8).encode())
    return with_headers([*response.raw_headers, request_id], security_headers(https=https, host="")), bytes(
        response.body
    )


def refused_connection() -> bytes:
    """Return the response, of HTTP/1.1, to whatever comes on a connection for which there is no room."""
    headers, body = refusal(503, https=False)
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in [*headers, *_LATER])
    return b"HTTP/1.1 503 Service Unavailable\r\n" + lines + b"\r\n" + body


class StrictLines(ReceiveBuffer):
    """Lines of HTTP/1.1 that end in CR LF, and none that goes on in the next.

    h11 takes LF alone for the end of a line, and a line that begins with a blank for more of the line before. To a
    proxy in front that is another header, such as the one that says where the request ends.
    """

    def maybe_extract_lines(self) -> list[bytearray] | None:
        before = bytes(self._data)
        lines = super().maybe_extract_lines()
        if lines is not None:
            taken = before[: len(before) - len(self._data)]
            if taken.count(b"\n") != taken.count(b"\r\n") or any(line.startswith((b" ", b"\t")) for line in lines):
                raise h11.RemoteProtocolError("a line has no end of its own")
        return lines


def fault_of(request: h11.Request) -> int | None:
    """Return the status for a request that proxies and servers may understand differently, or that is too large."""
    names = [name for name, _ in request.headers]
    if request.http_version not in (b"1.0", b"1.1"):
        return 505
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
        return 400
    # What comes at once is of any size: h11 limits only what it has to keep.
    return fault_in_size(request.target, request.headers)


def fault_in_size(target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    sizes = [len(name) + len(value) for name, value in headers]
    return 431 if len(sizes) > _MAX_HEADERS or len(target) + sum(sizes) > MAX_HEADER_BYTES else None


def target_of(request: h11.Request) -> tuple[bytes | None, bytes]:
    """Return the path with its query, and the host if the target has one: that counts then, not Host (RFC 9112)."""
    found = _ABSOLUTE.fullmatch(request.target)
    if found is None:
        return None, request.target
    host, path = found.groups()
    return host, path if path.startswith(b"/") else b"/" + path
