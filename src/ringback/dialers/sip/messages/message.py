"""SIP messages: bytes to values and back (RFC 3261 sections 7, 18.3 and 25).

What comes is read tolerantly: folded headers, short names, space before the colon, bytes that are not UTF-8 (they are
kept, and sent back as they came), a status line without a phrase, lines that are no header. What a transaction or a
dialog rests on is strict: start line, Via, From, To, Call-ID, CSeq, Content-Length. Each part has a limit, and is read
once, in linear time.
"""

import re
from typing import Final

from ringback.dialers.sip.messages.header_values import CSeq, NameAddr, Reason, Via, is_any_uri, printable, unquoted
from ringback.dialers.sip.messages.headers import NAME, Headers, first_of, is_token
from ringback.dialers.sip.messages.message_types import MalformedMessage, Message, Request, Response
from ringback.dialers.sip.messages.status import phrase
from ringback.dialers.sip.messages.uri import Uri

__all__ = [
    "CSeq",
    "Headers",
    "MalformedMessage",
    "Message",
    "NameAddr",
    "Reason",
    "Request",
    "Response",
    "Via",
    "body_length",
    "call_id",
    "contact_uri",
    "cseq",
    "encode",
    "from_",
    "number_of",
    "parse",
    "read_headers",
    "reason_cause",
    "response_to",
    "to",
    "top_via",
    "warning_text",
]

MAX_HEADER_BYTES: Final = 32_768
MAX_HEADERS: Final = 256
MAX_BODY_BYTES: Final = 65_536
MAX_HOPS: Final = 255  # section 20.22

VERSION: Final = "SIP/2.0"
# A datagram keeps bytes as they came; so does a stream.
_CODEC: Final = ("utf-8", "surrogateescape")
END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile("\r?\n")
_FOLD: Final = re.compile("\r?\n[ \t]++")
_STATUS_LINE: Final = re.compile(
    r"SIP/2\.0[ \t]++(?P<status>[1-6][0-9]{2})(?:[ \t]++(?P<reason>.*+))?+", re.ASCII | re.IGNORECASE | re.DOTALL
)
_VERSION: Final = re.compile(r"SIP/[0-9]{1,3}\.[0-9]{1,3}", re.ASCII | re.IGNORECASE)
_HEADER: Final = re.compile(rf"({NAME.pattern})[ \t]*+:[ \t]*+(.*+)", re.DOTALL)
# It is allowed as quoted-pair only (section 25.1).
_RAW_NUL: Final = re.compile(r"(?<!\\)\x00")
_DIGITS: Final = re.compile("[0-9]{1,10}", re.ASCII)
_WARNING: Final = re.compile(r'[0-9]{3} \S++ (?P<text>"(?:[^"\\]++|\\.)*+")', re.ASCII | re.DOTALL)
_ONCE: Final = frozenset({"call-id", "cseq", "from", "to", "max-forwards"})


def parse(data: bytes) -> Message:
    """Read one whole message: a datagram, or what `StreamFramer` cut. Raise `MalformedMessage`."""
    data = data.lstrip(b"\r\n")  # section 7.5
    end = END_OF_HEADERS.search(data, 0, MAX_HEADER_BYTES)
    start_line, *lines = _lines(data[: end.start() if end else MAX_HEADER_BYTES])
    message = _start(start_line)
    try:
        message.headers = _headers(lines[:MAX_HEADERS])
        if len(lines) > MAX_HEADERS or (end is None and len(data) > MAX_HEADER_BYTES):
            raise MalformedMessage("The headers are too large or too many.", 513)  # noqa: TRY301 - as all faults
        _check_heads(message)
        if isinstance(message, Request):
            _check_request(message, start_line)
        if end is None:
            raise MalformedMessage("The headers do not end.")  # noqa: TRY301
        message.body = _body(message.headers, data, end.end())
    except MalformedMessage as fault:
        raise MalformedMessage(str(fault), fault.status, _refusable(message)) from None
    return message


def body_length(head: bytes) -> int | None:
    """Return the Content-Length of a message whose headers these are; None without one. Raise `MalformedMessage`."""
    return _content_length(read_headers(head.partition(b"\n")[2]))


def read_headers(head: bytes) -> Headers:
    """Read the headers alone, such as those of a part of a body. Raise `MalformedMessage`."""
    lines = _lines(head)
    if len(lines) > MAX_HEADERS:
        raise MalformedMessage("The headers are too many.", 513)
    return _headers(lines)


def encode(message: Message) -> bytes:
    """Return the message as bytes, with its Content-Length. Raise `ValueError` for a start line with a line break."""
    if isinstance(message, Request):
        line = f"{message.method} {message.uri} {VERSION}"
    else:
        line = f"{VERSION} {message.status} {message.reason}"
    if "\r" in line or "\n" in line:
        raise ValueError("The start line has a line break.")
    headers = message.headers.copy()
    headers.set("Content-Length", str(len(message.body)))
    lines = [line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode(*_CODEC) + message.body


def response_to(request: Request, status: int, reason: str = "", *, to_tag: str = "") -> Response:
    """Return a response with the headers that it takes over, as they were written (section 8.2.6.2)."""
    headers = Headers()
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        for line in request.headers.lines(name):
            headers.add(name, line)
    if to_tag and (value := headers.get("To")) is not None and not _has_tag(value):
        headers.set("To", f"{value};tag={to_tag}")
    return Response(status, reason or phrase(status), headers)


def top_via(message: Message, *, strict: bool = False) -> Via:
    """Return the first Via. Raise `MalformedMessage`, as the functions below do."""
    return Via.parse(first_of(message.headers.get("Via") or ""), strict=strict)


def cseq(message: Message) -> CSeq:
    return CSeq.parse(message.headers.get("CSeq") or "")


def from_(message: Message) -> NameAddr:
    return NameAddr.parse(message.headers.get("From") or "")


def to(message: Message) -> NameAddr:
    return NameAddr.parse(message.headers.get("To") or "")


def call_id(message: Message) -> str:
    return message.headers.get("Call-ID") or ""


def contact_uri(message: Message) -> str | None:
    """Return the URI of the first Contact; None where there is none, or only `*`."""
    contacts = message.headers.values("Contact")
    return NameAddr.parse(contacts[0]).uri if contacts and contacts[0] != "*" else None


def reason_cause(headers: Headers) -> Reason | None:
    """Return the Reason that says most: Q.850 before others (RFC 3326). Malformed ones are passed over."""
    reasons = []
    for value in headers.values("Reason"):
        try:
            reasons.append(Reason.parse(value))
        except MalformedMessage:
            continue
    return min(reasons, key=lambda reason: reason.protocol != "Q.850", default=None)


def warning_text(headers: Headers) -> str:
    """Return the text of the first Warning (section 20.43); "" where there is none."""
    for value in headers.values("Warning"):
        if found := _WARNING.match(value):
            return printable(unquoted(found["text"]))
    return ""


def number_of(headers: Headers, name: str) -> int | None:
    """Return the number with which a header begins (Expires, Min-Expires, Retry-After…); None where there is none."""
    value = headers.get(name)
    found = None if value is None else _DIGITS.match(value)
    return None if found is None else int(found[0])


def _has_tag(value: str) -> bool:
    try:
        return bool(NameAddr.parse(value).tag)
    except MalformedMessage:
        return True  # nothing can be added to it


def _start(line: str) -> Message:
    if line[:4].upper() == "SIP/":
        if (found := _STATUS_LINE.fullmatch(line)) is None:
            raise MalformedMessage("A status line is malformed.")
        return Response(int(found["status"]), found["reason"] or "", Headers())
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    # What has no version, whatever else it is, was not meant for this port.
    if not is_token(method) or "SIP/" not in rest.upper():
        raise MalformedMessage("The first line is neither that of a request nor that of a response.")
    return Request(method, uri if _VERSION.fullmatch(version) else rest, Headers())


def _lines(head: bytes) -> list[str]:
    """Return the lines, unfolded. Raise `MalformedMessage`: then it is unclear where a line ends."""
    text = head.decode(*_CODEC)
    if text.count("\r") != text.count("\r\n") or ("\0" in text and _RAW_NUL.search(text)):
        raise MalformedMessage("The headers have a bare CR or a NUL.")
    return _LINE_END.split(_FOLD.sub(" ", text) if "\n " in text or "\n\t" in text else text)


def _headers(lines: list[str]) -> Headers:
    """Split lines. What is no header is passed over (section 8.2.2: what is not needed is ignored)."""
    found = map(_HEADER.fullmatch, lines)
    return Headers.of_lines((header[1], header[2].rstrip(" \t")) for header in found if header)


def _check_heads(message: Message) -> None:
    """Raise `MalformedMessage` where a header that transactions rest on is missing, doubled or malformed."""
    top_via(message, strict=True), from_(message), to(message)
    once = [name for name in message.headers.names() if name in _ONCE]
    if len(set(once)) < len(once):
        raise MalformedMessage("A header that may be there once is there twice.")
    if not call_id(message):
        raise MalformedMessage("There is no Call-ID.")
    method = cseq(message).method
    if isinstance(message, Request) and message.method != method:
        raise MalformedMessage("The CSeq is that of another method.")


def _check_request(request: Request, start_line: str) -> None:
    version = start_line.rpartition(" ")[2]
    if _VERSION.fullmatch(version) and version.upper() != VERSION:
        raise MalformedMessage("The version is not SIP/2.0.", 505)
    if start_line != f"{request.method} {request.uri} {version}" or not is_any_uri(request.uri):
        raise MalformedMessage("A request line is not a method, a URI and a version, with one space between them.")
    if request.uri.partition(":")[0].lower() in ("sip", "sips"):
        Uri.parse(request.uri)
    hops = request.headers.get("Max-Forwards")
    if hops is not None and not (_DIGITS.fullmatch(hops) and int(hops) <= MAX_HOPS):
        raise MalformedMessage(f"Max-Forwards is not from 0 to {MAX_HOPS}.")


def _body(headers: Headers, data: bytes, start: int) -> bytes:
    length = _content_length(headers)
    end = len(data) if length is None else start + length
    if end - start > MAX_BODY_BYTES:
        raise MalformedMessage(f"The body is larger than {MAX_BODY_BYTES} bytes.", 513)
    if end > len(data):
        raise MalformedMessage("The body is shorter than Content-Length.")
    return data[start:end]  # section 18.3: what follows in a datagram is left out


def _content_length(headers: Headers) -> int | None:
    lengths = headers.lines("Content-Length")
    if not all(_DIGITS.fullmatch(length) for length in lengths) or len(set(lengths)) > 1:
        raise MalformedMessage("Content-Length is not one number.")
    return int(lengths[0]) if lengths else None


def _refusable(message: Message) -> Request | None:
    """Return a request to which a refusal can be sent. An ACK is never answered (section 17)."""
    if isinstance(message, Response) or message.method == "ACK":
        return None
    try:
        top_via(message)
    except MalformedMessage:
        return None
    return message
