"""`ringback config`: the settings of `ringback serve`, checked and shown without starting anything."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from ringback.cli.connection import StrictGroup, json_option
from ringback.cli.session import open_console
from ringback.cli.settings.flags import config_option, setting_options
from ringback.cli.settings.sources import CONFIG_VARIABLE, BadSettings, Configuration, GivenValue, resolve
from ringback.cli.settings.table import SECTION_OF_DIALER, SECTIONS, SETTINGS
from ringback.cli.streams import stdout_is_unicode
from ringback.cli.tables import plain_table
from ringback.dialers.sip.opening import fault_of_files
from ringback.identity.files import UnusableFileError
from ringback.identity.server_files import server_files

_USUAL_FILE: Final = "ringback.yaml"


@click.group(cls=StrictGroup)
def config() -> None:
    """The settings of `ringback serve`, without starting it."""


@config.command()
@click.argument("file", type=click.Path(), default=None, required=False)
@setting_options
def check(file: str | None, **flags: str | bool | None) -> None:
    """Check the config file FILE, the files that it names, and what flags and environment say besides.

    All faults are printed, each on a line with its place. Without FILE, the file of RINGBACK_CONFIG is checked, or else
    ringback.yaml.
    """
    path = file or os.environ.get(CONFIG_VARIABLE) or _USUAL_FILE
    configuration = resolve(flags, path)
    _check_files(configuration)
    services = len(configuration["services"])
    click.echo(f"{path}: no faults, {services} {'service' if services == 1 else 'services'}")


def _check_files(configuration: Configuration) -> None:
    """Raise `BadSettings` for files of TLS that cannot be used on this machine, now."""
    settings = configuration.settings
    faults = []
    if settings.tls_cert is not None and settings.tls_key is not None:
        try:
            server_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        except UnusableFileError as fault:
            faults.append(configuration.placed(str(fault)))
    if settings.dialer == "sip" and (of_sip := fault_of_files(settings.sip)):
        faults.append(of_sip)
    if faults:
        raise BadSettings(faults)


@config.command()
@config_option
@setting_options
@json_option
def show(config: str | None, *, as_json: bool, **flags: str | bool | None) -> None:
    """Show each setting, its value, and what it comes from. What is secret is hidden.

    The section of a dialer is left out of the table when it is neither used nor given.
    """
    configuration = resolve(flags, config)
    if as_json:
        click.echo(json.dumps(dict(_objects(configuration)), ensure_ascii=not stdout_is_unicode()), file=sys.stdout)
        return
    table = plain_table("setting", "value", "from")
    unused = _unused_sections(configuration)
    for name, shown in _objects(configuration):
        if name.partition(".")[0] not in unused:
            table.add_row(name, _in_words(shown), " ".join(filter(None, (shown["from"], shown.get("where")))))
    open_console().print(table)


def _unused_sections(configuration: Configuration) -> set[str]:
    """Return the sections of dialers that are not chosen, and of which nothing is given."""
    given = {SETTINGS[name].section for name, each in configuration.resolved.items() if each.source.kind != "default"}
    return {*SECTIONS} - given - {SECTION_OF_DIALER.get(configuration["dialer"], "")}


def _objects(configuration: Configuration) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "config", {"value": configuration.file.value} | _source(configuration.file)
    for name, setting in SETTINGS.items():
        resolved = configuration.resolved[name]
        shown: dict[str, Any] = {"value": setting.kind.show(resolved.value)}
        if setting.kind.unit:
            shown["unit"] = setting.kind.unit
        yield setting.key, shown | _source(resolved)


def _source(resolved: GivenValue) -> dict[str, str]:
    kind, where = resolved.source
    return {"from": kind, "where": where} if where else {"from": kind}


def _in_words(shown: dict[str, Any]) -> str:
    match shown["value"]:
        case bool(switch):
            return "yes" if switch else "no"
        case float(number):
            return f"{number:g} {shown.get('unit', '')}".rstrip()
        case list(several):
            return ", ".join(several)
        case None:
            return ""
        case value:
            return str(value)
