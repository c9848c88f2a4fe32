"""Where the value of each setting comes from: its flag, its environment variable, the config file, or its default."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple

import click

from ringback.cli.settings.table import SETTINGS, Setting, of_server
from ringback.cli.yaml_file import FaultyFileError, Place, shortened
from ringback.config import DEFAULT_LISTEN, SettingError, Settings

CONFIG_VARIABLE: Final = "RINGBACK_CONFIG"
# A path on the command line or in the environment starts here.
_HERE: Final = Path()


class Source(NamedTuple):
    """What gives a setting its value; `where` is the flag, the variable, or FILE:LINE."""

    kind: Literal["flag", "environment", "file", "default"]
    where: str


_DEFAULT: Final = Source("default", "")


class Resolved(NamedTuple):
    """The value of a setting, and its source."""

    value: Any
    source: Source


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings, and what the server takes of them."""

    resolved: Mapping[str, Resolved]
    settings: Settings
    file: Path | None

    def __getitem__(self, name: str) -> Any:
        return self.resolved[name].value


class BadSettings(click.ClickException):
    """Settings that cannot be used: all their faults, one on each line. Exit code 2."""

    exit_code = 2

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


class _Flag(click.Option):
    """A flag as it is written. Its environment variable is read by `resolve`, which names the source of each fault."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's signature
        return None


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for each setting, whose value is the text that was given, or None."""
    for setting in reversed([*SETTINGS.values()]):
        command = _option(setting)(command)
    return command


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config FILE`."""
    return click.option(
        "--config",
        type=click.Path(),
        metavar="FILE",
        cls=_Flag,
        envvar=CONFIG_VARIABLE,
        help=f"A file with settings; flags and environment variables go before it.  [env var: {CONFIG_VARIABLE}]",
    )(command)


def _option(setting: Setting) -> Callable[..., Any]:
    kind = setting.kind
    notes = [f"env var: {setting.variable}"]
    if setting.default is not None:
        notes.append(f"default: {setting.default}")
    if kind.limits:
        notes.append(kind.limits)
    add = partial(click.option, cls=_Flag, envvar=setting.variable, help=f"{setting.help}  [{'; '.join(notes)}]")
    if kind.is_switch:
        return add(f"{setting.flag}/--no-{setting.flag.removeprefix('--')}", default=None)
    return add(setting.flag, type=kind.click_type, metavar=kind.form)


def resolve(flags: Mapping[str, str | bool | None], config: str | None) -> Configuration:
    """Return all settings: of each the first of flag, environment, file and default that gives it.

    `config` is the path of the file; without it, the environment may name one. Raise `BadSettings`, with all faults
    of all sources.
    """
    faults: list[str] = []
    path = config or os.environ.get(CONFIG_VARIABLE)
    in_file = _read_file(Path(path), faults) if path else {}
    resolved = {
        name: given
        for name, setting in SETTINGS.items()
        if (given := _first(setting, flags.get(name), in_file.get(name), faults))
    }
    if faults:
        raise BadSettings(faults)
    return Configuration(resolved, _of_server(resolved), Path(path) if path else None)


def _of_server(resolved: Mapping[str, Resolved]) -> Settings:
    try:
        return of_server({name: each.value for name, each in resolved.items()})
    except SettingError as fault:
        where = resolved[fault.setting].source.where if fault.setting in resolved else ""
        named = "" if where.startswith("--") else fault.setting
        raise BadSettings([": ".join(part for part in (where, named, str(fault)) if part)]) from None


def _first(setting: Setting, flag: str | bool | None, in_file: Resolved | None, faults: list[str]) -> Resolved | None:
    """Return what the first source gives; None where that is a fault."""
    if flag is not None:
        return _parsed(setting, str(flag), Source("flag", setting.flag), faults)
    # An empty variable is one that is not set, as for all other commands.
    if variable := os.environ.get(setting.variable):
        return _parsed(setting, variable, Source("environment", setting.variable), faults)
    if in_file is not None:
        return in_file
    if setting.default is None:
        return Resolved((), _DEFAULT)
    return Resolved(setting.parse(setting.default, _HERE), _DEFAULT)


def _parsed(setting: Setting, text: str, source: Source, faults: list[str]) -> Resolved | None:
    try:
        return Resolved(setting.parse(text, _HERE), source)
    except ValueError as fault:
        faults.append(f"{source.where}: {shortened(str(fault))}")
    except FaultyFileError as fault:
        faults.extend(fault.faults)
    return None


# --- The file ------------------------------------------------------------------------------------------------


def _read_file(path: Path, faults: list[str]) -> dict[str, Resolved]:
    try:
        root = Place.load(path)
    except FaultyFileError as fault:
        faults.extend(fault.faults)
        return {}
    if root is None:
        faults.append(f"{path}:1: is empty; the names of settings are expected, such as listen: {DEFAULT_LISTEN}")
        return {}
    found = {}
    for name, place in root.entries():
        if setting := SETTINGS.get(name):
            source = Source("file", f"{path}:{place.line}")
            found[name] = Resolved(_read(setting, place, path.parent), source)
        else:
            place.fail_as_unknown(name, SETTINGS)
    faults.extend(root.faults)
    return found


def _read(setting: Setting, place: Place, folder: Path) -> Any:
    """Read the value of a setting. A relative path in a file starts at the folder of the file."""
    if place.is_empty:
        place.fail("is empty; leave it out for its default")
        return None
    if setting.kind.read is not None:
        return setting.kind.read(place, folder)
    return place.read(lambda text: setting.parse(text, folder), None)
