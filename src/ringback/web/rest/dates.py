"""Dates of the contract: `dd.mm.yyyy hh:MM:ss`, which is UTC, and ISO 8601. Answers have the latter only."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_OWN: Final = re.compile(
    r"(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d{4}) (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)", re.ASCII
)
# RFC 3339, but that seconds and the offset may be left out, as in ISO 8601. Without an offset it is UTC, too.
_ISO: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[Tt ](?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<offset>[Zz]|(?P<sign>[+-])(?P<ahead_h>\d\d):?(?P<ahead_min>[0-5]\d))?",
    re.ASCII,
)
WANTED: Final = "is not a date such as 24.12.2026 08:30:00 (UTC) or 2026-12-24T08:30:00Z"
_MICROSECOND_DIGITS: Final = 6


def read_date(text: str) -> datetime | None:
    """Return the time in UTC, to the microsecond; None for what is no date of the years 1 to 9999."""
    found = _OWN.fullmatch(text) or _ISO.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    fraction = (parts.get("fraction") or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    try:
        zone = UTC if not parts.get("sign") else _offset(parts)
        date = datetime(
            int(parts["year"]),
            int(parts["month"]),
            int(parts["day"]),
            int(parts["hour"]),
            int(parts["minute"]),
            int(parts["second"] or 0),
            int(fraction),
            tzinfo=zone,
        )
        return date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def write_date(time: datetime) -> str:
    """Return a time in UTC as ISO 8601, with a fraction where it has one."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _offset(parts: dict[str, str]) -> timezone:
    """Raise `ValueError` for a day or more."""
    ahead = timedelta(hours=int(parts["ahead_h"]), minutes=int(parts["ahead_min"]))
    return timezone(ahead if parts["sign"] == "+" else -ahead)
