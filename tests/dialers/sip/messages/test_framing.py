"""Messages of a stream, however it is cut into segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.dialers.sip.messages.framing import KeepAlive, StreamFramer
from ringback.dialers.sip.messages.message import MAX_BODY_BYTES, MAX_HEADER_BYTES, MalformedMessage, Response, parse

HEADS = b"v: SIP/2.0/TCP x;branch=z9hG4bK1\r\nf: <sip:a@x>;tag=1\r\nt: <sip:b@x>\r\ni: c\r\nCSeq: 1 INVITE\r\n"
EMPTY = b"SIP/2.0 100 Trying\r\n" + HEADS + b"\r\n"
WITH_BODY = b"INVITE sip:b@x SIP/2.0\r\n" + HEADS + b"Content-Length\r\n : 8\r\n\r\nbo\r\n\r\ndy"
SHORT = b"SIP/2.0 200 OK\r\n" + HEADS + b"l:\r\n 3\r\n\r\nabc"
LINE_FEEDS = (b"SIP/2.0 486 Busy\r\n" + HEADS + b"l: 0\r\n\r\n").replace(b"\r\n", b"\n")

PIECES: list[tuple[bytes, list[bytes | KeepAlive]]] = [
    (EMPTY, [EMPTY]),
    (WITH_BODY, [WITH_BODY]),
    (SHORT, [SHORT]),
    (LINE_FEEDS, [LINE_FEEDS]),
    (b"\r\n\r\n", [KeepAlive.PING]),
]


@given(st.lists(st.sampled_from(PIECES)), st.lists(st.integers(min_value=0, max_value=4000)))
def test_segments_do_not_matter(pieces: list[tuple[bytes, list[bytes | KeepAlive]]], cuts: list[int]) -> None:
    stream = b"".join(data for data, _ in pieces)
    framer, found, start = StreamFramer(), list[bytes | KeepAlive](), 0
    for cut in [*sorted(cut for cut in cuts if cut < len(stream)), len(stream)]:
        found += framer.feed(stream[start:cut])
        start = cut
    assert found == [piece for _, expected in pieces for piece in expected]


def test_byte_by_byte() -> None:
    framer = StreamFramer()
    stream = b"\r\n" + WITH_BODY + b"\r\n\r\n\r\n" + SHORT
    found = [piece for byte in stream for piece in framer.feed(bytes([byte]))]
    assert found == [WITH_BODY, KeepAlive.PING, SHORT]


def test_a_single_line_end_is_no_ping() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n") == []
    assert framer.feed(EMPTY) == [EMPTY]


def test_what_is_cut_is_a_message() -> None:
    for piece in StreamFramer().feed(EMPTY + WITH_BODY + SHORT + LINE_FEEDS):
        assert isinstance(piece, bytes)
        parse(piece)


def test_a_message_that_is_malformed_by_itself_does_not_end_the_stream() -> None:
    broken = b"INVITE  sip:b@x SIP/2.0\r\n" + HEADS + b"l: 2\r\n\r\nxx"
    assert StreamFramer().feed(broken + SHORT) == [broken, SHORT]


@pytest.mark.parametrize(
    ("broken", "status", "refusable"),
    [
        (b"INVITE sip:b@x SIP/2.0\r\n" + HEADS + b"l: 1\r\nContent-Length: 2\r\n\r\n", 400, False),
        (b"INVITE sip:b@x SIP/2.0\r\n" + HEADS + b"l: -1\r\n\r\n", 400, False),
        (b"INVITE sip:b@x SIP/2.0\r\n" + HEADS + b"l: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 513, True),
        (b"INVITE sip:b@x SIP/2.0\r\n" + HEADS + b"X: " + b"y" * MAX_HEADER_BYTES, 513, True),
        (b"INVITE sip:b@x SIP/2.0\r\n" + HEADS + b"X: y\r\n" * 1000 + b"\r\n", 513, False),
        (b"x" * (MAX_HEADER_BYTES + 1), 400, False),
    ],
)
def test_a_stream_that_cannot_be_read_ends(broken: bytes, status: int, refusable: bool) -> None:
    framer = StreamFramer()
    with pytest.raises(MalformedMessage) as caught:
        framer.feed(broken)
    assert caught.value.status == status
    assert (caught.value.request is not None) is refusable
    assert framer.fault is caught.value
    with pytest.raises(MalformedMessage):
        framer.feed(EMPTY)


def test_what_came_ahead_of_a_fault_is_not_lost() -> None:
    framer = StreamFramer()
    assert framer.feed(SHORT + b"x" * (MAX_HEADER_BYTES + 1)) == [SHORT]
    assert framer.fault is not None
    with pytest.raises(MalformedMessage):
        framer.feed(b"")


def test_the_largest_message_that_is_taken() -> None:
    body = b"x" * MAX_BODY_BYTES
    message = b"SIP/2.0 200 OK\r\n" + HEADS + b"l: %d\r\n\r\n" % len(body) + body
    [piece] = StreamFramer().feed(message)
    assert isinstance(piece, bytes)
    found = parse(piece)
    assert isinstance(found, Response)
    assert found.body == body
