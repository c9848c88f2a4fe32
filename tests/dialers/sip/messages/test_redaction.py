"""What a trace and a log must not show, in each form in which a peer may write it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.dialers.sip.messages.redaction import redacted

NUMBER = "0785556677"


def text_of(*lines: str, start: str = "INVITE sip:b@x.example SIP/2.0", body: str = "") -> str:
    return redacted("\r\n".join([start, *lines, "", body]).encode("utf-8", "surrogateescape"))


def test_a_message_is_readable() -> None:
    lines = [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1234567890",
        "Call-ID: 1234567890@x",
        "CSeq: 12345678 INVITE",
    ]
    assert text_of(*lines) == "\n".join(["INVITE sip:b@x.example SIP/2.0", *lines])
    assert text_of(start="SIP/2.0 200 OK") == "SIP/2.0 200 OK"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('Authorization: Digest username="a", response="SECRET"', "Authorization: Digest ***"),
        ("Authorization:\r\n Digest\r\n\tresponse=SECRET,\r\n  nonce=SECRET", "Authorization: Digest ***"),
        ("PROXY-Authorization : Digest SECRET", "PROXY-Authorization : Digest ***"),
        ("Authorization: SECRET", "Authorization: ***"),
        ("Authorization: DIGEST SECRET", "Authorization: Digest ***"),
        ("Authorization:", "Authorization: ***"),
        ('Authentication-Info: rspauth="SECRET"', "Authentication-Info: ***"),
        ("s: SECRET", "s: ***"),
        ("Subject: SECRET", "Subject: ***"),
        ("y: SECRET.SECRET.SECRET", "y: ***"),
        ("Call-Info: <https://x.example/?token=SECRET>;purpose=info", "Call-Info: ***"),
        ("User-to-User: SECRET;encoding=hex", "User-to-User: ***"),
        ('WWW-Authenticate: Digest realm="r", nonce="n"', 'WWW-Authenticate: Digest realm="r", nonce="n"'),
        ("Contact: <sip:a:SECRET@x>", "Contact: <sip:a:***@x>"),
        ("Refer-To: <sip:x?Authorization=SECRET&a=b>", "Refer-To: <sip:x?Authorization=***&a=b>"),
        ("no header", "no header"),
        ("X: a\x07b\udcfc", "X: a\ufffdb\ufffd"),
    ],
)
def test_secrets_are_hidden(line: str, shown: str) -> None:
    assert text_of(line) == f"INVITE sip:b@x.example SIP/2.0\n{shown}"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("To: <sip:+41785556677@x>", "To: <sip:+41 78 *** ** 77@x>"),
        ("To: <tel:+41785556677>", "To: <tel:+41 78 *** ** 77>"),
        ("To: <sip:0785556677@x;user=phone>", "To: <sip:** ** ** ** 77@x;user=phone>"),
        ("To: <sip:%2B41785556677@x>", "To: <sip:+41 78 *** ** 77@x>"),
        ("To: <sip:*31#0785556677@x>", "To: <sip:***@x>"),
        ("To: <sip:*31%230785556677@x>", "To: <sip:***@x>"),
        ("To: <sip:#31#0785556677;phone-context=x@x>", "To: <sip:***;phone-context=x@x>"),
        ("To: <sip:*31#@x>", "To: <sip:*31#@x>"),
        ("From: <sip:100@x>", "From: <sip:100@x>"),
        ('From: "0785556677" <sip:a@x>', 'From: "** ** ** ** 77" <sip:a@x>'),
        ('From: "0785556677@pbx.example" <sip:a@x>', 'From: "** ** ** ** 77@pbx.example" <sip:a@x>'),
        ('From: "Anna (078 555 66 77) ext. 1" <sip:a@x>', 'From: "Anna ** ** ** ** 77) ext. 1" <sip:a@x>'),
        ("Contact: <sip:a@x>;t=12345678, <sip:b@x>", "Contact: <sip:a@x>;t=12345678, <sip:b@x>"),
        ("From: 078 555 66 77 <sip:a@x>", "From: ** ** ** ** 77 <sip:a@x>"),
        ("History-Info: <sip:+41785556677@x>;index=1", "History-Info: <sip:+41 78 *** ** 77@x>;index=1"),
        (
            "P-Asserted-Identity: tel:+41785556677, <sip:0785556677@x>",
            "P-Asserted-Identity: tel:+41 78 *** ** 77, <sip:** ** ** ** 77@x>",
        ),
    ],
)
def test_numbers_are_masked(line: str, shown: str) -> None:
    assert text_of(line) == f"INVITE sip:b@x.example SIP/2.0\n{shown}"
    assert redacted(f"INVITE sip:b@x SIP/2.0\r\n{line}\r\n\r\n".encode(), numbers=True).endswith(line)


@pytest.mark.parametrize("start", ["INVITE tel:{} SIP/2.0", "INVITE sip:{}@x SIP/2.0", "SIP/2.0 404 sip:{}@x"])
def test_the_start_line_is_masked(start: str) -> None:
    data = f"\r\n{start.format(NUMBER)}\r\nVia: x\r\n\r\n".encode()
    assert redacted(data).startswith(start.format("** ** ** ** 77") + "\n")
    assert redacted(data, numbers=True).startswith(start.format(NUMBER) + "\n")


def test_keys_and_names_in_a_session_are_hidden() -> None:
    body = """v=0
o=0785556677 1 2 IN IP4 192.0.2.1
p=+41 78 555 66 77
e=anna@x.example
k=clear:SECRET
m=audio 4000 RTP/SAVP 0
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20
a=crypto:SECRET
a=ice-pwd:SECRET
a=sendrecv"""
    assert text_of("c: application/sdp", body=body).splitlines()[2:] == [
        "",
        "v=0",
        "o=*** 1 2 IN IP4 192.0.2.1",
        "p=***",
        "e=***",
        "k=***",
        "m=audio 4000 RTP/SAVP 0",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***",
        "a=crypto:***",
        "a=ice-pwd:***",
        "a=sendrecv",
    ]


def test_other_bodies_are_not_shown() -> None:
    shown = text_of("Content-Type: application/dtmf-relay", body="Signal=5\r\nDuration=160")
    assert shown.endswith("\n\n(a body of 20 characters: application/dtmf-relay)")
    assert "SECRET" not in text_of(body="SECRET")
    fragment = "SIP/2.0 486 Busy\r\nTo: <sip:0785556677@x>\r\nAuthorization: Digest SECRET"
    assert text_of("Content-Type: message/sipfrag;version=2.0", body=fragment).endswith(
        "\nSIP/2.0 486 Busy\nTo: <sip:** ** ** ** 77@x>\nAuthorization: Digest ***"
    )


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"SECRET", b"GET / HTTP/1.1\r\nCookie: SECRET\r\n\r\n"])
def test_what_is_no_sip_is_not_shown(data: bytes) -> None:
    assert redacted(data) == f"({len(data)} bytes that are not SIP)"


@given(
    st.sampled_from(["Authorization", "proxy-authorization", "AUTHORIZATION"]),
    st.sampled_from(["", " ", "\t"]),
    st.lists(st.sampled_from([" ", "\t", "\r\n ", "\n\t", ","]), min_size=1, max_size=5),
    st.sampled_from(["\r\n", "\n", "\r"]),
)
def test_credentials_are_hidden_however_they_are_written(name: str, space: str, gaps: list[str], end: str) -> None:
    line = f"X: y{end}{name}{space}: Digest" + "".join(f"{gap}SECRET" for gap in gaps)
    shown = redacted(f"INVITE sip:b@x SIP/2.0\r\n{line}\r\nTo: z\r\n\r\n".encode())
    assert "SECRET" not in shown
    assert shown.endswith("\nTo: z")


@given(st.binary(max_size=300))
@example(b"\x0bs")  # Subject, in its compact form
def test_any_bytes_are_shown_printable(data: bytes) -> None:
    shown = redacted(b"INVITE sip:b@x SIP/2.0\r\n" + data)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert redacted(data).split("\n")[0].isprintable()


@pytest.mark.parametrize("line", ["From: <sip:192.0.2.1:5060>;tag=a", "Contact: <sip:192.0.2.1;transport=tcp>"])
def test_an_address_is_no_number(line: str) -> None:
    """An engineer looks for the messages of a host by it."""
    assert text_of(line).splitlines()[1] == line


@pytest.mark.parametrize("uri", ["sip:78.55.66.77@x", "sip:78.55.66.77;isub=1@x", "sip:78.55.66.77:pw@x"])
def test_a_user_that_looks_like_an_address_is_a_number(uri: str) -> None:
    assert "55.66" not in text_of(f"To: <{uri}>")
