"""Call-IDs: what may be one, and which of them an attempt keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.call_ids import MAX_CALL_IDS, call_id_violation, joined

CALL_IDS = st.lists(st.sampled_from("abcdefgh"), max_size=6)


@pytest.mark.parametrize(
    "call_id",
    [
        "3848276298220188511@atlanta.example.com",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@[2001:db8::1]",
        "1764444000.17",
        "a-.!%*_+`'~()<>:\\\"/[]?{}@b",
        "x" * 255,
    ],
)
def test_a_call_id(call_id: str) -> None:
    assert call_id_violation(call_id) is None


@pytest.mark.parametrize("call_id", ["", "a b", "a\r\nb", "a\tb", "a\x7f", "Zürich", "a\n", "x" * 256])
def test_what_is_none(call_id: str) -> None:
    assert call_id_violation(call_id) == "is not 1 to 255 characters of ASCII without blanks"


@given(CALL_IDS, CALL_IDS)
def test_the_first_ones_are_kept_in_order_and_none_twice(known: list[str], reported: list[str]) -> None:
    kept = joined(known, reported)
    assert len(kept) == len(set(kept)) == min(len({*known, *reported}), MAX_CALL_IDS)
    both = [*known, *reported]
    first_seen = [call_id for at, call_id in enumerate(both) if call_id not in both[:at]]
    assert list(kept) == first_seen[:MAX_CALL_IDS]
    assert joined(kept, reported) == kept
