"""Opening hours, against examples and against an oracle that looks at every single minute."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.errors import Fault
from ringback.domain.opening_hours import (
    MAX_CLOSED_DATES,
    MAX_PERIODS,
    OpeningHours,
    OpeningPeriod,
    check,
    format_minute,
    parse_date,
    parse_minute,
)

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(1, 8)
NOT_AFTER = "is not between open_time and 24:00 (hours past midnight belong to the next day)"


def period(day: int, open_time: str, close_time: str) -> OpeningPeriod:
    return OpeningPeriod(day, parse_minute(open_time), parse_minute(close_time))


def hours(zone: str, *periods: OpeningPeriod, closed: Iterable[str] = ()) -> OpeningHours:
    return OpeningHours(zone, periods, frozenset(parse_date(text) for text in closed))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = hours(
    "Europe/Zurich",
    *(period(day, "08:00", "12:00") for day in range(MONDAY, SATURDAY)),
    *(period(day, "13:00", "18:00") for day in range(MONDAY, SATURDAY)),
    closed=["2026-12-25"],
)


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        ("2026-01-12T07:00", "2026-01-12T07:00", "2026-01-12T11:00"),  # Monday 08:00 in winter
        ("2026-01-12T06:59:59.999999", "2026-01-12T07:00", "2026-01-12T06:59:59.999999"),
        ("2026-01-12T10:59:59.999999", "2026-01-12T10:59:59.999999", "2026-01-12T11:00"),
        ("2026-01-12T11:00", "2026-01-12T12:00", "2026-01-12T11:00"),
        ("2026-01-16T17:00", "2026-01-19T07:00", "2026-01-16T17:00"),  # over a week-end
        ("2026-03-27T17:00", "2026-03-30T06:00", "2026-03-27T17:00"),  # over the change to summer time
        ("2026-12-24T17:00", "2026-12-28T07:00", "2026-12-24T17:00"),  # over Christmas, a Friday
    ],
)
def test_an_office(at: str, opens: str, closes: str) -> None:
    assert OFFICE.next_open(utc(at)) == utc(opens)
    assert OFFICE.next_close(utc(at)) == utc(closes)
    assert OFFICE.is_open(utc(at)) == (at == opens)


def test_without_periods_it_is_always_open() -> None:
    at = utc("2026-01-12T07:00")
    assert OpeningHours().is_open(at)
    assert OpeningHours().next_open(at) == at
    assert OpeningHours().next_close(at) is None


def test_without_periods_a_closed_date_is_a_whole_local_day() -> None:
    always = hours("Asia/Kolkata", closed=["2026-01-26", "2026-01-27"])
    assert always.next_close(utc("2026-01-01T00:00")) == utc("2026-01-25T18:30")
    assert always.next_open(utc("2026-01-25T18:30")) == utc("2026-01-27T18:30")


def test_adjoining_and_overlapping_periods_are_one_stretch() -> None:
    night = hours(
        "UTC",
        period(MONDAY, "18:00", "22:00"),
        period(MONDAY, "20:00", "24:00"),
        period(TUESDAY, "00:00", "02:00"),
        period(MONDAY, "19:00", "21:00"),
    )
    assert night.next_open(utc("2026-01-12T00:00")) == utc("2026-01-12T18:00")
    assert night.next_close(utc("2026-01-12T18:00")) == utc("2026-01-13T02:00")


def test_a_week_of_whole_days_never_closes() -> None:
    week = [period(day, "00:00", "24:00") for day in range(MONDAY, SUNDAY + 1)]
    at = utc("2026-03-28T12:00")
    assert hours("Europe/Zurich", *week).next_close(at) is None
    assert hours("Europe/Zurich", *week, closed=["2026-03-29"]).next_close(at) == utc("2026-03-28T23:00")


def test_the_search_ends_after_366_days() -> None:
    at = utc("2026-01-05T00:00")  # a Monday
    mondays = [(date(2026, 1, 5) + timedelta(weeks=week)).isoformat() for week in range(54)]
    assert hours("UTC", period(MONDAY, "08:00", "09:00"), closed=mondays[:52]).next_open(at) == utc("2027-01-04T08:00")
    assert hours("UTC", period(MONDAY, "08:00", "09:00"), closed=mondays[:53]).next_open(at) is None
    assert hours("UTC", closed=["2027-01-06"]).next_close(at) == utc("2027-01-06T00:00")
    assert hours("UTC", closed=["2027-01-07"]).next_close(at) is None


def test_a_period_that_begins_in_the_skipped_hour_opens_when_the_hour_is_over() -> None:
    early = hours("Europe/Zurich", period(SUNDAY, "02:30", "04:00"))
    assert early.next_open(utc("2026-03-28T12:00")) == utc("2026-03-29T01:00")  # 03:00, which follows 01:59
    assert early.next_close(utc("2026-03-29T01:00")) == utc("2026-03-29T02:00")


def test_a_period_within_the_skipped_hour_does_not_happen() -> None:
    early = hours("Europe/Zurich", period(SUNDAY, "02:00", "03:00"))
    assert early.next_open(utc("2026-03-28T12:00")) == utc("2026-04-05T00:00")


def test_a_period_within_the_repeated_hour_happens_twice() -> None:
    late = hours("Europe/Zurich", period(SUNDAY, "02:30", "03:00"))
    assert late.next_open(utc("2026-10-24T12:00")) == utc("2026-10-25T00:30")
    assert late.next_close(utc("2026-10-25T00:30")) == utc("2026-10-25T01:00")  # 02:00 for the second time
    assert late.next_open(utc("2026-10-25T01:00")) == utc("2026-10-25T01:30")
    assert late.next_close(utc("2026-10-25T01:30")) == utc("2026-10-25T02:00")


def test_a_day_that_begins_at_one_o_clock() -> None:
    """In Beirut the clocks jump from 24:00 to 01:00."""
    sunday = hours("Asia/Beirut", period(SUNDAY, "00:00", "24:00"))
    assert sunday.next_open(utc("2026-03-28T12:00")) == utc("2026-03-28T22:00")
    assert sunday.next_close(utc("2026-03-28T22:00")) == utc("2026-03-29T21:00")


def test_a_date_that_did_not_exist() -> None:
    """Samoa went from Thursday to Saturday when it crossed the date line."""
    friday = hours("Pacific/Apia", period(FRIDAY, "08:00", "18:00"))
    assert friday.next_open(utc("2011-12-30T00:00")) == utc("2012-01-05T18:00")


def test_any_aware_datetime_is_answered_in_utc() -> None:
    at = datetime(2026, 1, 12, 7, 30, tzinfo=ZoneInfo("Europe/Zurich"))
    opens = OFFICE.next_open(at)
    assert opens is not None
    assert opens.isoformat() == "2026-01-12T07:00:00+00:00"


def test_a_naive_datetime_is_refused() -> None:
    naive = datetime(2026, 1, 12, 7, 30)  # noqa: DTZ001 - the point
    for ask in (OFFICE.is_open, OFFICE.next_open, OFFICE.next_close):
        with pytest.raises(ValueError, match="has no time zone"):
            ask(naive)


def test_opening_hours_are_values() -> None:
    assert replace(OFFICE) == OFFICE
    assert hash(OFFICE) == hash(replace(OFFICE))
    moved = replace(OFFICE, time_zone="UTC")
    assert moved.next_open(utc("2026-01-12T06:00")) == utc("2026-01-12T08:00")
    assert replace(OFFICE, periods=()).is_open(utc("2026-01-12T03:00"))


@pytest.mark.parametrize(
    ("day", "open_minute", "close_minute", "reason"),
    [
        (0, 0, 1, "day_of_week 0 is not between 1"),
        (8, 0, 1, "day_of_week 8 is not between 1"),
        (1, -1, 1, "open_time is not between 00:00 and 23:59"),
        (1, 1440, 1441, "open_time is not between 00:00 and 23:59"),
        (1, 60, 60, "close_time is not between open_time and 24:00"),
        (1, 1080, 120, "hours past midnight belong to the next day"),
        (1, 60, 1441, "close_time is not between open_time and 24:00"),
    ],
)
def test_a_bad_period_is_refused(day: int, open_minute: int, close_minute: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        OpeningPeriod(day, open_minute, close_minute)


def test_hours_in_a_zone_that_this_machine_lacks_are_read_and_never_open() -> None:
    on_mars = OpeningHours("Mars/Olympus", (OpeningPeriod(1, 480, 1020),), frozenset({date(2026, 11, 2)}))
    assert on_mars.lacks_zone
    for at in (utc("2026-11-02T09:00"), utc("2026-11-03T23:00")):
        assert (on_mars.is_open(at), on_mars.next_open(at), on_mars.next_close(at)) == (False, None, at)
    assert OpeningHours("Mars/Olympus").next_open(utc("2026-11-02T09:00")) is None


def test_check_passes_over_the_zone_that_is_stored_already() -> None:
    assert check("Mars/Olympus", [(1, "08:00", "17:00")], [], stored_zone="Mars/Olympus") == []
    assert [f.field for f in check("Mars/Base", [], [], path="", stored_zone="Mars/Olympus")] == ["time_zone"]


def test_check_finds_everything_at_once() -> None:
    periods = [(1, "08:00", "12:00"), (8, "8:00", "24:01"), (0, "24:00", "24:00"), (2, "18:00", "02:00")]
    assert check("Mars/Olympus", periods, ["2026-12-25", "2026-02-30", "20261225"], "service.hours") == [
        Fault("service.hours.time_zone", "is not a time zone of the IANA database, such as Europe/Zurich"),
        Fault("service.hours.periods[1].day_of_week", "8 is not between 1 (Monday) and 7 (Sunday)"),
        Fault("service.hours.periods[1].open_time", 'is not a time from 00:00 to 24:00, such as "08:30"'),
        Fault("service.hours.periods[1].close_time", 'is not a time from 00:00 to 24:00, such as "08:30"'),
        Fault("service.hours.periods[2].day_of_week", "0 is not between 1 (Monday) and 7 (Sunday)"),
        Fault("service.hours.periods[2].open_time", "is not between 00:00 and 23:59"),
        Fault("service.hours.periods[2].close_time", NOT_AFTER),
        Fault("service.hours.periods[3].close_time", NOT_AFTER),
        Fault("service.hours.closed_dates[1]", 'is not a date such as "2026-12-25"'),
        Fault("service.hours.closed_dates[2]", 'is not a date such as "2026-12-25"'),
    ]


def test_check_has_nothing_to_say_about_good_hours() -> None:
    assert check("Europe/Zurich", [(7, "00:00", "24:00")], ["2026-12-25"]) == []


def test_check_names_fields_without_a_path_too() -> None:
    assert [violation.field for violation in check("", [], [], path="")] == ["time_zone"]


def test_check_limits_the_number_of_entries() -> None:
    found = check("UTC", [(1, "bad", "24:00")] * (MAX_PERIODS + 1), ["bad"] * (MAX_CLOSED_DATES + 1))
    assert found[0] == Fault("opening_hours.periods", "has 101 entries; at most 100 are allowed")
    assert Fault("opening_hours.closed_dates", "has 1001 entries; at most 1000 are allowed") in found
    assert len(found) == 2 + MAX_PERIODS + MAX_CLOSED_DATES


@pytest.mark.parametrize(
    "text", ["", "8:00", "08:60", "24:01", "25:00", "08:00:00", "08:00\n", "-1:00", "\u0660\u0668:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time from 00:00 to 24:00"):
        parse_minute(text)


@given(st.integers(0, 1440))
def test_minutes_are_written_as_they_are_read(minute: int) -> None:
    assert parse_minute(format_minute(minute)) == minute
    assert len(format_minute(minute)) == 5


# The oracle: four days of minutes around each night, looked at one by one.

NIGHTS = [
    ("Europe/Zurich", "2026-03-29"),
    ("Europe/Zurich", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour only
    ("Asia/Beirut", "2026-03-29"),  # at midnight
    ("Pacific/Apia", "2011-12-30"),  # a whole day
    ("Asia/Kolkata", "2026-03-29"),  # none
    ("UTC", "2026-03-29"),
]
MINUTE = timedelta(minutes=1)
Wall = tuple[date, int]  # a local date and its minute


@cache
def walls(zone: str, night: str) -> list[Wall]:
    """Return the wall clock at every minute of the four days from the day before the night."""
    local = [(first_minute(night) + minute * MINUTE).astimezone(ZoneInfo(zone)) for minute in range(4 * 1440)]
    return [(wall.date(), wall.hour * 60 + wall.minute) for wall in local]


def first_minute(night: str) -> datetime:
    return utc(night) - timedelta(days=1)


def covers(opening_hours: OpeningHours, wall: Wall) -> bool:
    day, minute = wall
    if day in opening_hours.closed_dates:
        return False
    return not opening_hours.periods or any(
        p.day_of_week == day.isoweekday() and p.open_minute <= minute < p.close_minute for p in opening_hours.periods
    )


def times(*most_interesting: int) -> st.SearchStrategy[int]:
    """Draw minutes of the day: those at which the clocks change more often than others."""
    clock_changes = st.sampled_from([*most_interesting, 60, 90, 119, 120, 121, 150, 179, 180, 210])
    return clock_changes | st.integers(1, 1439)


@st.composite
def opening_periods(draw: st.DrawFn) -> OpeningPeriod:
    open_minute = draw(times(0))
    close_minute = draw(times(1440).filter(lambda minute: minute > open_minute))
    return OpeningPeriod(draw(st.integers(MONDAY, SUNDAY) | st.just(SUNDAY)), open_minute, close_minute)


def next_change(opening_hours: OpeningHours, zone: str, night: str, start: int) -> datetime | None:
    """Return the first minute after `start` that differs from it; None when the four days have none."""
    covered = [covers(opening_hours, wall) for wall in walls(zone, night)]
    for minute in range(start, len(covered)):
        if covered[minute] != covered[start]:
            return first_minute(night) + minute * MINUTE
    return None


@given(
    st.sampled_from(NIGHTS),
    st.lists(opening_periods(), max_size=8),
    st.sets(st.integers(-1, 2), max_size=2),
    st.integers(0, 4 * 1440 - 1),
    st.timedeltas(timedelta(0), MINUTE - timedelta.resolution),
)
def test_every_answer_is_that_of_the_oracle(
    where: tuple[str, str], periods: list[OpeningPeriod], closed: set[int], start: int, offset: timedelta
) -> None:
    zone, night = where
    closed_dates = frozenset(date.fromisoformat(night) + timedelta(days=day) for day in closed)
    opening_hours = OpeningHours(zone, tuple(periods), closed_dates)
    at = first_minute(night) + start * MINUTE + offset
    now = covers(opening_hours, walls(zone, night)[start])
    change = next_change(opening_hours, zone, night, start)

    assert opening_hours.is_open(at) == now
    stays, changes = opening_hours.next_open(at), opening_hours.next_close(at)
    if not now:
        stays, changes = changes, stays
    assert stays == at
    if change is not None:
        assert changes == change
    else:  # not within the four days
        assert changes is None or changes >= first_minute(night) + 4 * 1440 * MINUTE
