"""Content-Type and Accept."""

import pytest

from ringback.web.rest.negotiation import is_json, takes_json


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON", True),
        ("application/json; charset=utf-8", True),
        ('application/json;charset="UTF-8"', True),
        ("application/json; charset=utf8", True),
        ("application/json; odata.metadata=none", True),
        ("application/json; charset=iso-8859-1", False),
        ("application/json; charset=utf-16", False),
        ("application/json; charset*=utf-8''x", False),
        ("application/jsonx", False),
        ("application/json; charset=utf-8; charset=utf-16", False),
        ("application/json; charset=utf-8; charset=utf-8", False),
        ("application/json; charset=utf-8; charset*=utf-8''utf-16", False),
        ("application/problem+json", False),
        ("text/json", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=application/json", False),
        ("text/plain; application/json", False),
        ("application/json, text/plain", False),
        ("", False),
    ],
)
def test_only_json_in_utf_8_is_json(content_type: str, expected: bool) -> None:
    assert is_json([(b"content-type", content_type.encode())]) is expected


def test_json_is_said_once() -> None:
    assert not is_json([])
    assert not is_json([(b"content-type", b"application/json"), (b"content-type", b"text/plain")])
    assert not is_json([(b"content-type", b"application/json"), (b"content-type", b"application/json")])
    assert not is_json([(b"content-type", b"\xff")])


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", True),
        ("application/json", True),
        ("application/*;q=0.5", True),
        ("text/html, application/json; charset=utf-8; q=0.1", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("Application/Json", True),
        ("", True),
        ("text/html", False),
        ("application/xml", False),
        ("application/json;q=0", False),
        ("application/json;q=0.000", False),
        ("application/jsonlines", False),
        ("application/json;q=0, */*", False),
        ("*/*;q=0.1, application/json;q=0", False),
        ("application/*;q=0, */*", False),
        ("application/*;q=0, application/json;q=0.1", True),
        ("*/*;q=0, application/json", True),
        ("*/*;q=0, application/*", True),
        ("*/*;q=0", False),
        ("*/*;q=0, text/html", False),
        ("application/json;q=0, application/json;charset=utf-8", True),
    ],
)
def test_json_is_answered_to_those_who_take_it(accept: str, expected: bool) -> None:
    assert takes_json([(b"accept", accept.encode())]) is expected


def test_who_does_not_say_what_it_takes_gets_json() -> None:
    assert takes_json([])
    assert takes_json([(b"accept", b"text/html"), (b"accept", b"application/json")])
