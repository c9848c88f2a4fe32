"""Time zones of the IANA database: which names may be set, and the data that this machine has.

The data is the operating system's where it has any, since that is kept up to date, otherwise the package tzdata's.
"""

import re
import struct
import zoneinfo
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

# In the list of zones, but no zone: what a machine shows whose zone was never set.
_PLACEHOLDER = "Factory"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_MAX_NAME_LENGTH = 128
# A corrupt file may be read and still fail at a conversion: one of each half year is tried.
_PROBED_YEARS = range(1970, 2061)


@cache
def zone_names() -> frozenset[str]:
    """Return the names that every machine has, links included: those that the package tzdata lists.

    A machine's own folder has more, which mean another time on the next machine (localtime, posixrules), count leap
    seconds (right/…), or are the same zones under other names (posix/…).
    """
    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - {_PLACEHOLDER}


def check_zone(name: str) -> None:
    """Raise `ValueError` for a time zone that may not be set."""
    if name not in zone_names():
        raise ValueError("is not a time zone of the IANA database, such as Europe/Zurich")
    if zone_named(name) is None:
        raise ValueError("is a time zone whose data on this server is corrupt")


@cache  # the names that are listed or stored: a few hundred
def zone_named(name: str) -> ZoneInfo | None:
    """Return the zone; None when this machine lacks it, or has a corrupt file in its place."""
    try:
        data = _data_of(name)
        _check_file(data)
        zone = ZoneInfo.from_file(BytesIO(data), key=name)
        for year in _PROBED_YEARS:
            for month in (1, 7):
                datetime(year, month, 1, tzinfo=UTC).astimezone(zone)
    except Exception:  # noqa: BLE001 - a corrupt file raises whatever its bytes lead to
        return None
    return zone


def _data_of(name: str) -> bytes:
    """Return the file of a zone. Raise `OSError` or `ValueError` when there is none."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME_LENGTH:
        raise ValueError("is no name of a zone")
    for folder in zoneinfo.TZPATH:
        if (path := Path(folder, name)).is_file():
            return path.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


# --- The format of a zone file (TZif, RFC 8536) ------------------------------------------------------------------

# Magic and version, then the counts: UT indicators, standard indicators, leap seconds, transitions, types, characters.
_HEADER = struct.Struct(">4sc15x6L")
_TYPE = struct.Struct(">lBB")
_DAY_S = 24 * 60 * 60


def _check_file(data: bytes) -> None:
    """Raise `ValueError` or `struct.error` for a file that is corrupt.

    Python reads it without a check: of a truncated file on and on, and a wrong index ends the process.
    """
    version, end = _check_block(data, 0, time_size=4)
    if version == b"\0":
        return
    _, end = _check_block(data, end, time_size=8)
    if data[end : end + 1] != b"\n" or data.find(b"\n", end + 1) < 0:
        raise ValueError("the footer is corrupt")


def _check_block(data: bytes, start: int, time_size: int) -> tuple[bytes, int]:
    """Check a header and the data behind it; return its version, and where it ends."""
    magic, version, ut_count, standard_count, leap_count, time_count, type_count, char_count = _HEADER.unpack_from(
        data, start
    )
    indexes = start + _HEADER.size + time_count * time_size
    types = indexes + time_count
    chars = types + type_count * _TYPE.size
    end = chars + char_count + leap_count * (time_size + 4) + standard_count + ut_count
    if magic != b"TZif" or end > len(data) or type_count == 0:
        raise ValueError("the header is corrupt")
    if any(index >= type_count for index in data[indexes:types]):
        raise ValueError("a transition is corrupt")
    for offset_s, is_daylight_saving, place in _TYPE.iter_unpack(data[types:chars]):
        if abs(offset_s) >= _DAY_S or is_daylight_saving > 1 or data.find(b"\0", chars + place, chars + char_count) < 0:
            raise ValueError("a type is corrupt")
    return version, end
