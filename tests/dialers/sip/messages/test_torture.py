"""The torture messages of RFC 4475 and RFC 5118: what is read, and what is refused with which status.

What the RFC leaves to the receiver ("may be liberal") is decided in the comments. What only a registrar or a proxy
could refuse is read here, and refused by its method or scheme later.
"""

from pathlib import Path

import pytest

from ringback.dialers.sip.messages.body import content_type, session_of
from ringback.dialers.sip.messages.message import (
    MalformedMessage,
    Request,
    Response,
    call_id,
    contact_uri,
    cseq,
    encode,
    from_,
    parse,
    response_to,
    to,
    top_via,
)
from ringback.dialers.sip.messages.sdp import SessionDescription
from ringback.dialers.sip.messages.uri import Uri

FOLDER = Path(__file__).parent / "torture"

# Name, section of RFC 4475, method.
REQUESTS = [
    ("wsinv", "3.1.1.1", "INVITE"),
    ("intmeth", "3.1.1.2", "!interesting-Method0123456789_*+`.%indeed'~"),
    ("esc01", "3.1.1.3", "INVITE"),
    ("escnull", "3.1.1.4", "REGISTER"),
    ("esc02", "3.1.1.5", "RE%47IST%45R"),
    ("lwsdisp", "3.1.1.6", "OPTIONS"),
    ("longreq", "3.1.1.7", "INVITE"),
    ("dblreq", "3.1.1.8", "REGISTER"),  # the octets after the message are left out
    ("semiuri", "3.1.1.9", "OPTIONS"),
    ("transports", "3.1.1.10", "OPTIONS"),
    ("mpart01", "3.1.1.11", "MESSAGE"),
    ("escruri", "3.1.2.11", "INVITE"),  # headers of the Request-URI are not acted on
    ("baddate", "3.1.2.12", "INVITE"),  # no Date is read
    ("regbadct", "3.1.2.13", "REGISTER"),  # no Contact of a REGISTER is read
    ("badaspec", "3.1.2.14", "OPTIONS"),  # the spaces within <> are passed over
    ("baddn", "3.1.2.15", "OPTIONS"),  # a name may be more than tokens
    ("badbranch", "3.2.1", "OPTIONS"),  # its branch makes no transaction: see the layer
    ("unkscm", "3.3.2", "OPTIONS"),
    ("novelsc", "3.3.3", "OPTIONS"),
    ("unksm2", "3.3.4", "REGISTER"),
    ("bext01", "3.3.5", "OPTIONS"),
    ("invut", "3.3.6", "INVITE"),
    ("regaut01", "3.3.7", "REGISTER"),
    ("zeromf", "3.3.11", "OPTIONS"),
    ("cparam01", "3.3.12", "REGISTER"),
    ("cparam02", "3.3.13", "REGISTER"),
    ("regescrt", "3.3.14", "REGISTER"),
    ("sdp01", "3.3.15", "INVITE"),
    ("inv2543", "3.4.1", "INVITE"),
]
RESPONSES = [
    ("unreason", "3.1.1.12", 200),
    ("noreason", "3.1.1.13", 100),
    ("bcast", "3.3.10", 200),  # a second Via: the layer drops it
]
REFUSED = [
    ("badinv01", "3.1.2.1", 400),
    ("clerr", "3.1.2.2", 400),
    ("ncl", "3.1.2.3", 400),
    ("scalar02", "3.1.2.4", 400),
    ("quotbal", "3.1.2.6", 400),
    ("ltgtruri", "3.1.2.7", 400),
    ("lwsruri", "3.1.2.8", 400),
    ("lwsstart", "3.1.2.9", 400),
    ("trws", "3.1.2.10", 400),
    ("badvers", "3.1.2.16", 505),
    ("mismatch01", "3.1.2.17", 400),
    ("mismatch02", "3.1.2.18", 400),
    ("insuf", "3.3.1", 400),
    ("multi01", "3.3.8", 400),
    ("mcl01", "3.3.9", 400),
]
DROPPED = [
    ("scalarlg", "3.1.2.5"),
    ("bigcode", "3.1.2.19"),
]


def message_of(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def request_of(name: str) -> Request:
    found = parse(message_of(name))
    assert isinstance(found, Request)
    return found


def test_each_message_has_its_place_in_a_table() -> None:
    names = [row[0] for table in (REQUESTS, RESPONSES, REFUSED, DROPPED) for row in table]
    assert sorted(names) == sorted(file.stem for file in FOLDER.glob("*.dat"))


@pytest.mark.parametrize(("name", "section", "method"), REQUESTS)
def test_a_request_is_read_and_written_again(name: str, section: str, method: str) -> None:
    found = request_of(name)
    assert (found.method, cseq(found).method) == (method, method)
    assert call_id(found)
    again = parse(encode(found))
    assert encode(again) == encode(found)
    assert top_via(parse(encode(response_to(found, 200, to_tag="x")))) == top_via(found)


@pytest.mark.parametrize(("name", "section", "status"), RESPONSES)
def test_a_response_is_read_and_written_again(name: str, section: str, status: int) -> None:
    found = parse(message_of(name))
    assert isinstance(found, Response)
    assert found.status == status
    assert encode(parse(encode(found))) == encode(found)


@pytest.mark.parametrize(("name", "section", "status"), REFUSED)
def test_a_request_is_refused(name: str, section: str, status: int) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(message_of(name))
    assert caught.value.status == status
    assert caught.value.request is not None
    refusal = response_to(caught.value.request, status, to_tag="x")
    assert encode(refusal).startswith(f"SIP/2.0 {status} ".encode())
    assert top_via(refusal) == top_via(caught.value.request)


@pytest.mark.parametrize(("name", "section"), DROPPED)
def test_a_response_is_dropped(name: str, section: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(message_of(name))
    assert caught.value.request is None


def test_a_short_tortuous_invite() -> None:
    found = request_of("wsinv")
    assert found.uri == "sip:vivekg@chair-dnrc.example.com;unknownparam"
    assert (to(found).uri, to(found).tag) == ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
    assert (from_(found).display, from_(found).tag) == ('J Rosenberg \\"', "98asjd8")
    assert cseq(found).number == 9
    assert (top_via(found).transport, top_via(found).host, top_via(found).branch) == ("UDP", "192.0.2.2", "390skdjuw")
    assert found.headers.get("Subject") == ""
    assert found.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert len(found.headers.values("Via")) == 3
    assert contact_uri(found) == "sip:jdrosen@example.com"
    session = session_of(found)
    assert session is not None
    assert [stream.port for stream in SessionDescription.parse(session).media] == [49217, 3227]


def test_a_wide_range_of_characters() -> None:
    found = request_of("intmeth")
    assert to(found).display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert to(found).uri == "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com"
    assert from_(found).display == "token1~` token2'+_ token3*%!.-"
    assert from_(found).params == {"fromparam''~+*_!.-%": '"работающий"', "tag": "_token~1'+`*%!-."}
    assert call_id(found) == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert found.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"
    assert str(to(found)) in encode(Request("X", "sip:x", found.headers)).decode()


def test_escapes_stay_as_they_are() -> None:
    assert to(request_of("esc01")).uri == "sip:%75se%72@example.com"
    assert Uri.parse(str(contact_uri(request_of("esc01")))).params == {"%6c%72": None, "n%61me": "v%61lue%25%34%31"}
    assert to(request_of("escnull")).uri == "sip:null-%00-null@example.com"
    assert to(request_of("esc02")).display == "%Z%45"
    assert request_of("esc02").headers.values("Contact") == [
        "<sip:alias1@host1.example.com>",
        "<sip:alias3@host3.example.com>",
    ]


def test_what_surrounds_an_address() -> None:
    assert (from_(request_of("lwsdisp")).display, from_(request_of("lwsdisp")).tag) == ("caller", "323")
    assert to(request_of("badaspec")).uri == "sip:t.watson@example.org"
    assert from_(request_of("baddn")).display == "Bell, Alexander"
    assert Uri.parse(request_of("semiuri").uri).user == "user;par=u%40example.net"


def test_bodies() -> None:
    assert request_of("dblreq").body == b""
    assert content_type(request_of("mpart01").headers) == "multipart/mixed"
    assert session_of(request_of("mpart01")) is None
    assert session_of(request_of("invut")) is None


def test_reason_phrases() -> None:
    unreason, noreason = parse(message_of("unreason")), parse(message_of("noreason"))
    assert isinstance(unreason, Response)
    assert isinstance(noreason, Response)
    assert unreason.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert noreason.reason == ""


# RFC 5118: the name of the message there, and what is changed in a plain request.
IPV6 = [
    ("4.1", "sip:[2001:db8::10]", "SIP/2.0/UDP [2001:db8::9:1]", "[2001:db8::10]", None),
    ("4.3", "sip:[2001:db8::10:5070]", "SIP/2.0/UDP [2001:db8::9:1]", "[2001:db8::10:5070]", None),
    ("4.4", "sip:[2001:db8::10]:5070", "SIP/2.0/UDP [2001:db8::9:1]", "[2001:db8::10]", 5070),
    ("4.5", "sip:[2001:db8::10]", "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255]", "[2001:db8::10]", None),
    ("4.6", "sip:[2001:db8::10]", "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255", "[2001:db8::10]", None),
    ("4.10", "sip:[2001:db8:::192.0.2.1]", "SIP/2.0/UDP [2001:db8:::192.0.2.1]", "[2001:db8:::192.0.2.1]", None),
]


def ipv6_request(uri: str, via: str) -> bytes:
    lines = [
        f"OPTIONS {uri} SIP/2.0",
        f"Via: {via};branch=z9hG4bKas3-111",
        "To: sip:user@example.com",
        "From: sip:user@example.com;tag=81x2",
        "Call-ID: SSG9559905523997077@hlau_4100",
        "CSeq: 98176 OPTIONS",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(("section", "uri", "via", "host", "port"), IPV6)
def test_ipv6_addresses(section: str, uri: str, via: str, host: str, port: int | None) -> None:
    found = parse(ipv6_request(uri, via))
    assert isinstance(found, Request)
    assert (Uri.parse(found.uri).host, Uri.parse(found.uri).port) == (host, port)
    assert str(top_via(found)) == f"{via};branch=z9hG4bKas3-111"
    assert (top_via(found).params.get("received") or "").strip("[]") in ("", "2001:db8::9:255")


@pytest.mark.parametrize(
    ("uri", "via"),
    [
        ("sip:2001:db8::10", "SIP/2.0/UDP [2001:db8::9:1]"),  # section 4.2
        ("sip:user@2001:db8::10:5070", "SIP/2.0/UDP [2001:db8::9:1]"),
        ("sip:[2001:db8::10", "SIP/2.0/UDP [2001:db8::9:1]"),
        ("sip:user@example.com", "SIP/2.0/UDP 2001:db8::9:1"),
        ("sip:user@example.com", "SIP/2.0/UDP [2001:db8::9:1"),
    ],
)
def test_an_ipv6_address_needs_brackets(uri: str, via: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(ipv6_request(uri, via))
    assert caught.value.status == 400


def test_ipv6_in_a_session() -> None:
    """RFC 5118 sections 4.7 to 4.9."""
    session = SessionDescription.parse(
        b"v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed\r\n"
        b"c=IN IP6 2001:db8::1\r\nt=3338481189 3370017201\r\n"
        b"m=audio 6000 RTP/AVP 2\r\na=rtpmap:2 G726-32/8000\r\n"
        b"m=video 6024 RTP/AVP 107\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:107 H263-1998/90000\r\n"
        b"m=audio 6026 RTP/AVP 0\r\nc=IN IP6 ::ffff:192.0.2.2\r\n"
    )
    addresses = [session.address(stream) for stream in session.media]
    assert addresses == ["2001:db8::1", "192.0.2.1", "::ffff:192.0.2.2"]
    assert session.origin is not None
    assert str(session.origin) == "o=assistant 971731711378798081 0 IN IP6 2001:db8::20"
