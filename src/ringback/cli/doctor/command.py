"""The command itself: which checks there are for these settings, and how what they find is printed."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from ringback.cli.connection import json_option
from ringback.cli.doctor import (
    calls,
    certificates,
    clock,
    collector,
    disk,
    ports,
    postgres_server,
    private_files,
    program,
    server_process,
    settings_files,
    sqlite_file,
)
from ringback.cli.doctor.checks import Check, run_checks
from ringback.cli.doctor.diagnosis import Diagnosis, Grade, failed, several, worst_of
from ringback.cli.settings.flags import config_option, setting_options
from ringback.cli.settings.sources import BadSettings, Configuration, resolve
from ringback.cli.streams import stdout_is_unicode
from ringback.domain.masking import mask_secrets
from ringback.ports.location import PostgresUrl

_MARKS = {Grade.OK: "ok", Grade.WARNING: "warning", Grade.FAILED: "FAILED"}


@click.command()
@config_option
@click.option("--full", is_flag=True, help="Look for damage in indexes and references, too, which takes longer.")
@click.option(
    "--check-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the checks may take, which run side by side.",
)
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print: a line for each check, or one JSON object, as --json does.",
)
@json_option
@setting_options
def doctor(
    config: str | None, *, full: bool, check_timeout: float, output: str, as_json: bool, **flags: str | bool | None
) -> None:
    """Look for what is wrong: database, disk, clock, time zones, ports, certificates, versions.

    Takes the settings of `ringback serve`, and runs beside that server or without it. It reads only, and prints neither
    secrets nor numbers. Exit code 1 when something FAILED, and 0 otherwise, also with warnings.
    """
    found = []
    as_json = as_json or output == "json"
    for diagnosis in _diagnoses(flags, config, full=full, limit_s=check_timeout):
        found.append(diagnosis)
        if not as_json:
            click.echo(_line(diagnosis))
    click.echo(_object(found) if as_json else _summary(found))
    sys.stdout.flush()
    sys.exit(1 if worst_of(found) is Grade.FAILED else 0)


def _diagnoses(
    flags: dict[str, str | bool | None], config: str | None, *, full: bool, limit_s: float
) -> Iterator[Diagnosis]:
    of_machine = [
        Check("program", program.program),
        Check("clock", lambda: clock.clock(datetime.now(UTC))),
        Check("zones", clock.zones),
        Check("memory", server_process.memory),
    ]
    try:
        configuration = resolve(flags, config)
    except BadSettings as refusal:
        remedy = "mend it; until then nothing is known of the database, ports and certificates (docs/configuration.md)"
        for fault in refusal.message.splitlines():
            yield _masked(failed("settings", fault, remedy))
        checks = of_machine
    else:
        checks = [*of_machine, *_of_settings(configuration, full=full, limit_s=limit_s)]
    yield from map(_masked, run_checks(checks, limit_s))


def _of_settings(configuration: Configuration, *, full: bool, limit_s: float) -> Sequence[Check]:
    settings = configuration.settings
    now = datetime.now(UTC)
    return [
        *_of_database(settings.database, now, full=full, limit_s=limit_s),
        Check("access", partial(settings_files.access, configuration)),
        Check("dial rules", partial(settings_files.dial_rules, configuration)),
        Check("secrets", partial(settings_files.secrets, configuration)),
        Check("certificate", partial(certificates.certificates, settings, now)),
        Check("port", partial(ports.grpc_port, settings)),
        Check("HTTP port", partial(ports.http_port, settings)),
        Check("traces", partial(collector.traces, configuration["traces"])),
        Check("dialer", partial(calls.calls, settings)),
    ]


def _of_database(location: Path | PostgresUrl, now: datetime, *, full: bool, limit_s: float) -> Sequence[Check]:
    if not isinstance(location, Path):
        return [
            Check("database", partial(postgres_server.database, location)),
            Check("open files", lambda: [server_process.of_files(server_process.own_limit(), used=None)]),
        ]
    return [
        Check("database", partial(sqlite_file.database, location, now)),
        # A little less than what it may take, so that it says itself how far it has come.
        Check("integrity", partial(sqlite_file.damage, location, whole=full, limit_s=limit_s * 0.9)),
        Check("space", partial(disk.space, location)),
        Check("files", partial(private_files.files, location)),
        Check("server", partial(server_process.server, location)),
        Check("SQLite", program.sqlite),
    ]


# --- What is printed -------------------------------------------------------------------------------------------------


def _masked(diagnosis: Diagnosis) -> Diagnosis:
    return Diagnosis(diagnosis.subject, diagnosis.grade, mask_secrets(diagnosis.text), mask_secrets(diagnosis.remedy))


def _line(diagnosis: Diagnosis) -> str:
    text = f"{diagnosis.text}; {diagnosis.remedy}" if diagnosis.remedy else diagnosis.text
    return f"{_MARKS[diagnosis.grade]:<7}  {diagnosis.subject:<13} {' '.join(text.split())}"


def _summary(found: Sequence[Diagnosis]) -> str:
    counts = {grade: sum(each.grade is grade for each in found) for grade in Grade}
    warnings = several(counts[Grade.WARNING], "warning")
    return f"{counts[Grade.OK]} ok, {warnings}, {counts[Grade.FAILED]} failed"


def _object(found: Sequence[Diagnosis]) -> str:
    shown = {
        "result": worst_of(found),
        "checks": [
            {"check": each.subject, "result": each.grade, "text": each.text, "remedy": each.remedy} for each in found
        ],
    }
    return json.dumps(shown, ensure_ascii=not stdout_is_unicode())
