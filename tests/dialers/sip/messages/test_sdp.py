"""Session descriptions: one side's media shown to the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.dialers.sip.messages.message import MalformedMessage
from ringback.dialers.sip.messages.sdp import (
    INACTIVE,
    MAX_LINES,
    MAX_STREAMS,
    RECVONLY,
    SENDONLY,
    SENDRECV,
    Media,
    Origin,
    SessionDescription,
    answer_from,
    direction,
    held_offer,
    moved,
    offer_from,
)
from tests.world import sdp_bodies as bodies

ORIGIN = Origin("ringback", 42, 7, "192.0.2.1")


def read(text: str) -> SessionDescription:
    return SessionDescription.parse(text.replace("\n", "\r\n").encode())


def session(*streams: str) -> SessionDescription:
    return read("v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n" + "\n".join(streams))


@pytest.mark.parametrize("name", bodies.ALL)
def test_a_description_is_kept_line_by_line(name: str) -> None:
    text = bodies.ALL[name]
    assert read(text).encode().decode() == text.replace("\n", "\r\n")
    assert SessionDescription.parse(text.encode()) == read(text)


def test_the_held_offer_has_a_stream_that_nothing_is_sent_to() -> None:
    offer = held_offer(ORIGIN, ["PCMA", "PCMU", "telephone-event", "G722", "opus/48000/2"])
    assert offer.encode().decode().split("\r\n") == [
        "v=0",
        "o=ringback 42 7 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 9 RTP/AVP 8 0 101 9 96",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:96 opus/48000/2",
        "a=inactive",
        "",
    ]
    assert direction(offer) == INACTIVE
    assert "c=IN IP6 2001:db8::1" in held_offer(Origin("-", 1, 1, "2001:db8::1"), ["PCMA"]).session


@pytest.mark.parametrize("codec", ["", "a b", "PCMA/x", "PCMA\r\na=x", "opus/48000/99"])
def test_a_codec_has_a_name(codec: str) -> None:
    with pytest.raises(ValueError, match="is no codec"):
        held_offer(ORIGIN, [codec])


def test_the_answer_of_one_side_is_the_offer_to_the_other() -> None:
    offer = offer_from(read(bodies.BARESIP), ORIGIN)
    expected = bodies.BARESIP.replace("o=- 3873452313 1 IN IP4 192.0.2.10", str(ORIGIN)).replace(INACTIVE, SENDRECV)
    assert offer == read(expected)
    assert offer.origin == ORIGIN
    assert ORIGIN.next() == Origin("ringback", 42, 8, "192.0.2.1")


def test_what_nobody_here_understands_is_passed_on_in_its_order() -> None:
    offer = offer_from(read(bodies.RTPENGINE), ORIGIN, None)
    assert offer == read(bodies.RTPENGINE.replace("o=root 2107 2108 IN IP4 192.0.2.13", str(ORIGIN)))


def test_a_direction_is_set_for_each_stream_that_is_not_refused() -> None:
    held = offer_from(session("a=sendonly", "m=audio 1 RTP/AVP 0", "m=video 0 RTP/AVP 31"), ORIGIN, INACTIVE)
    assert [stream.lines for stream in held.media] == [
        ("m=audio 1 RTP/AVP 0", "a=inactive"),
        ("m=video 0 RTP/AVP 31",),
    ]
    assert "a=sendonly" not in held.session


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (bodies.BARESIP, INACTIVE),
        (bodies.TWINKLE, SENDRECV),
        (bodies.RTPENGINE, SENDONLY),
        (bodies.HELD_AS_BEFORE_3264, SENDONLY),
        (bodies.HELD_AS_BEFORE_3264.replace(SENDRECV, RECVONLY), INACTIVE),
        (bodies.HELD_AS_BEFORE_3264.replace("IP4 0.0.0.0", "IP6 ::"), SENDONLY),
        (bodies.TWINKLE.replace("t=0 0", "t=0 0\na=recvonly"), RECVONLY),
        (bodies.TWINKLE.replace("m=audio 8000", "m=audio 0"), INACTIVE),
    ],
)
def test_the_direction(text: str, expected: str) -> None:
    assert direction(read(text)) == expected


def test_streams_keep_their_places_in_a_dialog() -> None:
    previous = session("m=audio 1 RTP/AVP 0", "m=video 2 RTP/AVP 31", "m=image 3 udptl t38")
    offer = offer_from(session("m=video 5 RTP/AVP 99", "m=audio 4 RTP/AVP 8"), ORIGIN, previous=previous)
    assert [stream.lines[0] for stream in offer.media] == [
        "m=audio 4 RTP/AVP 8",
        "m=video 5 RTP/AVP 99",
        "m=image 0 udptl t38",
    ]
    longer = offer_from(
        session("m=text 6 RTP/AVP 98", "m=audio 4 RTP/AVP 8"), ORIGIN, previous=session("m=audio 1 x 0")
    )
    assert [stream.kind for stream in longer.media] == ["audio", "text"]


def test_an_answer_has_the_streams_of_the_offer() -> None:
    offer = session(
        "m=audio 1 RTP/AVP 0", "m=video 2 RTP/AVP 31", "m=audio 0 RTP/AVP 8", "m=image 3 udptl t38", "m=audio 7 X 0"
    )
    other = session("m=image 5 udptl t38", "m=audio 4 RTP/AVP 0", "a=x", "m=audio 6 RTP/AVP 8", "m=audio 6 RTP/AVP 0")
    answer = answer_from(other, offer, ORIGIN)
    assert [stream.lines for stream in answer.media] == [
        ("m=audio 4 RTP/AVP 0", "a=x"),
        ("m=video 0 RTP/AVP 31",),
        ("m=audio 0 RTP/AVP 8",),
        ("m=image 5 udptl t38",),
        ("m=audio 0 X 0",),
    ]
    assert answer.origin == ORIGIN
    assert not answer.refused
    assert answer_from(session(), session("m=audio 1 RTP/AVP 0"), ORIGIN).refused


@pytest.mark.parametrize(
    ("offered", "theirs", "answered"),
    [
        (SENDRECV, SENDRECV, SENDRECV),
        (SENDONLY, SENDRECV, RECVONLY),
        (RECVONLY, SENDRECV, SENDONLY),
        (INACTIVE, SENDRECV, INACTIVE),
        (SENDRECV, INACTIVE, INACTIVE),
        (SENDONLY, SENDONLY, INACTIVE),
        (SENDONLY, RECVONLY, RECVONLY),
        (RECVONLY, RECVONLY, INACTIVE),
    ],
)
def test_no_answer_goes_where_the_offer_does_not(offered: str, theirs: str, answered: str) -> None:
    offer = session("m=audio 1 RTP/AVP 0", f"a={offered}")
    other = session("m=audio 4 RTP/AVP 0", f"a={theirs}", "a=ptime:20")
    assert answer_from(other, offer, ORIGIN).media == (Media(("m=audio 4 RTP/AVP 0", f"a={answered}", "a=ptime:20")),)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("a=inactive", "a=sendrecv"), False),
        (("o=- 3873452313 1", "o=- 3873452313 2"), False),
        (("a=ptime:20", "a=ptime:30"), False),
        (("m=audio 16384", "m=audio 16386"), True),
        (("m=audio 16384", "m=audio 0"), True),
        (("c=IN IP4 192.0.2.10", "c=IN IP4 192.0.2.20"), True),
        (("8 0 101\n", "0 8 101\n"), False),
        (("8 0 101\n", "8 101\n"), True),
        (("RTP/AVP", "RTP/SAVP"), True),
        (("a=label:1", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"), True),
        (("a=rtpmap:101", "a=rtpmap:96"), True),
        (("a=ptime:20", "a=ptime:20\nm=video 1 RTP/AVP 31"), True),
    ],
)
def test_a_change_of_place_codecs_or_keys_is_told(change: tuple[str, str], expected: bool) -> None:
    before, after = read(bodies.BARESIP), read(bodies.BARESIP.replace(*change))
    assert moved(before, after) is expected
    assert moved(after, before) is expected


def test_a_codec_that_nobody_sends_is_not_missed() -> None:
    before = read(bodies.BARESIP)
    after = read(bodies.BARESIP.replace("8 0 101\n", "8 101\n"))
    assert not moved(before, after, used=read(bodies.ASTERISK))
    assert moved(before, after, used=read(bodies.TWINKLE))
    assert moved(before, read(bodies.BARESIP.replace("0 101\n", "0 96\n").replace(":101", ":96")), used=before)


def test_codecs_have_names_also_without_a_map() -> None:
    assert session("m=audio 1 RTP/AVP 8 0 77 t38", "a=rtpmap:77 opus/48000/2").media[0].codecs == {
        "PCMA/8000": "8",
        "PCMU/8000": "0",
        "OPUS/48000/2": "77",
        "t38": "t38",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0",
        "o=- 1 1 IN IP4 x\nv=0",
        "v=1\no=- 1 1 IN IP4 x",
        "v=0\no=- 1 1 IN IP4 x\nm=audio",
        "v=0\no=- 1 1 IN IP4 x\nm=audio -1 RTP/AVP 0",
        "v=0\no=- 1 1 IN IP4 x\nno line",
        "v=0\no=- 1 1 IN IP4 x\n" + "m=audio 1 RTP/AVP 0\n" * (MAX_STREAMS + 1),
        "v=0\no=- 1 1 IN IP4 x\n" + "a=b\n" * MAX_LINES,
        "\x00",
    ],
)
def test_what_is_no_description(text: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        SessionDescription.parse(text.encode())
    assert caught.value.status == 488


STREAMS = st.builds(
    lambda kind, port, protocol, way: [f"m={kind} {port} {protocol} 0", *([f"a={way}"] if way else [])],
    st.sampled_from(["audio", "video", "image"]),
    st.sampled_from([0, 4000, 5000]),
    st.sampled_from(["RTP/AVP", "RTP/SAVP"]),
    st.sampled_from(["", SENDRECV, SENDONLY, RECVONLY, INACTIVE]),
)
SESSIONS = st.lists(STREAMS, max_size=5).map(lambda streams: session(*(line for lines in streams for line in lines)))


@given(SESSIONS, SESSIONS)
def test_any_answer_fits_its_offer(offer: SessionDescription, other: SessionDescription) -> None:
    answer = answer_from(other, offer, ORIGIN)
    assert [stream.kind for stream in answer.media] == [stream.kind for stream in offer.media]
    assert [stream.protocol for stream in answer.media] == [stream.protocol for stream in offer.media]
    for asked, stream in zip(offer.media, answer.media, strict=True):
        if asked.port == 0:
            assert stream.port == 0
        elif stream.port:
            fits = {SENDONLY: (RECVONLY, INACTIVE), RECVONLY: (SENDONLY, INACTIVE), INACTIVE: (INACTIVE,)}
            way = offer.direction(asked)
            assert way == SENDRECV or answer.direction(stream) in fits[way]


@given(SESSIONS, SESSIONS)
def test_any_offer_keeps_the_places_of_the_one_before(previous: SessionDescription, other: SessionDescription) -> None:
    offer = offer_from(other, ORIGIN, previous=previous)
    kinds = [stream.kind for stream in previous.media]
    assert [stream.kind for stream in offer.media][: len(kinds)] == kinds
    live = sorted(stream.lines[0] for stream in other.media if stream.port)
    assert sorted(stream.lines[0] for stream in offer.media if stream.port) == live


@given(st.binary(max_size=200) | st.text(alphabet="vomca=0 1\r\n:/\u00e4", max_size=80).map(str.encode))
def test_no_bytes_do_harm(data: bytes) -> None:
    try:
        found = SessionDescription.parse(b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\n" + data)
    except MalformedMessage:
        return
    assert SessionDescription.parse(found.encode()) == found
    assert not moved(found, found)
    assert answer_from(found, found, ORIGIN).origin == ORIGIN
