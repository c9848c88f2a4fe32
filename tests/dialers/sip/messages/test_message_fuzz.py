"""Any bytes: read, or refused with `MalformedMessage`; the same again when written; at a cost that is linear.

`pytest -m long` plays many more, over mutations of the messages of RFC 4475.
"""

import re
import sys
from collections.abc import Callable, Iterator
from re._constants import MAXREPEAT  # type: ignore[import-not-found]
from re._parser import SubPattern  # type: ignore[import-not-found]
from re._parser import parse as parse_pattern
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.dialers.sip.messages import body, digest, framing, header_values, headers, redaction, sdp, trace, uri
from ringback.dialers.sip.messages import message as messages
from ringback.dialers.sip.messages.body import session_of
from ringback.dialers.sip.messages.digest import DigestClient, SipCredentials
from ringback.dialers.sip.messages.framing import StreamFramer
from ringback.dialers.sip.messages.headers import Headers, split
from ringback.dialers.sip.messages.message import (
    MalformedMessage,
    Message,
    NameAddr,
    Reason,
    Request,
    Response,
    Via,
    encode,
    parse,
)
from ringback.dialers.sip.messages.redaction import redacted
from ringback.dialers.sip.messages.sdp import Origin, SessionDescription, answer_from, held_offer, moved, offer_from
from ringback.dialers.sip.messages.uri import Uri
from tests.world.sip_mutations import MUTATIONS, PIECES

ORIGIN = Origin("-", 1, 1, "192.0.2.1")


def read(data: bytes) -> Message | None:
    """Return the message, or None when it is refused; what is refused can be answered."""
    try:
        return parse(data)
    except MalformedMessage as fault:
        if fault.request is not None:
            encode(messages.response_to(fault.request, fault.status, to_tag="x"))
            messages.top_via(fault.request)
        return None


def or_refused(function: Callable[..., object], *arguments: object) -> None:
    """Call; the only fault is a `MalformedMessage`."""
    try:
        function(*arguments)
    except MalformedMessage:
        return


def look_everywhere(data: bytes) -> None:
    """Use a message as the stack does, in each way."""
    redacted(data)
    found = read(data)
    if found is None:
        return
    written = encode(found)
    again = parse(written)
    assert encode(again) == written
    assert again.body == found.body
    for reader in (messages.top_via, messages.cseq, messages.from_, messages.to):
        assert reader(again) == reader(found)
    or_refused(messages.contact_uri, found)
    messages.reason_cause(found.headers)
    messages.warning_text(found.headers)
    messages.number_of(found.headers, "Expires")
    if (session := session_of(found)) is not None:
        or_refused(look_at_session, session)
    if isinstance(found, Response):
        DigestClient(SipCredentials("a", "b"), lambda: "c").answer(REQUEST, found)
    else:
        encode(messages.response_to(found, 200, to_tag="x"))


def look_at_session(data: bytes) -> None:
    found = SessionDescription.parse(data)
    assert SessionDescription.parse(found.encode()) == found
    assert not moved(found, found, used=found)
    offer_from(found, ORIGIN, previous=held_offer(ORIGIN, ["PCMA"]))
    answer_from(found, held_offer(ORIGIN, ["PCMA"]), ORIGIN)


REQUEST = Request("INVITE", "sip:b@x", Headers([("CSeq", "1 INVITE")]))


@given(MUTATIONS)
def test_mutations_of_messages(data: bytes) -> None:
    look_everywhere(data)


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_pieces_in_any_order(pieces: list[bytes]) -> None:
    look_everywhere(b"INVITE sip:b@x SIP/2.0\r\n" + b"".join(pieces))
    look_everywhere(b"SIP/2.0 200 OK\r\n" + b"".join(pieces))


@given(st.binary(max_size=500))
def test_any_bytes(data: bytes) -> None:
    look_everywhere(data)


@given(st.lists(MUTATIONS, min_size=1, max_size=3), st.integers(min_value=1, max_value=2000))
def test_any_stream(pieces: list[bytes], size: int) -> None:
    stream = b"".join(pieces)
    assert cut(stream, size) == cut(stream, len(stream))


def cut(stream: bytes, size: int) -> list[object]:
    """Return what a framer makes of a stream in segments of this size."""
    framer, found = StreamFramer(), list[object]()
    for start in range(0, len(stream), size):
        try:
            found += framer.feed(stream[start : start + size])
        except MalformedMessage:
            break
    return found


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(['"', "\\", "<", ">", ",", ";", "=", " ", "sip:a@x", "x"])).map("".join)
)
def test_any_header_value(text: str) -> None:
    for kind in (NameAddr, Via, Reason, Uri):
        try:
            found = kind.parse(text)
        except MalformedMessage:
            continue
        assert kind.parse(str(found)) == found
    assert all(element.strip(" \t") == element != "" for element in split(text))


@pytest.mark.long
@settings(max_examples=12_000, suppress_health_check=[HealthCheck.too_slow])
@given(MUTATIONS)
def test_many_mutations_of_messages(data: bytes) -> None:
    look_everywhere(data)


# --- Cost: counted, not timed -------------------------------------------------------------------------------------

HEADS = (
    b"Via: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
)


def long_message(piece: bytes, times: int, *, into: str) -> bytes:
    """Return a message in one part of which a piece is repeated."""
    parts = {"header": b"", "via": b"", "body": b"", "uri": b"", "challenge": b"", into: piece * times}
    kind = b"multipart/mixed;boundary=x" if b"--x" in piece else b"application/sdp"
    start = b"SIP/2.0 401 No\r\n" if parts["challenge"] else b"INVITE sip:b@x%s SIP/2.0\r\n" % parts["uri"]
    more = b"Contact: %s\r\nVia: %s\r\nWWW-Authenticate: Digest %s\r\nContent-Type: %s\r\n\r\n" % (
        parts["header"],
        parts["via"],
        parts["challenge"],
        kind,
    )
    session = b"v=0\r\no=- 1 1 IN IP4 x\r\n" if kind == b"application/sdp" else b""
    return start + HEADS + more + session + parts["body"]


class Lines:
    """Counts the lines of Python that run. Within one, a regular expression is linear: see the test below."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> "Lines":
        self.count += event == "line"
        return self


def lines_run(data: bytes) -> int:
    lines, before = Lines(), sys.gettrace()
    sys.settrace(lines)
    try:
        look_everywhere(data)
    finally:
        sys.settrace(before)
    return lines.count


@pytest.mark.parametrize(
    ("into", "piece"),
    [
        ("header", b'"'),
        ("header", b'"\\'),
        ("header", b"<"),
        ("header", b","),
        ("header", b";a"),
        ("header", b"\r\n a"),
        ("header", b"sip:a@"),
        ("header", b"sip:0785556677"),
        ("via", b"SIP/2.0/UDP x,"),
        ("via", b";;"),
        ("uri", b";a=b"),
        ("uri", b"%20"),
        ("body", b"a=b\r\n"),
        ("body", b"m=audio 1 RTP/AVP 0\r\n"),
        ("body", b"a=crypto:"),
        ("body", b"\r\n--x"),
        ("body", b"\r\n--x\r\nc:multipart/mixed;boundary=x\r\n\r\n"),
        ("challenge", b'a="b",'),
        ("challenge", b'a="\\",'),
        ("challenge", b"Digest a,"),
        ("challenge", b'realm="r",nonce="n",Digest '),
    ],
)
def test_twice_the_size_costs_no_more_than_twice_as_much(into: str, piece: bytes) -> None:
    base = lines_run(long_message(piece, 1, into=into))
    once = lines_run(long_message(piece, 120, into=into)) - base
    twice = lines_run(long_message(piece, 240, into=into)) - base
    assert twice <= 2 * max(once, 0) + base


MODULES = [body, digest, framing, header_values, headers, messages, redaction, sdp, trace, uri]


def repeats(pattern: Any) -> Iterator[tuple[str, int]]:
    """Yield each repetition of a parsed pattern that gives back what it has taken, and its highest count."""
    for operator, arguments in pattern:
        name = str(operator)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            yield name, int(arguments[1])
        for argument in arguments if isinstance(arguments, list | tuple) else ():
            for child in argument if isinstance(argument, list) else [argument]:
                if isinstance(child, SubPattern):
                    yield from repeats(child)


def test_no_regular_expression_tries_anything_twice() -> None:
    """A repetition is possessive, or its count is small. A search begins at each place anew, but then fails soon."""
    patterns = [
        (module.__name__, name, pattern)
        for module in MODULES
        for name, pattern in vars(module).items()
        if isinstance(pattern, re.Pattern)
    ]
    assert len(patterns) > 20
    assert list(repeats(parse_pattern("(?:a*|b++)(?=c{2,3}?)"))) == [("MAX_REPEAT", int(MAXREPEAT)), ("MIN_REPEAT", 3)]
    for module, name, pattern in patterns:
        for _, count in repeats(parse_pattern(pattern.pattern, pattern.flags & ~re.UNICODE)):
            assert count <= 64, f"{module}.{name}"
