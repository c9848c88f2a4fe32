"""How moments are printed: on a terminal, and in a pipe."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from ringback.cli.times import Times, since
from ringback.cli.values import parse_moment, timestamp

NOW = datetime(2030, 1, 31, 23, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Zurich", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati")

moments = st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@pytest.fixture
def zurich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the machine be in Zurich."""
    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zurich")
@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("2030-01-31T23:30:00Z", "00:30:00 +01:00"),
        # Today is a day of the local zone: in UTC it is still yesterday.
        ("2030-01-31T23:00:00Z", "00:00:00 +01:00"),
        ("2030-01-31T22:59:59Z", "2030-01-31 23:59:59 +01:00"),
        ("2030-02-01T23:00:00Z", "2030-02-02 00:00:00 +01:00"),
        # Each moment has the offset of its own day.
        ("2030-07-01T10:00:00Z", "2030-07-01 12:00:00 +02:00"),
    ],
)
def test_a_terminal_shows_the_local_zone_and_the_date_unless_it_is_today(moment: str, written: str) -> None:
    assert Times(now=NOW).write(timestamp(datetime.fromisoformat(moment))) == written


@pytest.mark.usefixtures("zurich")
def test_a_pipe_shows_utc_whatever_the_zone_and_the_day() -> None:
    stamp = timestamp(datetime(2030, 1, 31, 14, 2, 11, 678_000, tzinfo=UTC))
    assert Times().write(stamp) == "2030-01-31T14:02:11Z"
    assert Times().write(stamp, tenths=True) == "2030-01-31T14:02:11.6Z"
    assert Times(now=NOW).write(stamp, tenths=True) == "2030-01-31 15:02:11.6 +01:00"


@pytest.mark.usefixtures("zurich")
def test_moments_in_a_text_of_the_server_have_the_form_of_all_others() -> None:
    text = "the service is closed until 2030-07-01T10:00:00Z, and today 2030-01-31T23:30:00Z; 2030-01-31 is no moment"
    shown = "the service is closed until 2030-07-01 12:00:00 +02:00, and today 00:30:00 +01:00; 2030-01-31 is no moment"
    assert Times(now=NOW).rewrite(text) == shown
    assert Times().rewrite(text) == text


def test_what_is_unset_is_empty() -> None:
    assert Times().write(Timestamp()) == Times(now=NOW).write(Timestamp()) == ""
    assert since(Timestamp(seconds=1), Timestamp()) == ""


@given(moments, moments, st.sampled_from(ZONES))
def test_what_a_terminal_shows_says_which_moment_it_is(moment: datetime, now: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    written = Times(now=now, zone=zone).write(timestamp(moment))
    time_and_zone = written.replace(" +", "+").replace(" -", "-")
    if len(written) == len("00:00:00 +00:00"):
        time_and_zone = f"{now.astimezone(zone):%Y-%m-%d}T{time_and_zone}"
    assert datetime.fromisoformat(time_and_zone) == moment


@given(moments)
def test_what_a_pipe_shows_can_be_given_back(moment: datetime) -> None:
    assert parse_moment(Times().write(timestamp(moment)), NOW) == moment


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(0), "+0.0s"),
        (timedelta(milliseconds=740), "+0.7s"),
        (timedelta(seconds=83.4), "+1m23s"),
        (timedelta(hours=1), "+1h"),
    ],
)
def test_lengths(length: timedelta, written: str) -> None:
    assert since(timestamp(NOW), timestamp(NOW + length)) == written
