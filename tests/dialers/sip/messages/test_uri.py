"""SIP URIs of the wire: what real peers send is kept as it came."""

import pytest

from ringback.dialers.sip.messages.message import MalformedMessage
from ringback.dialers.sip.messages.uri import Uri

KEPT = [
    "sip:alice@atlanta.com",
    "sip:alice:secret@atlanta.com;transport=tcp",
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
    "sip:alice;day=tuesday@atlanta.com",
    "sip:pbx1",
    "sip:100@pbx_1.local:5080",
    "sip:*31#@pbx1",
    "sip:*31%23+41785556677@pbx1",
    "sip:sips%3Auser%40example.com@example.net",
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    "sip:null-%00-null@example.com",
    "sip:user;par=u%40example.net@example.com",
    "sip:müller@example.com",
    "sip:[2001:db8::10]",
    "sip:[2001:db8::10:5070]",
    "sip:user@[2001:db8::10]:5070;lr",
    "sip:a@x;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6;ob",
    "sip:a@x;alias=192.0.2.1~5060~1;r2=on;ftag=A+b",
]


@pytest.mark.parametrize("text", KEPT)
def test_a_uri_is_kept_as_it_was_written(text: str) -> None:
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@",
        "tel:+41785556677",
        "http://example.com",
        "sip:a b@example.com",
        "sip:a@exa mple.com",
        "sip:a@example.com; lr",
        "sip:a@2001:db8::10",
        "sip:a@[2001:db8::10",
        "sip:a@[fe80::1%eth0]",
        "sip:a@x:0",
        "sip:a@x:65536",
        "sip:a@x:99999999999",
        "sip:a@x:٥",  # noqa: RUF001 - a digit, but none of SIP
        "sip:a@x\r\nRoute: <sip:y>",
        "<sip:a@x>",
        "sip:a\0@x",
        "sip:a@x;p=\x1f",
        "sip:a@x?h=\x7f",
        "ſip:a@x",  # noqa: RUF001 - a long s
        "sip:a@müller.example",
    ],
)
def test_what_is_no_sip_uri_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Uri.parse(text)


def test_every_part_is_found() -> None:
    uri = Uri.parse("SIPS:Alice;day=Tuesday@PBX1.Example.COM.:05061;Transport=TLS;LR;;x=;lr=no?Subject=X&to=")
    assert (uri.scheme, uri.user, uri.host, uri.port) == ("sips", "Alice;day=Tuesday", "PBX1.Example.COM.", 5061)
    assert uri.params == {"transport": "TLS", "lr": None, "x": ""}
    assert uri.headers == "Subject=X&to="
    assert (uri.transport, uri.is_loose, uri.hostport) == ("tls", True, "PBX1.Example.COM.:5061")
    assert str(uri) == "sips:Alice;day=Tuesday@PBX1.Example.COM.:5061;transport=TLS;lr;x=?Subject=X&to="


def test_parameters_are_added_and_replaced() -> None:
    uri = Uri.parse("sip:a@x;transport=udp").with_params(transport="tcp", ob=None)
    assert str(uri) == "sip:a@x;transport=tcp;ob"
    assert Uri.parse("sip:a@x").transport == ""
    assert str(Uri("sip", None, "::1".join("[]"), 5060)) == "sip:[::1]:5060"
