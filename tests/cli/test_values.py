"""Values on the command line: what a user may write, and what it means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.cli.values import (
    PRIORITIES,
    STATES,
    format_key,
    format_span,
    parse_key,
    parse_moment,
    parse_span,
    parse_states,
    parse_whole,
)
from ringback.v1 import callback_pb2 as cb

NOW = datetime(2030, 1, 31, 14, tzinfo=UTC)
GUID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", timedelta(seconds=30)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("7d", timedelta(days=7)),
        ("1.5s", timedelta(seconds=1.5)),
        ("500ms", timedelta(milliseconds=500)),
        ("0s", timedelta(0)),
    ],
)
def test_spans(text: str, span: timedelta) -> None:
    assert parse_span(text) == span
    assert parse_span(format_span(span)) == span


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1 h", "1y", "٣s", "99999999d"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match=r"length of time|ten years"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("+90s", NOW + timedelta(seconds=90)),
        ("+2h", NOW + timedelta(hours=2)),
        ("2030-02-01T00:00:00Z", datetime(2030, 2, 1, tzinfo=UTC)),
        ("2030-02-01T00:00:00+01:00", datetime(2030, 1, 31, 23, tzinfo=UTC)),
        ("2030-02-01T00:00", datetime(2030, 2, 1).astimezone()),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "tomorrow", "-1h", "10m", "2030-13-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="neither a time"):
        parse_moment(text, NOW)


def test_keys() -> None:
    assert parse_key(GUID.upper()).callback_id == GUID.upper()
    assert parse_key("crm/42").external_task == cb.ExternalTaskKey(caller_id="crm", external_task_id="42")
    assert parse_key("/42").external_task == cb.ExternalTaskKey(external_task_id="42")
    assert parse_key("crm/a/b").external_task.external_task_id == "a/b"


@given(caller=st.text(), external_task_id=st.text(min_size=1))
@example(caller="a/b c", external_task_id="d/e%2Ff g")
@example(caller="%2F", external_task_id="%")
def test_a_key_that_is_written_names_the_same_callback(caller: str, external_task_id: str) -> None:
    key = cb.ExternalTaskKey(caller_id=caller, external_task_id=external_task_id)
    written = format_key(cb.CallbackRequest(caller_id=caller, external_task_id=external_task_id))
    assert parse_key(written).external_task == key


def test_keys_of_callers_with_slashes_and_blanks() -> None:
    key = cb.ExternalTaskKey(caller_id="crm/north 1", external_task_id="4/2")
    assert format_key(cb.CallbackRequest(caller_id="crm/north 1", external_task_id="4/2")) == "crm%2Fnorth%201/4/2"
    assert parse_key("crm%2fnorth 1/4/2").external_task == key
    assert format_key(cb.CallbackRequest(caller_id="crm")) == ""


@pytest.mark.parametrize("text", ["100%/42", "a%2/42", "%zz/42", "%ff/42"])
def test_what_is_no_escape(text: str) -> None:
    with pytest.raises(ValueError, match="begins no escape"):
        parse_key(text)


def test_groups_of_states() -> None:
    groups = [parse_states(name) for name in ("open", "Ended")]
    assert sorted(state for group in groups for state in group) == sorted(cb.CallbackState.values()[1:])
    assert parse_states("queued") == (cb.CALLBACK_STATE_QUEUED,)
    with pytest.raises(ValueError, match=r"'live' is none of scheduled, .*, expired, open, ended"):
        parse_states("live")


@pytest.mark.parametrize("text", ["", "42", "crm/", GUID.replace("-", "")])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="neither a callback id"):
        parse_key(text)


@pytest.mark.parametrize("text", ["very-high", "VERY_HIGH", "Very-High", "PRIORITY_VERY_HIGH"])
def test_names(text: str) -> None:
    assert PRIORITIES.parse(text) == cb.PRIORITY_VERY_HIGH


@pytest.mark.parametrize("text", ["", "urgent", "unspecified"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="is none of strict-priority, highest, "):
        PRIORITIES.parse(text)


def test_a_state_from_a_newer_server_is_named_by_its_number() -> None:
    assert STATES.of(cb.CALLBACK_STATE_QUEUED) == "queued"
    assert STATES.of(99) == "99"
    assert STATES.of(0) == ""


@pytest.mark.parametrize("text", ["1.5", "lots", "10000000000", ""])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match="no whole number"):
        parse_whole(text)
