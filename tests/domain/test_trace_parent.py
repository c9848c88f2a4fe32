"""The header `traceparent`: what is valid by W3C Trace Context, and what is kept of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.trace_parent import LENGTH, TraceParent, read_trace_parent, trace_id_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (VALID, VALID),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        # Bits without a meaning are not handed on.
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),
        # A later version is read as far as version 00 goes.
        (f"01-{TRACE}-{SPAN}-01", VALID),
        (f"fe-{TRACE}-{SPAN}-01-what-comes-later", VALID),
    ],
)
def test_what_is_kept_of_a_valid_header(text: str, kept: str) -> None:
    assert read_trace_parent(text) == kept
    assert trace_id_of(kept) == TRACE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"01-{TRACE}-{SPAN}-01more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}g-01",
        f" {VALID}",
        f"{VALID}\n",
        f"01-{TRACE}-{SPAN}-01-{'x' * 1_000_000}",
        VALID.replace("4", "٤"),  # a digit, but none of ASCII
    ],
)
def test_what_is_not_valid_is_no_trace(text: str) -> None:
    assert TraceParent.parse(text) is None
    assert read_trace_parent(text) is None


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", fullmatch=True))
def test_what_is_kept_is_a_header_of_version_00(text: str) -> None:
    kept = read_trace_parent(text)
    if kept is not None:
        assert len(kept) == LENGTH
        assert kept.isascii()
        assert kept.startswith(f"00{text[2:-2][:50]}")
        assert read_trace_parent(kept) == kept


def test_no_trace_has_no_id() -> None:
    assert trace_id_of(None) == ""
