"""The session description of a message, alone or among other parts."""

import pytest

from ringback.dialers.sip.messages.body import MAX_DEPTH, content_type, session_of
from ringback.dialers.sip.messages.message import Headers, Response

SDP = b"v=0\r\no=- 1 1 IN IP4 x\r\n"


def found_in(kind: str | None, body: bytes, *more: tuple[str, str]) -> bytes | None:
    headers = Headers([*more, *([] if kind is None else [("c", kind)])])
    return session_of(Response(200, "OK", headers, body))


def mixed(*parts: bytes, boundary: bytes = b"b1") -> bytes:
    return (
        b"preamble"
        + b"".join(b"\r\n--" + boundary + b"\r\n" + part for part in parts)
        + b"\r\n--"
        + boundary
        + b"--\r\n"
    )


def part(kind: bytes, body: bytes) -> bytes:
    return b"Content-Type: " + kind + b"\r\n\r\n" + body


@pytest.mark.parametrize("kind", ["application/sdp", "Application / SDP ; charset=utf-8", None])
def test_the_body_alone(kind: str | None) -> None:
    assert found_in(kind, SDP) == SDP


@pytest.mark.parametrize(
    "kind",
    ["multipart/mixed;boundary=b1", 'Multipart/Alternative; x=y; Boundary="b1"', "multipart/related; boundary=b1"],
)
def test_one_part_of_several(kind: str) -> None:
    body = mixed(
        part(b"application/isup;version=itu-t92+", b"\x01\x02"), part(b"application/sdp", SDP), part(b"x/y", b"")
    )
    assert found_in(kind, body) == SDP


def test_parts_within_parts_end_somewhere() -> None:
    body, kind = SDP, b"application/sdp"
    for depth in range(MAX_DEPTH + 1):
        assert found_in(kind.decode(), body) == SDP
        boundary = b"b%d" % depth
        body = mixed(part(kind, body), boundary=boundary)
        kind = b"multipart/mixed;boundary=" + boundary
    assert found_in(kind.decode(), body) is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/sdp", b""),
        ("application/sdp", b"\r\n"),
        ("text/plain", SDP),
        (None, b"hello"),
        ("application", b"x"),
        ("multipart/mixed", mixed(part(b"application/sdp", SDP))),
        ("multipart/mixed;boundary", mixed(part(b"application/sdp", SDP))),
        ("multipart/mixed;=", mixed(part(b"application/sdp", SDP))),
        ("multipart/mixed;boundary=b2", mixed(part(b"application/sdp", SDP))),
        ("multipart/mixed;boundary=b1", mixed(b"no headers")),
        ("multipart/mixed;boundary=b1", mixed(b"\r\napplication/sdp")),
        ("multipart/mixed;boundary=b1", mixed(part(b"a\rb", SDP))),
        ("multipart/mixed;boundary=b1", b"--b1--\r\n--b1\r\n" + part(b"application/sdp", SDP)),
    ],
)
def test_none_that_can_be_read(kind: str | None, body: bytes) -> None:
    assert found_in(kind, body) is None


def test_what_is_encoded_is_not_read() -> None:
    assert found_in("application/sdp", SDP, ("e", "gzip")) is None
    assert found_in("application/sdp", SDP, ("Content-Encoding", "identity")) == SDP


def test_the_media_type() -> None:
    assert content_type(Headers([("c", "Message/SIPfrag;version=2.0")])) == "message/sipfrag"
    assert content_type(Headers()) == ""
