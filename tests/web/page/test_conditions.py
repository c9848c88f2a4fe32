"""What browsers, proxies and curl say of what they have and take."""

import pytest

from ringback.web.page.conditions import has_already, takes_gzip


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", False),
        ("gzip, deflate, br, zstd", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip ; q=0.000", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.001, *;q=0", True),
        ("identity;q=1, *;q=0", False),
        ("gzip;q=many", False),
        ("gzip;quality=1", False),
        ("gzip;q=nan", False),
        (",,;q=1,", False),
    ],
)
def test_who_takes_gzip(accept_encoding: str, expected: bool) -> None:
    assert takes_gzip(accept_encoding) is expected


@pytest.mark.parametrize(
    ("if_none_match", "expected"),
    [
        ("", False),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", W/"abc" , "y"', True),
        ("*", True),
        ('"abc-gzip"', False),
        ("abc", False),
    ],
)
def test_who_has_it_already(if_none_match: str, expected: bool) -> None:
    assert has_already(if_none_match, '"abc"') is expected
