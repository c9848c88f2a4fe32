"""SIP URIs: the examples of RFC 3261, torture tests of RFC 4475 and RFC 5118, and properties."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.domain import sip_uri
from ringback.domain.sip_uri import SipUri, canonical_sip

# RFC 3261 section 19.1.3, without the two that have a password.
EXAMPLES = [
    "sip:alice@atlanta.com",
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212@gateway.com;user=phone",
    "sips:1212@gateway.com",
    "sip:alice@192.0.2.4",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
    "sip:alice;day=tuesday@atlanta.com",
]

TORTURES = [
    "sip:vivekg@chair-dnrc.example.com;unknownparam",  # RFC 4475 3.1.1.1
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",  # 3.1.1.2, without its password
    "sip:sips%3Auser%40example.com@example.net",  # 3.1.1.3
    "sip:null-%00-null@example.com",  # 3.1.1.4
    "sip:user;par=u%40example.net@example.com",  # 3.1.1.9
    "sip:user@example.com?route=%3Csip:example.com%3E",  # 3.1.2.11
    "sip:[2001:db8::10]",  # RFC 5118 4.1
    "sip:[2001:db8::10:5070]",  # 4.3: no port, whatever it looks like
    "sip:user@[2001:db8::10]:5070",  # 4.4
]


def parse_or_none(text: str) -> SipUri | None:
    """Return None when it is refused; any other exception is a fault."""
    try:
        return SipUri.parse(text)
    except ValueError:
        return None


@pytest.mark.parametrize("text", EXAMPLES + TORTURES)
def test_a_canonical_uri_is_left_as_it_is(text: str) -> None:
    assert str(SipUri.parse(text)) == text


def test_every_part_is_found() -> None:
    uri = SipUri.parse("SIPS:Alice;day=Tuesday@PBX1.Example.COM.:05061;Transport=TLS;LR?Subject=Project%20X&to=")
    assert uri == SipUri(
        scheme="sips",
        user="Alice;day=Tuesday",
        host="pbx1.example.com.",
        port=5061,
        parameters=(("transport", "tls"), ("lr", None)),
        headers=(("subject", "Project%20X"), ("to", "")),
    )
    assert str(uri) == ("sips:Alice;day=Tuesday@pbx1.example.com.:5061;transport=tls;lr?subject=Project%20X&to=")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),  # 19.1.4
        ("sip:a%2db@x", "sip:a-b@x"),
        ("sip:a%3bb@x", "sip:a%3Bb@x"),
        ("sip:a@x;%54ransport=%54cp", "sip:a@x;transport=tcp"),
        ("sip:a@x;%4D%3a=%4D%3a", "sip:a@x;m%3A=M%3A"),
        ("sip:a@x?%53ubject=%53", "sip:a@x?subject=S"),
        ("sip:*31#@pbx1", "sip:*31%23@pbx1"),
        ("sip:a@[2001:DB8:0:0::10]", "sip:a@[2001:db8::10]"),
        ("sip:a@[::ffff:c000:0204]", "sip:a@[::ffff:192.0.2.4]"),
        ("sip:a@x:0000005060", "sip:a@x:5060"),
    ],
)
def test_equivalent_uris_have_one_canonical_form(one: str, other: str) -> None:
    assert SipUri.parse(one) == SipUri.parse(other)
    assert str(SipUri.parse(one)) == str(SipUri.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # RFC 3261 section 19.1.4.
        ("SIP:ALICE@AtlanTa.CoM;Transport=udp", "sip:alice@AtlanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        # Reserved characters and their escapes differ.
        ("sip:a&b@x", "sip:a%26b@x"),
        ("sip:a@x", "sips:a@x"),
        ("sip:a@x;method=INVITE", "sip:a@x;method=invite"),
    ],
)
def test_different_uris_stay_different(one: str, other: str) -> None:
    assert SipUri.parse(one) != SipUri.parse(other)


@pytest.mark.parametrize("host", ["pbx1", "3cx", "xn--bcher-kva.example", "a--b.c", "pbx.3com", "example.com."])
def test_host_names_of_private_networks_are_accepted(host: str) -> None:
    uri = SipUri.parse(f"sip:alice@{host}")
    assert (uri.user, uri.host, uri.port) == ("alice", host, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must start with sip: or sips:"),
        ("nobodyKnowsThisScheme:totallyopaquecontent", "must start with sip: or sips:"),  # RFC 4475 3.3.2
        ("<sip:user@example.com>", "must start with sip: or sips:"),  # 3.1.2.7
        ("\u017fip:alice@example.com", "must start with sip: or sips:"),
        (" sip:alice@example.com", "must start with sip: or sips:"),
        ("sip:", "has an empty host at character 5"),
        ("sip:alice@", "has an empty host at character 11"),
        ("sip:@example.com", "has an empty user part at character 5"),
        ("sip:al ice@example.com", "has ' ' at character 7, where the user part cannot have it"),
        ("sip:jos\u00e9@example.com", "has '\\xe9' at character 8, where the user part cannot have it"),
        ("sip:%4@example.com", "has a '%' without two hexadecimal digits after it at character 5"),
        ("sip:%zz@example.com", "has a '%' without two hexadecimal digits after it at character 5"),
        ("sip:alice@example.com%", "has '%' at character 22, where the host cannot have it"),
        ("sip:alice:secretword@atlanta.com;transport=tcp", "has a password"),  # RFC 3261 19.1.3
        ("sip:+1-212-555-1212:1234@gateway.com;user=phone", "has a password"),
        ("sip:a@b@c", "has '@' at character 8, where the host cannot have it"),
        (
            "sip:user@example.com; lr",
            "has ' ' at character 22, where the parameter name cannot have it",
        ),  # 3.1.2.8
        ("sip:user@example.com\n", "has '\\n' at character 21"),
        ("sip:a@my_pbx", "has '_' at character 9"),
        ("sip:a@-b", "has '-' at character 7"),
        ("sip:a@b-.c", "has '-' at character 8"),
        ("sip:a@b..c", "has '.' at character 9"),
        ("sip:a@.", "has '.' at character 7"),
        ("sip:a@b#c", "has '#' at character 8"),
        ("sip:a@1.2.3", "has a host that ends in a number but is not an IPv4 address"),
        ("sip:a@1.2.3.256", "is not an IPv4 address"),
        ("sip:a@1.2.3.04", "is not an IPv4 address"),
        ("sip:a@1.2.3.4.", "is not an IPv4 address"),
        ("sip:a@example.1", "is not an IPv4 address"),
        ("sip:2001:db8::10", "IPv6 addresses need brackets"),  # RFC 5118 4.2
        ("sip:a@[]", "is not an IPv6 address"),
        ("sip:a@[1.2.3.4]", "is not an IPv6 address"),
        ("sip:a@[fe80::1%eth0]", "is not an IPv6 address"),
        ("sip:a@[::1]x", "is not an IPv6 address"),
        ("sip:a@[x", "is not an IPv6 address"),
        ("sip:a@x:", "has a port that is not a number from 1 to 65535"),
        ("sip:a@x:0", "has a port"),
        ("sip:a@x:65536", "has a port"),
        ("sip:a@x:5O60", "has a port"),
        ("sip:a@x:-1", "has a port"),
        ("sip:a@x:" + "9" * 5000, "has a port"),
        ("sip:a@x;", "has an empty parameter name at character 9"),
        ("sip:a@x;lr;;ob", "has an empty parameter name at character 12"),
        ("sip:a@x;transport=", "has an empty parameter value at character 19"),
        ("sip:a@x;a=b=c", "has '=' at character 12, where the parameter value cannot have it"),
        ("sip:a@x;lr;LR", "has a second parameter of the same name at character 12"),
        ("sip:a@x?", "has a header without '=' at character 9"),
        ("sip:a@x?a=b&c", "has a header without '=' at character 13"),
        ("sip:a@x?=b", "has an empty header name at character 9"),
        ("sip:a@x?a=b=c", "has '=' at character 12, where the header value cannot have it"),
    ],
)
def test_a_refusal_says_what_and_where(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        SipUri.parse(text)


def test_a_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(ValueError, match="password") as refusal:
        SipUri.parse("sip:alice:secretword@atlanta.com")
    assert "secretword" not in str(refusal.value)


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: "sip:" + "a" * n,
        lambda n: "sip:" + "a" * n + "@",
        lambda n: "sip:" + "%41" * n + "@x",
        lambda n: "sip:" + "a%4" * n + "@x",
        lambda n: "sip:a@" + "a-" * n,
        lambda n: "sip:a@" + "a." * n + "!",
        lambda n: "sip:a@" + "-" * n,
        lambda n: "sip:a@" + "[" * n,
        lambda n: "sip:a@[" + ":" * n + "]",
        lambda n: "sip:a@x:" + "0" * n,
        lambda n: "sip:a@x" + ";" * n,
        lambda n: "sip:a@x" + "".join(f";p{i}=v" for i in range(n)),
        lambda n: "sip:a@x?" + "&".join(f"h{i}=v" for i in range(n)),
        lambda n: "sip:a@x" + ":" * n,
        lambda n: "sip:" + "@" * n,
    ],
)
def test_long_hostile_input_takes_linear_time(hostile: Callable[[int], str]) -> None:
    """50,000 repetitions take milliseconds; anything quadratic would take the better part of a minute."""
    text = hostile(50_000)
    start = time.perf_counter()
    uri = parse_or_none(text)
    assert uri is None or str(uri)
    assert time.perf_counter() - start < 2


LABELS = st.from_regex(r"[A-Za-z0-9]{1,5}(-[A-Za-z0-9]{1,3})?", fullmatch=True)
HOST_NAMES = st.tuples(st.lists(LABELS.map("{}.".format), max_size=3).map("".join), LABELS.map("x{}".format))
HOSTS = st.one_of(
    HOST_NAMES.map("".join),
    HOST_NAMES.map(lambda labels: "".join(labels) + "."),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded}]"),
)
ESCAPES = st.integers(0, 255).flatmap(lambda octet: st.sampled_from([f"%{octet:02x}", f"%{octet:02X}"]))
UNRESERVED = "aZ09-_.!~*'()"


def texts(more: str, min_size: int = 1) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(UNRESERVED + more) | ESCAPES, min_size=min_size, max_size=6).map("".join)


@st.composite
def sip_uris(draw: st.DrawFn) -> str:
    """Draw any URI that the grammar allows, plus a raw '#' in the user part."""
    text = draw(st.sampled_from(["sip:", "SIPS:"]))
    text += draw(st.just("") | texts("&=+$,;?/#").map(lambda user: user + "@")) + draw(HOSTS)
    text += draw(st.just("") | st.integers(1, 65_535).map(lambda port: f":{port}"))
    names = draw(st.lists(texts("[]/:&+$"), max_size=3, unique_by=lambda name: bytes_of(name).lower()))
    for name in names:
        text += f";{name}" + draw(st.just("") | texts("[]/:&+$").map(lambda value: f"={value}"))
    headers = draw(st.lists(st.tuples(texts("[]/?:+$"), texts("[]/?:+$", 0)), max_size=3))
    return text + ("?" + "&".join(f"{name}={value}" for name, value in headers) if headers else "")


def bytes_of(escaped: str) -> bytes:
    """Decode every escape, whether that keeps the meaning or not."""
    pieces = escaped.split("%")
    return pieces[0].encode() + b"".join(bytes.fromhex(p[:2]) + p[2:].encode() for p in pieces[1:])


@given(sip_uris())
@example("sip:%2523@x")
def test_the_canonical_form_reads_back_as_the_same_uri(text: str) -> None:
    uri = SipUri.parse(text)
    assert SipUri.parse(str(uri)) == uri
    assert str(SipUri.parse(str(uri))) == str(uri)


@given(sip_uris())
def test_the_canonical_user_is_the_user_that_was_sent(text: str) -> None:
    """An oracle that shares no code: the octets of the user part are the same before and after."""
    userinfo, at, _ = text.partition(":")[2].partition("@")
    user = SipUri.parse(text).user
    assert (None if user is None else bytes_of(user)) == (bytes_of(userinfo) if at else None)


@given(st.text() | st.text("sip:@%4[].;?=&#a1").map(lambda rest: "sip:" + rest))
def test_any_text_is_read_or_refused(text: str) -> None:
    uri = parse_or_none(text)
    assert uri is None or SipUri.parse(str(uri)) == uri


# --- The short cut --------------------------------------------------------------------------------------------


@pytest.mark.long
@given(st.from_regex(sip_uri._PLAIN, fullmatch=True))
@example("sip:a@b")
@example("sips:+1-212@gateway.example.com")
@example("sip:pbx.3com.x3")
@example("sip:support@cc.example;session=17")
@example("sip:a;transport=tcp")
@example("sip:a;lr")
def test_what_looks_plain_is_canonical(text: str) -> None:
    assert str(SipUri.parse(text)) == text == canonical_sip(text)


@pytest.mark.parametrize(
    "text",
    [
        "sip:a@B.example",
        "sip:a%41@b.example",
        "sip:1.2.3.4",
        "sip:1.2.3.256",
        "sip:3com",
        "sip:a@b.3",
        "sip:a@-b",
        "sip:a;x;x",
        "sip:a;X",
        "sip:a;user=Phone",
    ],
)
def test_what_parse_rewrites_or_refuses_does_not_look_plain(text: str) -> None:
    assert sip_uri._PLAIN.fullmatch(text) is None
