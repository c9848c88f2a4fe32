"""The database in an SQLite file: what it is, what is damaged, and its log."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from ringback.cli.doctor.diagnosis import Diagnosis, failed, in_bytes, ok, warning
from ringback.cli.doctor.schema_and_services import BACKUP_PAGE, of_event_time, of_schema, of_services
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite.inspection import SqliteDamage, SqliteFacts, find_damage, look_at
from ringback.storage.sqlite.sole_use import real_path

# The server empties the log at 4 MB (`wal_autocheckpoint`) unless something reads; a backup lets it grow for a while.
_LARGE_LOG_BYTES: Final = 256_000_000
# Rights come first: nobody should restore a backup because this was run as somebody else.
_CANNOT_OPEN: Final = f"run this as the user of the server; what is damaged is restored from a backup ({BACKUP_PAGE})"


def database(path: Path, now: datetime) -> Sequence[Diagnosis]:
    """Look at what the file is and has."""
    folder = real_path(path).parent
    if not folder.is_dir():
        return [failed("database", f"the folder {folder} does not exist", "make it, for the user of the server")]
    if not real_path(path).exists():
        text = f"there is no {path} yet: `ringback serve` makes it"
        return [warning("database", text, "if there should be one, see --database")]
    try:
        facts = look_at(path)
    except StoreCannotOpen as fault:
        return [failed("database", str(fault), _CANNOT_OPEN)]
    return [*of_facts(path, facts), *of_event_time(facts.newest_event, now), *_services(facts)]


def of_facts(path: Path, facts: SqliteFacts) -> Iterator[Diagnosis]:
    """Judge what a database file is."""
    yield ok("database", f"{path}, {in_bytes(facts.size_bytes)}")
    yield of_schema(facts.schema_version, facts.newest_schema)
    log = f"the write-ahead log has {in_bytes(facts.log_bytes)}"
    if facts.log_bytes > _LARGE_LOG_BYTES:
        remedy = "end what reads the database for long (a backup, a shell), and see that the disk has room"
        yield warning("log", log, remedy)
    else:
        yield ok("log", log)


def _services(facts: SqliteFacts) -> Sequence[Diagnosis]:
    return [of_services(facts.services)] if facts.schema_version == facts.newest_schema else []


def damage(path: Path, *, whole: bool, limit_s: float) -> Sequence[Diagnosis]:
    """Look for damage."""
    if not real_path(path).exists():
        return []
    try:
        return [of_damage(find_damage(path, whole=whole, limit_s=limit_s), whole=whole)]
    except StoreCannotOpen as fault:
        return [failed("integrity", str(fault), _CANNOT_OPEN)]


def of_damage(found: SqliteDamage, *, whole: bool) -> Diagnosis:
    check = "integrity_check" if whole else "quick_check"
    if found.faults:
        remedy = f"stop the server, keep the file with its -wal, and restore a backup ({BACKUP_PAGE}); look at the disk"
        return failed("integrity", f"the database is damaged: {'; '.join(found.faults)}", remedy)
    if not found.is_complete:
        text = f"{check} did not end in time; no damage so far"
        return warning("integrity", text, "give it more time with --check-timeout")
    further = ", nor in any index or reference" if whole else "; --full looks at indexes, too"
    return ok("integrity", f"{check}: no damage{further}")
