"""The ladder of a call: one line for each message of its two legs."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.cli.sip_ladder import AGENT, TARGET, Ladder
from ringback.dialers.sip.messages.redaction import redacted
from tests.world.ladder_messages import message, request, response

CALL = [
    (0.0, True, request("INVITE", "a", sdp=True)),
    (0.0041, False, response("100 Trying", "a")),
    (2.31, False, response("200 OK", "a", sdp=True)),
    (2.311, True, request("ACK", "a")),
    (2.32, True, request("INVITE", "b", sdp=True)),
    (2.4, False, response("183 Session Progress with a long phrase", "b", sdp=True)),
    (2.5, True, request("REGISTER", "r")),
    (74.0, False, response("180 Call tel:+41445556677", "b")),
    (75.0, False, request("BYE", "b")),
    (75.001, True, response("200 OK", "b", "BYE")),
]


def test_a_call_of_which_only_the_redacted_text_is_left() -> None:
    """It looks the same, although a redacted message could not be parsed."""
    whole, texts = Ladder(), Ladder()
    for at, sent, data in CALL:
        identifier = data.decode().partition("Call-ID: ")[2].partition("\r\n")[0]
        line = texts.line_of_text(at, sent=sent, call_id=identifier, text=redacted(data))
        assert line == whole.line(at, sent=sent, data=data)
    assert texts.sides == whole.sides
    assert texts.call_ids == ("a", "b")


@given(st.text(), st.booleans())
def test_whatever_a_text_has_its_line_is_one(text: str, sent: bool) -> None:
    ladder = Ladder()
    ladder.line_of_text(0, sent=True, call_id="a", text="INVITE sip:a@x SIP/2.0")
    line = ladder.line_of_text(0, sent=sent, call_id="a", text=text)
    assert line is not None
    assert line.isprintable()


def test_a_call() -> None:
    ladder = Ladder()
    lines = [ladder.line(at, sent=sent, data=data) for at, sent, data in CALL]
    assert [ladder.heading, *lines, ladder.note(75.1, "answered")] == [
        "           agent                      ringback                      target",
        "    0.000  |<--------- INVITE sdp --------|                              |",
        "    0.004  |--------- 100 Trying -------->|                              |",
        "    2.310  |--------- 200 OK sdp -------->|                              |",
        "    2.311  |<------------ ACK ------------|                              |",
        "    2.320  |                              |--------- INVITE sdp -------->|",
        "    2.400  |                              |<-- 183 Session Progr... sdp -|",
        None,
        "   74.000  |                              |<-- 180 Call tel:+41 44 *... -|",
        "   75.000  |                              |<------------ BYE ------------|",
        "   75.001  |                              |---------- 200 BYE ---------->|",
        "   75.100  - answered",
    ]


def test_the_side_that_is_called_first_opens_its_lane() -> None:
    ladder = Ladder(first=TARGET)
    line = ladder.line(0, sent=True, data=CALL[0][2])
    assert line is not None
    assert line.index("INVITE") > line.index("|", 12)
    assert Ladder(first=AGENT).line(0, sent=True, data=CALL[0][2]) != line


@given(st.binary() | st.text().map(lambda text: message(f"SIP/2.0 200 {text}", "a", "1 INVITE")))
def test_whatever_comes_is_a_line_that_can_be_printed(data: bytes) -> None:
    ladder = Ladder()
    ladder.line(0, sent=True, data=CALL[0][2])
    line = ladder.line(0, sent=False, data=data)
    assert line is None or line.isprintable()
