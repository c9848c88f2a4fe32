"""Lease tokens: one that the server did not make is refused, and nothing of it is kept."""

import pytest

from ringback.domain import ids
from ringback.domain.ids import LeaseToken

CALLBACK_ID = "0190b2f4-7d1c-7a53-9d3e-1f2a3b4c5d6e"


def test_a_token_is_read_as_it_was_made() -> None:
    token = LeaseToken.new(CALLBACK_ID, 7)
    assert LeaseToken.parse(token.text) == token


@pytest.mark.parametrize("text", ["", "A", "A" * 42, "A" * 44, "A" * 64, "ä" * 43, " " * 43])
def test_what_is_no_token(text: str) -> None:
    assert LeaseToken.parse(text) is None


def test_what_is_longer_than_a_token_is_not_kept() -> None:
    kept = ids._parse.cache_info().currsize
    assert LeaseToken.parse("A" * 1_000_000) is None
    assert ids._parse.cache_info().currsize == kept
