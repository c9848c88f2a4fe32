"""When it is quiet for a number, in its own zone or a fixed one, also when clocks change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.dial_rules import DialRules, waking_hours
from ringback.domain.quiet_hours import QuietHours, first_open, parse_quiet_hours

NIGHT = parse_quiet_hours("21:00", "08:00", "target")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(quiet: QuietHours, uri: str, moment: str, zone: str = "UTC") -> datetime | None:
    return first_open(waking_hours([DialRules(quiet_hours=quiet)], uri, "", zone), at(moment))


@pytest.mark.parametrize(
    ("uri", "moment", "expected"),
    [
        ("tel:+41785556677", "2026-11-29T19:59", "2026-11-29T19:59"),
        ("tel:+41785556677", "2026-11-29T20:00", "2026-11-30T07:00"),
        ("tel:+41785556677;ext=3", "2026-11-30T03:00", "2026-11-30T07:00"),
        ("sip:0041785556677@h.example", "2026-11-30T03:00", "2026-11-30T07:00"),
        ("tel:+12125551234", "2026-11-30T03:00", "2026-11-30T13:00"),
        # Russia's mobiles: quiet while it is in one of its zones, and so the same for all is a short time.
        ("tel:+79161234567", "2026-11-30T03:00", "2026-11-30T06:00"),
        # A range of numbers that the library does not have, and a number without any zone.
        ("tel:+447700900123", "2026-11-30T03:00", "2026-11-30T08:00"),
        ("tel:+8816123456789", "2026-11-30T03:00", "2026-11-30T08:00"),
        # The night in which the clocks of Zurich go forward, and the one in which they go back.
        ("tel:+41785556677", "2026-03-28T20:00", "2026-03-29T06:00"),
        ("tel:+41785556677", "2026-10-24T19:00", "2026-10-25T07:00"),
    ],
)
def test_the_zone_of_the_target(uri: str, moment: str, expected: str) -> None:
    assert first(NIGHT, uri, moment) == at(expected)


def test_a_target_without_a_number_is_in_the_zone_of_the_service() -> None:
    assert first(NIGHT, "sip:anna@h.example", "2026-11-30T03:00", "Asia/Tokyo") == at("2026-11-30T03:00")
    assert first(NIGHT, "sip:anna@h.example", "2026-11-30T03:00", "Europe/Zurich") == at("2026-11-30T07:00")


def test_a_fixed_zone() -> None:
    fixed = parse_quiet_hours("21:00", "08:00", "Asia/Tokyo")
    assert first(fixed, "tel:+41785556677", "2026-11-30T12:00") == at("2026-11-30T23:00")


@pytest.mark.parametrize(
    ("start", "end", "moment", "expected"),
    [
        ("12:00", "14:00", "2026-11-30T12:00", "2026-11-30T14:00"),
        ("12:00", "14:00", "2026-11-30T14:00", "2026-11-30T14:00"),
        ("21:00", "24:00", "2026-11-30T23:00", "2026-12-01T00:00"),
        ("21:00", "00:00", "2026-11-30T23:00", "2026-12-01T00:00"),
        ("00:00", "08:00", "2026-11-30T00:00", "2026-11-30T08:00"),
        ("24:00", "08:00", "2026-11-30T00:00", "2026-11-30T08:00"),
    ],
)
def test_hours_of_one_day(start: str, end: str, moment: str, expected: str) -> None:
    assert first(parse_quiet_hours(start, end, "UTC"), "sip:anna@h.example", moment) == at(expected)


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        ("21:00", "21:00", "target"),
        ("00:00", "24:00", "target"),
        ("9:00", "10:00", "target"),
        ("21:00", "08:60", "target"),
        ("21:00", "08:00", "Mars/Olympus"),
        ("21:00", "08:00", "localtime"),
        ("", "", ""),
    ],
)
def test_what_are_no_quiet_hours(start: str, end: str, zone: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_quiet_hours(start, end, zone)


def test_rules_that_leave_no_moment() -> None:
    rules = [
        DialRules(quiet_hours=parse_quiet_hours("08:00", "20:00", "UTC")),
        DialRules(quiet_hours=parse_quiet_hours("20:00", "08:00", "UTC")),
    ]
    assert first_open(waking_hours(rules, "sip:anna@h.example", "", "UTC"), at("2026-11-30T03:00")) is None


@given(
    st.integers(0, 365 * 24 * 3600).map(lambda second: at("2026-01-01") + timedelta(seconds=second)),
    st.sampled_from(["tel:+41785556677", "tel:+12125551234", "tel:+79161234567", "sip:anna@h.example"]),
)
def test_the_first_moment_is_not_quiet_and_none_before_it_is(moment: datetime, uri: str) -> None:
    hours = waking_hours([DialRules(quiet_hours=NIGHT)], uri, "", "Europe/Zurich")
    found = first_open(hours, moment)
    assert found is not None
    assert all(each.is_open(found) for each in hours)
    assert found == moment or not all(each.is_open(found - timedelta(seconds=1)) for each in hours)
    assert first_open(hours, found) == found
