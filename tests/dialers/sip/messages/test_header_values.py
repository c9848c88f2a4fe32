"""Values of headers: what real peers write, and what is written again."""

import pytest

from ringback.dialers.sip.messages.header_values import (
    CSeq,
    NameAddr,
    Reason,
    Via,
    parse_params,
    printable,
    quoted,
    unquoted,
)
from ringback.dialers.sip.messages.headers import Headers
from ringback.dialers.sip.messages.message import MalformedMessage


@pytest.mark.parametrize(
    ("text", "display", "uri", "tag"),
    [
        ("sip:a@x", "", "sip:a@x", ""),
        ("sip:a@x;tag=1", "", "sip:a@x", "1"),
        ("<sip:a@x;p=1>;TAG=a+b", "", "sip:a@x;p=1", "a+b"),
        ("<sip:a@x> ; tag = 1 ; x ;; y=", "", "sip:a@x", "1"),
        ("Anna Muster <sip:a@x>;tag=1", "Anna Muster", "sip:a@x", "1"),
        ("Анна 大停電<sip:a@x>", "Анна 大停電", "sip:a@x", ""),
        ('"Анна, \\"大停電\\" \\\\ <x>" <sip:a@x>', 'Анна, "大停電" \\ <x>', "sip:a@x", ""),
        ('"" <sip:a@x>', "", "sip:a@x", ""),
        ('Anna "Ann" Muster <sip:a@x>', 'Anna "Ann" Muster', "sip:a@x", ""),
        ("Muster, Anna < sip:a@x >", "Muster, Anna", "sip:a@x", ""),
        ("<tel:+41785556677;phone-context=x>;tag=z9.~", "", "tel:+41785556677;phone-context=x", "z9.~"),
        ('<sip:a@x>;+sip.instance="<urn:uuid:1;,>";tag=1', "", "sip:a@x", "1"),
        ("<sip:*31#@pbx_1>", "", "sip:*31#@pbx_1", ""),
    ],
)
def test_addresses(text: str, display: str, uri: str, tag: str) -> None:
    found = NameAddr.parse(text)
    assert (found.display, found.uri, found.tag) == (display, uri, tag)
    assert NameAddr.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@x",
        "sip:a@x>",
        '"open <sip:a@x>',
        "<a@x>",
        "anna",
        "<sip:a@x>tag=1",
        "<sip:a@x>;=1",
        "<sip:a b>",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(MalformedMessage):
        NameAddr.parse(text)


def test_an_address_is_written_so_that_it_injects_nothing() -> None:
    value = str(NameAddr('Anna "x"\\', "sip:a@x", {"p": None}).with_tag("t"))
    assert value == '"Anna \\"x\\"\\\\" <sip:a@x>;p;tag=t'
    with pytest.raises(ValueError, match="line break"):
        Headers().add("From", str(NameAddr("Anna\r\nRoute: <sip:evil>", "sip:a@x")))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("SIP/2.0/UDP x", "SIP/2.0/UDP x"),
        (
            "SIP / 2.0 / tls  pbx_1 : 5061 ; branch=z9hG4bK=a=b ;rport",
            "SIP/2.0/TLS pbx_1:5061;branch=z9hG4bK=a=b;rport",
        ),
        ("SIP/2.0/UDP [2001:db8::1]:5060;received=2001:db8::2", "SIP/2.0/UDP [2001:db8::1]:5060;received=2001:db8::2"),
        ('SIP/2.0/TLS-SCTP x;i="a;b"', 'SIP/2.0/TLS-SCTP x;i="a;b"'),
        ("SIP/2.0/UDP x;;", "SIP/2.0/UDP x"),
    ],
)
def test_vias(text: str, written: str) -> None:
    assert str(Via.parse(text)) == written
    assert Via.parse(written) == Via.parse(text)


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/2.0 x", "UDP x", "SIP/2.0/UDP x:0", "SIP/2.0/UDP x:65536", "SIP/2.0/UDP x y"]
)
def test_what_is_no_via(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Via.parse(text)


def test_an_empty_parameter_is_refused_where_responses_depend_on_it() -> None:
    with pytest.raises(MalformedMessage):
        Via.parse("SIP/2.0/UDP x;;branch=a", strict=True)


@pytest.mark.parametrize(("text", "number"), [("1 INVITE", 1), ("0009\t INVITE ", 9), ("4294967295 INVITE", 2**32 - 1)])
def test_cseqs(text: str, number: int) -> None:
    assert CSeq.parse(text) == CSeq(number, "INVITE")
    assert str(CSeq(number, "INVITE")) == f"{number} INVITE"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('Q.850;cause=16;text="Normal call clearing"', Reason("Q.850", 16, "Normal call clearing")),
        ('q.850 ; text="a;b" ; cause="17"', Reason("Q.850", 17, "a;b")),
        ("SIP;cause=200;text=done", Reason("SIP", 200, "done")),
        ('Q.850;cause=1;text="a\udcfc\x07"', Reason("Q.850", 1, "a\ufffd\ufffd")),
    ],
)
def test_reasons(text: str, reason: Reason) -> None:
    assert Reason.parse(text) == reason
    assert Reason.parse(str(reason)) == reason


@pytest.mark.parametrize(
    "text", ["", "Q.850", "Q.850;cause", "Q.850;cause=", "Q.850;cause=x", "a b;cause=1", "Q.850;cause=1234567"]
)
def test_what_is_no_reason(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Reason.parse(text)


def test_of_a_parameter_that_comes_twice_the_first_counts() -> None:
    assert parse_params(";a=1;A=2;b;B=3") == {"a": "1", "b": None}


@pytest.mark.parametrize("text", ['a"b', "\\", "\\\\", "", " ", "\x00\x7f", "大"])
def test_quoting_is_undone(text: str) -> None:
    assert unquoted(quoted(text)) == text


def test_what_is_not_quoted_stays() -> None:
    assert [unquoted(text) for text in ("a", '"', '"a', 'a"')] == ["a", '"', '"a', 'a"']
    assert printable("a\u200bb\udcff\n") == "a\ufffdb\ufffd\ufffd"
