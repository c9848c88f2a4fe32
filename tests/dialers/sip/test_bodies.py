import pytest

from ringback.dialers.sip.bodies import is_readable, sdp_of
from ringback.dialers.sip.message import Headers, Request

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
ISUP = b"\x01\x00\x60--not a boundary"


def multipart(boundary: bytes) -> bytes:
    """Return what a network sends that has its own signalling beside the SDP (RFC 5621, RFC 3204)."""
    return b"\r\n".join(
        [
            b"preamble",
            b"--" + boundary,
            b"Content-Type: application/isup;version=itu-t92+",
            b"Content-Disposition: signal;handling=optional",
            b"",
            ISUP,
            b"--" + boundary,
            b"content-type : application/sdp",
            b"",
            SDP,
            b"--" + boundary + b"--",
            b"",
        ]
    )


@pytest.mark.parametrize(
    ("content_type", "body", "sdp"),
    [
        ("application/sdp", SDP, SDP),
        ("Application/SDP ; charset=utf-8", SDP, SDP),
        (None, SDP, SDP),
        ("application/sdp", b"", None),
        ("text/plain", SDP, None),
        ("multipart/mixed;boundary=unique-1", multipart(b"unique-1"), SDP),
        ('multipart/mixed; x=y ;Boundary="a b"', multipart(b"a b"), SDP),
        ("multipart/mixed;boundary=other", multipart(b"unique-1"), None),
        ("multipart/mixed", multipart(b"unique-1"), None),
        ("multipart/mixed;boundary=b", b"--b\nContent-Type: application/sdp\n\nv=0\n--b--", b"v=0"),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\napplication/sdp\r\n--b--", None),
    ],
)
def test_the_sdp_is_found(content_type: str | None, body: bytes, sdp: bytes | None) -> None:
    headers = Headers([] if content_type is None else [("c", content_type)])
    message = Request("INVITE", "sip:us", headers, body)
    assert sdp_of(message) == sdp
    assert is_readable(message) is (sdp is not None or not body)


def test_what_is_compressed_is_not_read() -> None:
    headers = Headers([("Content-Type", "application/sdp"), ("e", "gzip")])
    assert not is_readable(Request("INVITE", "sip:us", headers, SDP))
