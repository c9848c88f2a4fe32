"""The session description in the body of a message, also where other parts stand beside it (RFC 5621)."""

import re
from typing import Final

from ringback.dialers.sip.messages.header_values import parse_params, unquoted
from ringback.dialers.sip.messages.headers import Headers
from ringback.dialers.sip.messages.message import END_OF_HEADERS, read_headers
from ringback.dialers.sip.messages.message_types import MalformedMessage, Message

# Parts within parts: a signed mixture has two levels.
MAX_DEPTH: Final = 3
SDP: Final = "application/sdp"

_TYPE: Final = re.compile(r"[ \t]*+([^\s;/]++)[ \t]*+/[ \t]*+([^\s;/]++)[ \t]*+(;.*+)?", re.DOTALL)


def session_of(message: Message) -> bytes | None:
    """Return the session description of a message; None where there is none that can be read."""
    return _session_in(message.headers, message.body, MAX_DEPTH)


def content_type(headers: Headers) -> str:
    """Return the media type in lower case, without parameters; "" where there is none."""
    return _type(headers)[0]


def _session_in(headers: Headers, body: bytes, depth: int) -> bytes | None:
    kind, boundary = _type(headers)
    # Nothing encoded is accepted, and no request of ours says otherwise (RFC 3261 section 20.12).
    if not body.strip() or (headers.get("Content-Encoding") or "identity").strip().lower() != "identity":
        return None
    if kind == SDP or (not kind and body.startswith(b"v=")):
        return body
    if not kind.startswith("multipart/") or not boundary or not depth:
        return None
    for head, content in _parts(body, boundary):
        if (found := _session_in(head, content, depth - 1)) is not None:
            return found
    return None


def _parts(body: bytes, boundary: str) -> list[tuple[Headers, bytes]]:
    """Split a multipart body (RFC 2046 section 5.1.1): what is before the first boundary and after the last is left."""
    delimiter = b"\n--" + boundary.encode("utf-8", "surrogateescape")
    parts = []
    for piece in (b"\n" + body).split(delimiter)[1:]:
        if piece.startswith(b"--"):
            break
        end = END_OF_HEADERS.search(piece)
        if end is None:
            continue
        try:
            headers = read_headers(piece[: end.start()])
        except MalformedMessage:
            continue
        parts.append((headers, piece[end.end() :].removesuffix(b"\r")))
    return parts


def _type(headers: Headers) -> tuple[str, str]:
    """Return the media type and the boundary."""
    found = _TYPE.fullmatch(headers.get("Content-Type") or "")
    if found is None:
        return "", ""
    try:
        params = parse_params(found[3] or "")
    except MalformedMessage:
        params = {}
    return f"{found[1]}/{found[2]}".lower(), unquoted(params.get("boundary") or "")
