"""Dates in both forms that are taken, and the one that is given."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.web.rest.dates import read_date, write_date

DUE = datetime(2026, 12, 24, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24.12.2026 08:30:00", DUE),
        ("2026-12-24T08:30:00Z", DUE),
        ("2026-12-24t08:30:00z", DUE),
        ("2026-12-24 08:30:00Z", DUE),
        ("2026-12-24T08:30Z", DUE),
        ("2026-12-24T08:30:00", DUE),
        ("2026-12-24T08:30", DUE),
        ("2026-12-24T09:30:00+01:00", DUE),
        ("2026-12-24T09:30:00+0100", DUE),
        ("2026-12-24T00:30:00-08:00", DUE),
        ("2026-12-24T08:30:00-00:00", DUE),
        ("2026-12-24T08:30:00.25Z", DUE + timedelta(milliseconds=250)),
        ("2026-12-24T08:30:00.1234567Z", DUE + timedelta(microseconds=123456)),
        ("29.02.2028 00:00:00", datetime(2028, 2, 29, tzinfo=UTC)),
        ("01.01.0001 00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("31.12.9999 23:59:59", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_dates_are_read_in_both_forms_as_utc_where_they_do_not_say(text: str, expected: datetime) -> None:
    assert read_date(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "24.12.2026",
        "24.12.2026 08:30",
        "24.12.2026 8:30:00",
        "4.12.2026 08:30:00",
        "24.12.26 08:30:00",
        "24.12.2026  08:30:00",
        "24.12.2026T08:30:00",
        "24.12.2026 08:30:00Z",
        "24.12.2026 08:30:00.5",
        " 24.12.2026 08:30:00",
        "24.12.2026 08:30:00\n",
        "24/12/2026 08:30:00",
        "31.02.2026 08:30:00",
        "29.02.2026 08:30:00",
        "12.24.2026 08:30:00",
        "00.12.2026 08:30:00",
        "24.12.0000 08:30:00",
        "24.12.2026 24:00:00",
        "24.12.2026 08:60:00",
        "24.12.2026 08:30:60",
        "24.12.2026 08:30:0\N{ARABIC-INDIC DIGIT FIVE}",
        "2026-12-24",
        "2026-12-24T24:00:00Z",
        "2026-12-24T08:30:00+24:00",
        "2026-12-24T08:30:00+01",
        "2026-12-24T08:30:00,5Z",
        "2026-12-24T08:30:00.Z",
        "2026-12-24T08:30:00.1234567890Z",
        "20261224T083000Z",
        "2026-W52-4T08:30:00Z",
        "2026-359T08:30:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "1798101000",
    ],
)
def test_what_is_no_date_in_either_form_is_none(text: str) -> None:
    assert read_date(text) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_that_was_written_is_read_again(time: datetime) -> None:
    assert read_date(write_date(time)) == time
    whole = time.replace(microsecond=0)
    assert read_date(f"{whole:%d.%m.}{whole.year:04}{whole: %H:%M:%S}") == whole


def test_dates_are_written_in_utc() -> None:
    assert write_date(DUE.astimezone(timezone(timedelta(hours=1)))) == "2026-12-24T08:30:00Z"
    assert write_date(DUE + timedelta(microseconds=1)) == "2026-12-24T08:30:00.000001Z"
