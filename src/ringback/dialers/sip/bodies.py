"""The SDP in a message's body, which a network may have wrapped together with its own signalling (multipart, RFC 5621)."""

import re
from typing import Final

from ringback.dialers.sip.message import Message

SDP_TYPE: Final = "application/sdp"
_BOUNDARY: Final = re.compile(
    r';\s*+boundary\s*+=\s*+(?:"(?P<quoted>[^"]{1,70})"|(?P<token>[^\s;"]{1,70}))', re.IGNORECASE
)
_END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")
_PART_TYPE: Final = re.compile(
    rb"^(?:content-type|c)[ \t]*+:[ \t]*+application/sdp[ \t]*+(?:;|\r?$)", re.IGNORECASE | re.MULTILINE
)


def content_type(message: Message) -> str:
    """Return the type of the body in lower case, without parameters; "" where there is none."""
    return (message.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def sdp_of(message: Message) -> bytes | None:
    """Return the SDP of a message; None where it has none. A body without a type is one (RFC 3261 section 20.15)."""
    if not message.body:
        return None
    kind = content_type(message)
    if kind in ("", SDP_TYPE):
        return message.body
    return _part(message) if kind.startswith("multipart/") else None


def is_readable(message: Message) -> bool:
    """Return whether a body, if there is one, can be an offer or an answer: what cannot is refused with 415."""
    encoding = (message.headers.get("Content-Encoding") or "identity").strip().lower()
    return not message.body or (encoding == "identity" and sdp_of(message) is not None)


def _part(message: Message) -> bytes | None:
    found = _BOUNDARY.search(message.headers.get("Content-Type") or "")
    if found is None:
        return None
    boundary = b"--" + (found["quoted"] or found["token"]).encode("utf-8", "surrogateescape")
    for part in (b"\r\n" + message.body).split(b"\n" + boundary)[1:]:
        end = _END_OF_HEADERS.search(part)
        if end is not None and _PART_TYPE.search(part, 0, end.start()):
            return part[end.end() :].removesuffix(b"\r")
    return None
