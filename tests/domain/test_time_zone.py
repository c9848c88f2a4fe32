"""Names of time zones, and what becomes of a zone file that is corrupt."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.domain.time_zone import check_zone, zone_named, zone_names
from tests.world.zone_files import ZURICH, zone_file


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Zurich", "Europe/Kiev", "Asia/Calcutta", "EST5EDT", "Etc/GMT+5", "America/Indiana/Knox"]
)
def test_names_and_links_of_the_database_are_accepted(name: str) -> None:
    check_zone(name)


@pytest.mark.parametrize(
    "name",
    [
        "localtime",
        "posixrules",
        "Factory",
        "posix",
        "right",
        "right/UTC",
        "right/Europe/Zurich",
        "posix/Europe/Zurich",
        "europe/zurich",
        "EUROPE/ZURICH",
        "utc",
        "Europe/zurich",
        "Etc/../Europe/Zurich",
        "Europe//Zurich",
        "./Europe/Zurich",
        "Europe/Zurich/",
        " Europe/Zurich",
        "Europe/Zurich\n",
        "Europe",
        "Europe/Atlantis",
        "",
        ".",
        "../UTC",
        "/usr/share/zoneinfo/UTC",
        "/etc/passwd",
        "zone.tab",
        "tzdata.zi",
        "a\0b",
        "x" * 5000,
    ],
)
def test_what_machines_do_not_have_in_common_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone of the IANA database"):
        check_zone(name)


def test_every_zone_that_may_be_set_can_be_read() -> None:
    assert {name for name in zone_names() if zone_named(name) is None} == set()
    assert not {name for name in zone_names() if name.startswith(("right/", "posix/"))}
    assert zoneinfo.available_timezones() - zone_names() <= {"Factory", "localtime"}


CORRUPT = {
    "empty": b"",
    "text": b"# nothing here\n" * 100,
    "another magic": b"XZif" + ZURICH[4:],
    "without its end": ZURICH[:-1],
    "half": ZURICH[: len(ZURICH) // 2],
    "only the header": ZURICH[:44],
    "an index of no type": ZURICH.replace(ZURICH[44:], b"\xff" * (len(ZURICH) - 45) + b"\n"),
    "counts beyond the file": ZURICH[:20] + b"\xff" * 24 + ZURICH[44:],
}


@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_file_is_a_lacking_zone(tmp_path: Path, data: bytes) -> None:
    with zone_file(tmp_path, "Europe/Zurich", data):
        assert zone_named("Europe/Zurich") is None
        with pytest.raises(ValueError, match="corrupt"):
            check_zone("Europe/Zurich")
    check_zone("Europe/Zurich")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    end=st.integers(0, len(ZURICH)),
    flips=st.lists(st.tuples(st.integers(0, len(ZURICH) - 1), st.integers(0, 255)), max_size=6),
)
def test_no_file_hangs_or_ends_the_process(tmp_path: Path, end: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(ZURICH)
    for place, value in flips:
        data[place] = value
    with zone_file(tmp_path, "Europe/Zurich", bytes(data[:end])):
        zone = zone_named("Europe/Zurich")
        if zone is not None:
            offset = datetime(2026, 7, 1, tzinfo=UTC).astimezone(zone).utcoffset()
            assert offset is not None
            assert abs(offset) < timedelta(days=1)
