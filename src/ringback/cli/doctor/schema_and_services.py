"""What is judged of a database in either dialect: its schema, its newest event, and the zones of its services."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ringback.cli.doctor.diagnosis import Diagnosis, failed, ok, several, warning
from ringback.domain.service import Service

BACKUP_PAGE: Final = "docs/backup.md"
_JUMP: Final = timedelta(seconds=2)


def of_schema(version: int, newest: int) -> Diagnosis:
    if version > newest:
        text = f"version {version}, and this program reads up to {newest}: a newer Ringback has used the database"
        return failed("schema", text, "start the newer version, or restore a backup from before it")
    if version < newest:
        text = f"version {version}; this program makes it {newest} when it starts, and then no older one opens it"
        return warning("schema", text, f"take a backup before the new version starts ({BACKUP_PAGE})")
    return ok("schema", f"version {version}")


def of_event_time(newest: datetime | None, now: datetime) -> Sequence[Diagnosis]:
    """Judge whether the clock has been set back since the newest event."""
    if newest is None:
        return []
    if newest - now > _JUMP:
        ahead_s = (newest - now).total_seconds()
        text = f"the newest is of {newest:%F %T} UTC, {ahead_s:,.0f} s ahead of this machine's clock"
        return [failed("events", text, "set the clock right before the server starts: leases are judged by it")]
    return [ok("events", f"the newest is of {newest:%F %T} UTC")]


def of_services(services: Sequence[Service]) -> Diagnosis:
    """Judge whether this machine has the time zones of all services."""
    lacking = {each.opening_hours.time_zone: each.sip_address for each in services if each.opening_hours.lacks_zone}
    if lacking:
        named = ", ".join(f"{zone} of {address}" for zone, address in sorted(lacking.items()))
        text = f"this machine has no usable data of {named}: such services are closed"
        return failed("services", text, "install or mend the time zones of the system (tzdata)")
    return ok("services", f"{several(len(services), 'service')}, whose time zones are all here")
