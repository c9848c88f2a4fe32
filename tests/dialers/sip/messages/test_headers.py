"""Header fields: names, short names, commas, and what would inject another header."""

import pytest

from ringback.dialers.sip.messages.headers import COMPACT, Headers, split


def test_names_have_no_case_and_short_names_equal_long_ones() -> None:
    headers = Headers([("f", "<sip:a@x>"), ("VIA", "SIP/2.0/UDP x"), ("m", "<sip:c@x>")])
    assert headers.get("From") == "<sip:a@x>"
    assert headers.get("v") == headers.get("Via") == "SIP/2.0/UDP x"
    assert "contact" in headers
    assert "To" not in headers
    assert headers.items()[0] == ("f", "<sip:a@x>")


def test_each_short_name_is_that_of_one_header() -> None:
    assert all(len(short) == 1 for short in COMPACT)
    assert len(set(COMPACT.values())) == len(COMPACT)


@pytest.mark.parametrize(
    ("line", "elements"),
    [
        ("<sip:a@x>, <sip:b@x>", ["<sip:a@x>", "<sip:b@x>"]),
        ("<sip:a@x;p=1,2>;q=1,<sip:b@x>", ["<sip:a@x;p=1,2>;q=1", "<sip:b@x>"]),
        ('"Muster, Anna" <sip:a@x>,"B \\", C" <sip:b@x>', ['"Muster, Anna" <sip:a@x>', '"B \\", C" <sip:b@x>']),
        ('"open, <sip:a@x>, <sip:b@x>', ['"open, <sip:a@x>, <sip:b@x>']),
        ("<sip:a@x, <sip:b@x>, c", ["<sip:a@x, <sip:b@x>", "c"]),
        ('"ends in \\', ['"ends in \\']),
        (",, a ,\t,b,", ["a", "b"]),
        ("", []),
    ],
)
def test_commas_in_quotes_and_angle_brackets_separate_nothing(line: str, elements: list[str]) -> None:
    assert split(line) == elements


def test_comma_joined_record_routes_and_lines_keep_one_order() -> None:
    headers = Headers(
        [("Record-Route", "<sip:p1;lr>,<sip:p2;lr>"), ("Via", "x"), ("record-route", "<sip:p3;lr>, <sip:p4;lr>")]
    )
    assert headers.values("Record-Route") == ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>", "<sip:p4;lr>"]


@pytest.mark.parametrize("value", ["a\r\nRoute: <sip:evil>", "a\nb", "a\rb", "a\x00b", "a\ud83d"])
@pytest.mark.parametrize("change", [Headers.add, Headers.prepend, Headers.set])
def test_no_value_begins_another_header(value: str, change: object) -> None:
    headers = Headers([("Subject", "before")])
    assert callable(change)
    with pytest.raises(ValueError, match="line break, a NUL"):
        change(headers, "Subject", value)
    assert headers.items() == [("Subject", "before")]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\n", "ä"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        Headers().add(name, "x")


def test_set_replaces_all_lines_at_the_place_of_the_first() -> None:
    headers = Headers([("a", "1"), ("Route", "2"), ("b", "3"), ("route", "4")])
    headers.set("ROUTE", "5")
    headers.set("c-d", "6")
    assert headers.items() == [("a", "1"), ("ROUTE", "5"), ("b", "3"), ("c-d", "6")]


def test_remove_and_prepend() -> None:
    headers = Headers([("Via", "1"), ("v", "2"), ("To", "3")])
    copy = headers.copy()
    headers.remove("via")
    headers.prepend("Via", "0")
    assert headers.items() == [("Via", "0"), ("To", "3")]
    assert copy.lines("Via") == ["1", "2"]
    assert copy == Headers([("v", "1"), ("via", "2"), ("t", "3")])
    assert copy != headers


def test_values_are_not_shown_in_a_repr() -> None:
    assert repr(Headers([("Authorization", "Digest secret"), ("To", "tel:+41785556677")])) == (
        "Headers(Authorization, To)"
    )
