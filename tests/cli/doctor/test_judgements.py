"""What is found out is judged by functions of facts: here are their tables."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import Certificate

from ringback.cli.doctor import (
    certificates,
    clock,
    collector,
    disk,
    postgres_server,
    program,
    server_process,
    sqlite_file,
)
from ringback.cli.doctor.diagnosis import Diagnosis, Grade, in_bytes, several, worst_of
from ringback.cli.doctor.schema_and_services import of_event_time, of_schema, of_services
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.service import Service
from ringback.storage.postgres_facts import PostgresFacts, Standby
from ringback.storage.sqlite.inspection import SqliteDamage, SqliteFacts
from tests.world.certificates import DAY, Authority

NOW = datetime.now(UTC).replace(microsecond=0)
OK, WARNING, FAILED = Grade

FOLDER = Path("/var/lib/ringback")


def grades(found: Sequence[Diagnosis]) -> dict[str, Grade]:
    return {each.subject: each.grade for each in found}


def test_the_worst_decides() -> None:
    assert worst_of([]) is OK
    assert worst_of([Diagnosis("a", WARNING, "x"), Diagnosis("b", OK, "x")]) is WARNING
    assert worst_of([Diagnosis("a", WARNING, "x"), Diagnosis("b", FAILED, "x")]) is FAILED


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (4_096, "4.1 kB"), (250_000_000, "250 MB"), (4e9, "4.0 GB")],
)
def test_sizes(size: float, text: str) -> None:
    assert in_bytes(size) == text


def test_counts() -> None:
    assert [several(1, "day"), several(0, "day"), several(2000, "entry", "entries")] == [
        "1 day",
        "0 days",
        "2,000 entries",
    ]


# --- The database ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "grade"), [(6, WARNING), (7, OK), (8, FAILED)])
def test_schema(version: int, grade: Grade) -> None:
    assert of_schema(version, 7).grade is grade


@pytest.mark.parametrize(("ahead_s", "grade"), [(-3600, OK), (1, OK), (3, FAILED)])
def test_the_clock_is_behind_the_newest_event(ahead_s: float, grade: Grade) -> None:
    (found,) = of_event_time(NOW + timedelta(seconds=ahead_s), NOW)
    assert found.grade is grade
    assert of_event_time(None, NOW) == []


def service(zone: str) -> Service:
    hours = OpeningHours(time_zone=zone)
    return Service(service_id="1", sip_address="sip:a@b.example", opening_hours=hours, create_time=NOW, update_time=NOW)


def test_services_whose_zone_is_missing() -> None:
    assert of_services([service("UTC"), service("Europe/Zurich")]).grade is OK
    missing = of_services([service("Mars/Olympus")])
    assert missing.grade is FAILED
    assert "Mars/Olympus of sip:a@b.example" in missing.text


def facts(log_bytes: int) -> SqliteFacts:
    return SqliteFacts(
        schema_version=7, newest_schema=7, services=[], newest_event=None, size_bytes=1, log_bytes=log_bytes
    )


@pytest.mark.parametrize(("log_bytes", "grade"), [(0, OK), (4_000_000, OK), (300_000_000, WARNING)])
def test_the_write_ahead_log(log_bytes: int, grade: Grade) -> None:
    assert grades([*sqlite_file.of_facts(FOLDER / "ringback.db", facts(log_bytes))])["log"] is grade


def test_damage() -> None:
    assert sqlite_file.of_damage(SqliteDamage([], is_complete=True), whole=False).grade is OK
    assert sqlite_file.of_damage(SqliteDamage([], is_complete=False), whole=True).grade is WARNING
    assert sqlite_file.of_damage(SqliteDamage(["page 4"], is_complete=False), whole=True).grade is FAILED


# --- The disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "inodes", "kind", "database", "found"),
    [
        (50e9, 10_000, "ext4", 1e9, {"space": OK}),
        (50e9, None, "btrfs", 1e9, {"space": OK}),
        (500e6, 10_000, "ext4", 0, {"space": WARNING}),
        (50e9, 10_000, "ext4", 60e9, {"space": WARNING}),
        (10e6, 10_000, "ext4", 0, {"space": FAILED}),
        (50e9, 999, "ext4", 0, {"space": OK, "inodes": WARNING}),
        (50e9, 0, "ext4", 0, {"space": OK, "inodes": FAILED}),
        (50e9, 10_000, "nfs4", 0, {"space": OK, "file system": FAILED}),
        (50e9, 10_000, "tmpfs", 0, {"space": OK, "file system": WARNING}),
    ],
)
def test_disk(free: float, inodes: int | None, kind: str, database: float, found: dict[str, Grade]) -> None:
    looked_at = disk.Disk(kind=kind, free_bytes=int(free), free_inodes=inodes)
    assert grades([*disk.of_disk(FOLDER, looked_at, int(database))]) == found


MOUNTS = """\
overlay / overlay rw 0 0
/dev/sda1 /var ext4 rw 0 0
server:/x /var/lib nfs4 rw 0 0
tmpfs /var/lib/ring tmpfs rw 0 0
tmpfs /my\\040disk tmpfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/", "overlay"), ("/var/log", "ext4"), ("/var/lib/ringback", "nfs4"), ("/my disk/x", "tmpfs")],
)
def test_the_kind_of_a_file_system(folder: str, kind: str) -> None:
    assert disk.kind_of(Path(folder), MOUNTS) == kind
    assert disk.kind_of(Path(folder), "") == ""


# --- The process -----------------------------------------------------------------------------------------------------

LOCKS = """\
1: POSIX  ADVISORY  READ 4711 00:2d:77 128 128
2: FLOCK  ADVISORY  WRITE 4712 fe:01:1234 0 EOF
2: -> FLOCK  ADVISORY  WRITE 4713 fe:01:1234 0 EOF
3: OFDLCK ADVISORY  WRITE -1 fe:01:99 1073742336 1073742336

"""


@pytest.mark.parametrize(("inode", "process"), [(1234, 4712), (99, 0), (77, None), (4, None), (34, None)])
def test_which_process_holds_a_lock(inode: int, process: int | None) -> None:
    assert server_process.holder_in(LOCKS, inode) == process


@pytest.mark.parametrize(
    ("limit", "used", "grade"),
    [(1024, None, OK), (256, None, WARNING), (20_000, 30, OK), (20_000, 16_001, WARNING), (None, None, OK)],
)
def test_open_files(limit: int | None, used: int | None, grade: Grade) -> None:
    assert server_process.of_files(limit, used=used).grade is grade


@pytest.mark.parametrize(
    ("machine", "limit", "used", "found"),
    [
        (8e9, None, None, {"memory": OK}),
        (1e8, None, None, {"memory": WARNING}),
        (8e9, 5e8, 4e8, {"memory": WARNING}),
        (8e9, 5e8, 1e8, {"memory": OK}),
        (None, None, None, {}),
    ],
)
def test_memory(machine: float | None, limit: float | None, used: float | None, found: dict[str, Grade]) -> None:
    left = server_process.MemoryLeft(*(None if each is None else int(each) for each in (machine, limit, used)))
    assert grades([*server_process.of_memory(left)]) == found


# --- The program, the clock, the zones -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "grade"),
    [
        ((3, 34, 1), FAILED),
        ((3, 40, 1), WARNING),
        ((3, 44, 5), WARNING),
        ((3, 44, 6), OK),
        ((3, 50, 4), WARNING),
        ((3, 50, 7), OK),
        ((3, 51, 2), WARNING),
        ((3, 51, 3), OK),
        ((3, 53, 0), OK),
    ],
)
def test_versions_of_sqlite(version: tuple[int, ...], grade: Grade) -> None:
    assert grades([*program.of_sqlite(version)]) == {"SQLite": grade}


@pytest.mark.parametrize(
    ("built_at", "synchronised", "grade"),
    [(NOW - DAY, True, OK), (None, None, OK), (NOW - DAY, False, WARNING), (NOW + DAY, True, FAILED)],
)
def test_clock(built_at: datetime | None, synchronised: bool | None, grade: Grade) -> None:
    assert clock.of_clock(NOW, built_at=built_at, synchronised=synchronised).grade is grade


@pytest.mark.parametrize(
    ("system", "package", "corrupt", "grade"),
    [
        ("2026b", "2026b", [], OK),
        ("2026c", "2026b", [], OK),
        ("", "2026b", [], OK),
        ("2024a", "2026b", [], WARNING),
        ("2026b", "2026b", ["Europe/Zurich"], FAILED),
    ],
)
def test_zones(system: str, package: str, corrupt: list[str], grade: Grade) -> None:
    assert clock.of_zones(system, package, corrupt).grade is grade


# --- Certificates ----------------------------------------------------------------------------------------------------

AUTHORITY = Authority()


@pytest.mark.parametrize(
    ("starts", "ends", "grade"),
    [
        (NOW - DAY, NOW + 90 * DAY, OK),
        (NOW - 70 * DAY, NOW + 20 * DAY, WARNING),
        (NOW - 85 * DAY, NOW + 5 * DAY, WARNING),
        # One that lasts for six days is not about to end for the whole of them.
        (NOW - DAY, NOW + 5 * DAY, OK),
        (NOW - 5 * DAY, NOW + DAY, WARNING),
        (NOW - 90 * DAY, NOW - DAY, FAILED),
        (NOW + DAY, NOW + 90 * DAY, FAILED),
    ],
)
def test_the_end_of_a_certificate(starts: datetime, ends: datetime, grade: Grade) -> None:
    issued = AUTHORITY.issue("ringback.example", starts=starts, ends=ends).certificate
    assert certificates.of_end("certificate", "x", issued, NOW).grade is grade


def chain(*parts: Certificate) -> dict[str, Grade]:
    return grades([*certificates.of_chain(Path("server.pem"), parts, NOW)])


def test_a_chain_and_its_names() -> None:
    between = Authority("between", AUTHORITY)
    issued = between.issue("ringback.example", addresses=["192.0.2.7"]).certificate
    assert chain(issued, between.certificate) == {"certificate": OK, "chain": OK}
    assert chain(issued, AUTHORITY.certificate) == {"certificate": OK, "chain": FAILED}
    assert chain(AUTHORITY.issue(common_name="ringback.example").certificate) == {"certificate": FAILED}
    assert certificates.names_in(issued) == ["ringback.example", "192.0.2.7"]


def test_authorities_of_clients() -> None:
    ended = x509.load_pem_x509_certificate(Authority("ended", days=-1).pem)
    good = AUTHORITY.certificate
    path = Path("clients.pem")
    assert grades(certificates.of_authorities(path, [ended, good], NOW)) == {"client CA": OK}
    assert grades(certificates.of_authorities(path, [ended], NOW)) == {"client CA": FAILED}


# --- Traces ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ({}, ("localhost", 4317)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:secret@otel.example:4318"}, ("otel.example", 4318)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example"}, ("otel.example", 443)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "otel.example:4317"}, ("otel.example", 4317)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example:port"}, ("otel.example", 4317)),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a:2"},
            ("a", 2),
        ),
    ],
)
def test_where_spans_go(given: dict[str, str], endpoint: tuple[str, int]) -> None:
    assert collector.endpoint_of(given) == endpoint


# --- PostgreSQL ------------------------------------------------------------------------------------------------------

SOUND = PostgresFacts(
    version_number=170_002,
    version="17.2",
    encoding="UTF8",
    is_standby=False,
    clock=NOW,
    asked_at=NOW,
    took_s=0.001,
    size_bytes=10_000_000,
    connections_allowed=97,
    connections=6,
    transaction_age=1000,
    durability={"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "synchronous_standby_names": ""},
    schema_version=6,
    newest_schema=6,
    services=[],
    may_create=True,
    tables_without_rights=[],
    tables_of_others=[],
    long_transactions=0,
    longest_transaction_s=0.0,
    prepared_transactions=0,
    standbys=[],
)


def changed(**facts: object) -> PostgresFacts:
    return PostgresFacts(**({name: getattr(SOUND, name) for name in SOUND.__struct_fields__} | facts))


@pytest.mark.parametrize(
    ("facts", "subject", "grade"),
    [
        ({"encoding": "LATIN1"}, "database", FAILED),
        ({"is_standby": True}, "database", FAILED),
        ({"version_number": 130_000}, "database", WARNING),
        ({"schema_version": 0}, "schema", WARNING),
        ({"schema_version": 7}, "schema", FAILED),
        ({"tables_without_rights": ["event"]}, "rights", FAILED),
        ({"may_create": False}, "rights", WARNING),
        ({"may_create": False, "schema_version": 5}, "rights", FAILED),
        ({"tables_of_others": ["event"]}, "rights", WARNING),
        ({"durability": {"fsync": "off"}}, "durability", FAILED),
        ({"durability": {"synchronous_commit": "off"}}, "durability", OK),
        ({"durability": {"synchronous_standby_names": "b"}}, "standby", FAILED),
        ({"standbys": [Standby("b", "streaming", "sync", 0.1)]}, "standby", OK),
        ({"standbys": [Standby("b", "streaming", "async", None)]}, "standby", WARNING),
        ({"standbys": [Standby("b", "streaming", "sync", 60)]}, "standby", WARNING),
        ({"standbys": [Standby("b", "catchup", "sync", 0.1)]}, "standby", WARNING),
        ({"standbys": [Standby("b", None, None, None)]}, "standby", OK),
        ({"connections": 91}, "connections", WARNING),
        ({"prepared_transactions": 1}, "transactions", WARNING),
        ({"long_transactions": 1, "longest_transaction_s": 3600.0}, "transactions", WARNING),
        ({"transaction_age": 1_900_000_000}, "transactions", FAILED),
        ({"clock": NOW + timedelta(seconds=3)}, "clocks", WARNING),
        ({"clock": NOW - timedelta(seconds=3)}, "clocks", WARNING),
        ({"clock": NOW + timedelta(seconds=3), "took_s": 4.0}, "clocks", OK),
        ({"services": [service("Mars/Olympus")]}, "services", FAILED),
    ],
)
def test_postgresql(facts: dict[str, object], subject: str, grade: Grade) -> None:
    """All else stays as it is, and is all right."""
    sound = grades([*postgres_server.of_postgres("db", SOUND)])
    assert set(sound.values()) == {OK}
    found = [*postgres_server.of_postgres("db", changed(**facts))]
    assert grades(found)[subject] is grade
    assert all(each.grade is OK or each.remedy for each in found)
    unread = {"services", "schema"} if "schema_version" in facts else set()
    assert {name: each for name, each in grades(found).items() if name not in {subject, *unread}} == {
        name: each for name, each in sound.items() if name not in {subject, *unread}
    }


@pytest.mark.parametrize(("commit", "grade"), [("local", WARNING), ("remote_write", WARNING), ("remote_apply", OK)])
def test_commits_that_do_not_wait_for_the_standby(commit: str, grade: Grade) -> None:
    standbys = [Standby("b", "streaming", "sync", 0.1)]
    durability = {"synchronous_commit": commit, "synchronous_standby_names": "b"}
    found = grades([*postgres_server.of_postgres("db", changed(durability=durability, standbys=standbys))])
    assert found["durability"] is grade
