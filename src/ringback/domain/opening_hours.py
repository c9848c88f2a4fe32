"""When a service is open.

One definition, from which everything else follows: **a service is open at an instant when the local wall
clock then shows a date that is not closed and a time within a period of its day of the week.** So, when the
clocks change:

* Times that a night skips never occur. A period from 02:30 in a night without 02:00-03:00 opens at the first
  instant after the gap, 03:00; a period that lies wholly in the gap does not occur.
* Times that a night repeats occur twice. A period 02:00-02:30 in a night that has 02:00-03:00 twice is open
  for two half hours.

Periods may overlap and adjoin; what counts is whether any of them covers the instant. So 18:00-24:00 on
Monday and 00:00-02:00 on Tuesday are one stretch of eight hours.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

from msgspec import Struct

from ringback.domain.defaults import written
from ringback.domain.errors import Fault
from ringback.domain.time_zone import check_zone, zone_named

MINUTES_PER_DAY = 24 * 60
MAX_PERIODS = 100
MAX_CLOSED_DATES = 1000
HORIZON = timedelta(days=366)
"""How far ahead an opening or a closing is searched for: as far as a due date may lie."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class OpeningPeriod(Struct, frozen=True):
    """A period of one day of the week, in local wall-clock time. The constructor raises `ValueError` otherwise."""

    day_of_week: int
    """1 is Monday, 7 is Sunday (ISO 8601)."""
    open_minute: int
    """Minutes since midnight, 0 to 1439. The first minute that is open."""
    close_minute: int
    """Minutes since midnight, up to 1440 (24:00), after `open_minute`. The first minute that is not open."""

    def __post_init__(self) -> None:
        fault = next(_period_faults(self.day_of_week, self.open_minute, self.close_minute), None)
        if fault is not None:
            raise ValueError(" ".join(fault))


class OpeningHours(Struct, frozen=True, omit_defaults=True, dict=True):
    """The week of a service. Without periods it is always open, except on the closed dates.

    Any machine can read what is stored, so the constructor takes every time zone, and `check` tells which ones may be
    set. Where a machine lacks the zone, nothing is open. Methods take aware datetimes and return UTC.
    """

    time_zone: str = written("UTC")
    """A name in the IANA database, such as Europe/Zurich."""
    periods: tuple[OpeningPeriod, ...] = ()
    closed_dates: frozenset[date] = frozenset()
    """Whole local days on which the service does not open, whatever the periods say."""

    @property
    def lacks_zone(self) -> bool:
        """Return whether this machine has no usable data of the time zone."""
        return zone_named(self.time_zone) is None

    @property
    def _zone(self) -> ZoneInfo:
        """The zone, where it is not lacking."""
        zone = zone_named(self.time_zone)
        if zone is None:
            raise ValueError(f"this machine has no data of the time zone {self.time_zone}")
        return zone

    @cached_property
    def _week(self) -> tuple[tuple[int, ...], ...]:
        """The edges of each day of the week, Monday first."""
        return tuple(_edges(self.periods, day) for day in range(1, 8))

    @cached_property
    def is_always_open(self) -> bool:
        """Return True for the usual service, for which a year need not be searched."""
        always = not self.closed_dates and all(edges == (0, MINUTES_PER_DAY) for edges in self._week)
        return always and not self.lacks_zone

    def is_open(self, at: datetime) -> bool:
        if self.is_always_open or self.lacks_zone:
            return self.is_always_open
        wall = _in_zone(at, self._zone)
        return bisect_right(self._edges_of(wall), _minute_of_day(wall)) % 2 == 1

    def next_open(self, at: datetime) -> datetime | None:
        """Return the first instant from `at` on that is open; None when none is known within `HORIZON`."""
        return _in_zone(at, UTC) if self.is_always_open else self._first(at, is_open=True)

    def next_close(self, at: datetime) -> datetime | None:
        """Return the first instant from `at` on that is closed; None when there is none within `HORIZON`."""
        return None if self.is_always_open else self._first(at, is_open=False)

    def _first(self, at: datetime, *, is_open: bool) -> datetime | None:
        at = _in_zone(at, UTC)
        if self.lacks_zone:
            return None if is_open else at
        last = at + HORIZON
        while at <= last:
            if self.is_open(at) == is_open:
                return at
            at = self._next_edge(at)
        return None

    def _next_edge(self, at: datetime) -> datetime:
        """Return the first instant after `at` at which the service may open or close: at most a day later."""
        wall = at.astimezone(self._zone)
        edges = self._edges_of(wall)
        index = bisect_right(edges, _minute_of_day(wall))
        minute = edges[index] if index < len(edges) else MINUTES_PER_DAY
        # Within one time zone Python subtracts wall clocks: this is the time until then if the offset stays.
        edge = at + (datetime.combine(wall, time(), wall.tzinfo) + timedelta(minutes=minute) - wall)
        if edge.astimezone(self._zone).utcoffset() == wall.utcoffset():
            return edge
        return self._clock_change(at, edge)

    def _clock_change(self, before: datetime, after: datetime) -> datetime:
        """Return the first instant after `before` with another UTC offset; `after` has another one.

        Exact, since offsets change on whole seconds; and the only one, since no zone in the database changes
        its offset twice within two days.
        """
        start = before.replace(microsecond=0)
        offset = start.astimezone(self._zone).utcoffset()

        def has_changed(second: int) -> bool:
            return (start + timedelta(seconds=second)).astimezone(self._zone).utcoffset() != offset

        seconds = range((after - start) // timedelta(seconds=1))
        return start + timedelta(seconds=bisect_left(seconds, True, key=has_changed))

    def _edges_of(self, wall: datetime) -> tuple[int, ...]:
        return () if wall.date() in self.closed_dates else self._week[wall.weekday()]


def check(
    time_zone: str,
    periods: Sequence[tuple[int, str, str]],
    closed_dates: Sequence[str],
    path: str = "opening_hours",
    stored_zone: str | None = None,
) -> list[Fault]:
    """Return all faults of opening hours as they were sent; none when `OpeningHours` can be made of them.

    A period is (day of week, open time, close time), its times as for `parse_minute`; a closed date is as for
    `parse_date`. At most 100 periods and 1000 closed dates. `path` is put before the name of every field. The zone that
    is stored already is no fault: what a machine lacks must not keep it from changing something else.
    """
    prefix = f"{path}." if path else ""
    zone_faults = () if time_zone == stored_zone else _refusal("time_zone", check_zone, time_zone)
    faults = (*zone_faults, *_faults(periods, closed_dates))
    return [Fault(f"{prefix}{name}", fault) for name, fault in faults]


def parse_minute(text: str) -> int:
    """Read a time from "00:00" to "24:00" as minutes since midnight. Raise `ValueError`."""
    if not _TIME.fullmatch(text):
        raise ValueError('is not a time from 00:00 to 24:00, such as "08:30"')
    return int(text[:2]) * 60 + int(text[3:])


def format_minute(minute: int) -> str:
    """Write minutes since midnight, 0 to 1440, as "HH:MM"."""
    return f"{minute // 60:02}:{minute % 60:02}"


def parse_date(text: str) -> date:
    """Read a date such as "2026-12-25", in no other form of ISO 8601. Raise `ValueError`."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:  # 2026-02-30
        pass
    raise ValueError('is not a date such as "2026-12-25"')


def _faults(periods: Sequence[tuple[int, str, str]], closed_dates: Sequence[str]) -> Iterator[tuple[str, str]]:
    if len(periods) > MAX_PERIODS:
        yield "periods", f"has {len(periods)} entries; at most {MAX_PERIODS} are allowed"
    for index, period in enumerate(periods[:MAX_PERIODS]):
        for name, fault in _sent_period_faults(*period):
            yield f"periods[{index}].{name}", fault
    if len(closed_dates) > MAX_CLOSED_DATES:
        yield "closed_dates", f"has {len(closed_dates)} entries; at most {MAX_CLOSED_DATES} are allowed"
    for index, closed_date in enumerate(closed_dates[:MAX_CLOSED_DATES]):
        yield from _refusal(f"closed_dates[{index}]", parse_date, closed_date)


def _sent_period_faults(day_of_week: int, open_time: str, close_time: str) -> Iterator[tuple[str, str]]:
    unreadable = [
        *_refusal("open_time", parse_minute, open_time),
        *_refusal("close_time", parse_minute, close_time),
    ]
    if unreadable:
        yield from _day_faults(day_of_week)
        yield from unreadable
    else:
        yield from _period_faults(day_of_week, parse_minute(open_time), parse_minute(close_time))


def _period_faults(day_of_week: int, open_minute: int, close_minute: int) -> Iterator[tuple[str, str]]:
    yield from _day_faults(day_of_week)
    if not 0 <= open_minute < MINUTES_PER_DAY:
        yield "open_time", "is not between 00:00 and 23:59"
    if not open_minute < close_minute <= MINUTES_PER_DAY:
        yield "close_time", "is not between open_time and 24:00 (hours past midnight belong to the next day)"


def _day_faults(day_of_week: int) -> Iterator[tuple[str, str]]:
    if not 1 <= day_of_week <= 7:
        yield "day_of_week", f"{day_of_week} is not between 1 (Monday) and 7 (Sunday)"


def _refusal(name: str, read: Callable[[str], object], text: str) -> Iterator[tuple[str, str]]:
    try:
        read(text)
    except ValueError as fault:
        yield name, str(fault)


def _edges(periods: Sequence[OpeningPeriod], day_of_week: int) -> tuple[int, ...]:
    """Return the minutes of a day at which the service opens and closes, in turn, an opening first."""
    if not periods:
        return (0, MINUTES_PER_DAY)
    edges: list[int] = []
    for period in sorted(periods, key=lambda period: period.open_minute):
        if period.day_of_week != day_of_week:
            continue
        if edges and period.open_minute <= edges[-1]:
            edges[-1] = max(edges[-1], period.close_minute)
        else:
            edges += (period.open_minute, period.close_minute)
    return tuple(edges)


def _in_zone(at: datetime, zone: tzinfo) -> datetime:
    if at.tzinfo is None:  # astimezone() would take it to be in the time zone of this machine
        raise ValueError("the datetime has no time zone")
    return at.astimezone(zone)


def _minute_of_day(wall: datetime) -> int:
    return wall.hour * 60 + wall.minute
