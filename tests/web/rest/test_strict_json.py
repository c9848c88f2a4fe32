"""JSON that two readers could read differently is refused, with the place."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.errors import InvalidRequest
from ringback.web.rest.strict_json import MAX_DEPTH, MAX_MEMBERS, Members, NoNumber, read_members, shown, text_fault


def refused(body: bytes) -> str:
    with pytest.raises(InvalidRequest) as refusal:
        read_members(body)
    [fault] = refusal.value.violations
    assert fault.field == "$.body"
    return fault.description


@pytest.mark.parametrize(
    ("body", "description"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"[]", "is not a JSON object"),
        (b'"Target"', "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"NaN", "is not a JSON object"),
        (b"{", "line 1, column 2"),
        (b'{"Target"', "line 1, column 10"),
        (b'{"Target": "x",}', "line 1, column"),
        (b"{'Target': 1}", "line 1, column 2"),
        (b'{"MaxRetries": 01}', "line 1, column 17"),
        (b'{"MaxRetries": +1}', "line 1, column 16"),
        (b'{"MaxRetries": .5}', "line 1, column 16"),
        (b'{"MaxRetries": 1.}', "line 1, column 17"),
        (b'{"MaxRetries": True}', "line 1, column 16"),
        (b'{"MaxRetries": 0x1}', "line 1, column 17"),
        (b'{"Target": "x"} {}', "line 1, column 17"),
        (b'{"Target": "x"}\x00', "line 1, column 16"),
        (b'\n{"Target": "a\tb"}', "line 2, column 14"),
        (b'{"Target": "\\x"}', "line 1, column 13"),
        (b'{"Target": "\\u12"}', "line 1, column 14"),
        (b'{"Target": "\\u+123"}', "line 1, column 14"),
        (b'{/**/"Target": "x"}', "line 1, column 2"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"Target": "x"}', "line 1, column 1"),
        (b'{"Target": "\xff"}', "is not UTF-8: the byte at 12"),
        # A surrogate, and a slash of two bytes: both are no UTF-8 (RFC 3629).
        (b'{"Target": "\xed\xa0\x80"}', "is not UTF-8"),
        (b'{"Target": "\xc0\xaf"}', "is not UTF-8"),
        ('{"Target": "x"}'.encode("utf-16"), "is not UTF-8"),
        ('{"Target": "x"}'.encode("utf-16-le"), "line 1, column 2"),
        (b"[" * 33, "is nested too deep"),
        (b"[" * 9_999, "is nested too deep"),
        (b'{"Target":' * 3_333, "is nested too deep"),
        (b'{"Target": "[[" , "x": ' + b"[" * 32 + b"]" * 32 + b"}", "is nested too deep"),
        (b'{"a": ' + b"[]," * 1_000, "line 1, column 10"),
        (b"[" * 10_001, "has too many values"),
        (b'{"Target": [' + b"{}," * 200_000 + b"{}]}", "has too many values"),
        (b'{"Target": "' + b'\\"' * 200_000 + b'"}', "has too many values"),
        (json.dumps({str(number): 0 for number in range(MAX_MEMBERS + 1)}).encode(), "has 101 members"),
    ],
)
def test_what_is_no_json_or_no_object_is_refused_with_its_place(body: bytes, description: str) -> None:
    assert description in refused(body)


def test_members_keep_their_order_and_are_there_as_often_as_they_were_sent() -> None:
    members = read_members(
        b'\xef\xbb\xbf {"b": 1, "a": {"x": 1, "x": 2}, "b": null, "c": [true, "\\ud83d\\ude00"]}\r\n'
    )
    assert members == [("b", 1), ("a", [("x", 1), ("x", 2)]), ("b", None), ("c", [True, "😀"])]
    assert isinstance(members[1][1], Members)


def test_brackets_in_texts_and_beside_each_other_are_no_depth() -> None:
    text = "[{" * 100 + '\\"['
    assert read_members(json.dumps({"a": text, "b": [[]] * 100}).encode())[0] == ("a", text)
    nested = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert len(read_members(b'{"a": ' + nested + b"}")) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "9" * 21, "-" + "9" * 1_000_000])
def test_what_is_no_number_or_too_long_to_be_read_stands_for_itself(number: str) -> None:
    [(_, value)] = read_members(f'{{"MaxRetries": {number}}}'.encode())
    assert isinstance(value, NoNumber)


@pytest.mark.parametrize("number", ["1.0", "1e2", "1e400", "-0.0", "1E+0"])
def test_a_number_with_a_fraction_or_an_exponent_is_no_integer(number: str) -> None:
    [(_, value)] = read_members(f'{{"MaxRetries": {number}}}'.encode())
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Target", "Target"),
        ("Zürich", "Zürich"),
        ("a\x00b\n", r"a\u0000b\u000a"),
        ("\ud800", r"\ud800"),
        ("x" * 65, "x" * 64 + "…"),
    ],
)
def test_names_of_clients_are_shown_short_and_in_valid_utf_8(name: str, expected: str) -> None:
    assert shown(name) == expected


@given(st.text(st.characters(exclude_categories=[])))
def test_every_name_can_be_shown(name: str) -> None:
    assert len(shown(name).encode()) < 700


@given(st.text(st.characters(exclude_categories=[])))
def test_a_text_has_a_fault_exactly_if_it_is_not_utf_8(text: str) -> None:
    assert bool(text_fault(text)) == bool(re.search("[\ud800-\udfff]", text))


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ue0truefalsn1.+-NaI \n', max_size=60).map(str.encode))
def test_whatever_comes_it_is_read_as_python_reads_it_or_refused(body: bytes) -> None:
    try:
        members = read_members(body)
    except InvalidRequest:
        return
    assert dict(members).keys() == json.loads(body.removeprefix(b"\xef\xbb\xbf")).keys()
