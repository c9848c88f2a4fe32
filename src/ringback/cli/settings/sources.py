"""Where the value of each setting comes from: its flag, its environment variable, the config file, or its default."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple

import click

from ringback.cli.settings.setting import Setting
from ringback.cli.settings.table import ELSEWHERE, SECTIONS, SETTINGS, of_server
from ringback.cli.yaml_file import FaultyFileError, Place, shortened
from ringback.config import DEFAULT_LISTEN, SettingError, Settings

CONFIG_FLAG: Final = "--config"
CONFIG_VARIABLE: Final = "RINGBACK_CONFIG"
# A path on the command line or in the environment starts here.
_HERE: Final = Path()


class Source(NamedTuple):
    """What gives a setting its value; `where` is the flag, the variable, or FILE:LINE."""

    kind: Literal["flag", "environment", "file", "default"]
    where: str


_DEFAULT: Final = Source("default", "")


class GivenValue(NamedTuple):
    """The value of a setting, and its source."""

    value: Any
    source: Source


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings, what the server takes of them, and the path of the config file, None when there is none."""

    resolved: Mapping[str, GivenValue]
    settings: Settings
    file: GivenValue

    def __getitem__(self, name: str) -> Any:
        return self.resolved[name].value

    def placed(self, fault: str) -> str:
        """Return a fault that begins with the path of a file with what has named this file, where a setting did."""
        for value, source in self.resolved.values():
            if isinstance(value, Path) and source.where and fault.startswith(f"{value}: "):
                return f"{source.where}: {fault}"
        return fault


class BadSettings(click.ClickException):
    """Settings that cannot be used: all their faults, one on each line. Exit code 2."""

    exit_code = 2

    def __init__(self, faults: list[str], log_format: str = "text") -> None:
        super().__init__("\n".join(faults))
        self.log_format: Final = log_format
        """That of the settings, as far as it is known."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


def resolve(flags: Mapping[str, str | bool | None], config: str | None) -> Configuration:
    """Return all settings: of each the first of flag, environment, file and default that gives it.

    `config` is the path of the file; without it, the environment may name one. Raise `BadSettings`, with all faults
    of all sources.
    """
    faults: list[str] = []
    file = _first_path(config)
    in_file = {} if file.value is None else _read_file(Path(file.value), faults)
    if in_file is None:
        form = _first(SETTINGS["log_format"], flags.get("log_format"), {}, faults)
        raise BadSettings(faults, form.value if form else "text")
    resolved = {name: _first(setting, flags.get(name), in_file, faults) for name, setting in SETTINGS.items()}
    for setting in ELSEWHERE.values():
        _first(setting, None, {}, faults)
    settings = _of_server(resolved, faults)
    if settings is None or faults:
        form = resolved["log_format"]
        raise BadSettings(faults, form.value if form else "text")
    return Configuration({name: each for name, each in resolved.items() if each is not None}, settings, file)


def read_again(configuration: Configuration) -> Configuration:
    """Return the settings with what their files have now. Raise `BadSettings`, with all faults of all files."""
    faults: list[str] = []
    resolved: dict[str, GivenValue | None] = {**configuration.resolved}
    for name in files_of(configuration):
        value, source = configuration.resolved[name]
        if value.path.is_fifo():  # whose other end might never be opened
            faults.append(f"{value.path}: is a pipe, which is read at the start only")
            continue
        resolved[name] = _parsed(SETTINGS[name], str(value.path), source, faults)
    settings = _of_server(resolved, faults)
    if settings is None or faults:
        raise BadSettings(faults)
    return Configuration({name: each for name, each in resolved.items() if each}, settings, configuration.file)


def files_of(configuration: Configuration) -> list[str]:
    """Return the names of the settings whose files are read again."""
    return [
        name
        for name, setting in SETTINGS.items()
        if setting.kind.is_read_again and hasattr(configuration[name], "path")
    ]


def _first_path(config: str | None) -> GivenValue:
    if config is not None:
        return GivenValue(config, Source("flag", CONFIG_FLAG))
    if variable := os.environ.get(CONFIG_VARIABLE):
        return GivenValue(variable, Source("environment", CONFIG_VARIABLE))
    return GivenValue(None, _DEFAULT)


def _first(
    setting: Setting, flag: str | bool | None, in_file: Mapping[str, GivenValue | None], faults: list[str]
) -> GivenValue | None:
    """Return what the first source gives; None where that is a fault."""
    if flag is not None:
        return _parsed(setting, str(flag), Source("flag", setting.flag), faults)
    # An empty variable is one that is not set, as for all other commands.
    if variable := os.environ.get(setting.variable):
        return _parsed(setting, variable, Source("environment", setting.variable), faults)
    return in_file[setting.name] if setting.name in in_file else _default(setting)


def _default(setting: Setting) -> GivenValue:
    return GivenValue(() if setting.default is None else setting.parse(setting.default, _HERE), _DEFAULT)


def _of_server(resolved: Mapping[str, GivenValue | None], faults: list[str]) -> Settings | None:
    """Return what the server takes. Add the faults of settings that do not go together, if each of them is right."""
    values = {name: (resolved[name] or _default(setting)).value for name, setting in SETTINGS.items()}
    try:
        return of_server(values)
    except SettingError as fault:
        faults.extend(text for each in (fault, *fault.more) if (text := _conflict(each, resolved)))
        return None


def _conflict(fault: SettingError, resolved: Mapping[str, GivenValue | None]) -> str:
    """Return the fault with its place; "" when one of its settings has a fault of its own."""
    involved = [(SETTINGS[name], resolved[name]) for name in fault.settings]
    if not all(each for _, each in involved):
        return ""
    # The place of the first that is given at all: a default has none.
    given = [(setting, each.source.where) for setting, each in involved if each and each.source.where]
    setting, where = (*given, (involved[0][0], ""))[0]
    named = "" if where.startswith("--") else setting.key
    return ": ".join(part for part in (where, named, shortened(str(fault))) if part)


def _parsed(setting: Setting, text: str, source: Source, faults: list[str]) -> GivenValue | None:
    try:
        return GivenValue(setting.parse(text, _HERE), source)
    except ValueError as fault:
        faults.append(f"{source.where}: {shortened(str(fault))}")
    except FaultyFileError as fault:
        faults.extend(fault.faults if fault.readable else [f"{source.where}: {fault}"])
    return None


# --- The file ------------------------------------------------------------------------------------------------


def _read_file(path: Path, faults: list[str]) -> dict[str, GivenValue | None] | None:
    """Return what the file gives, with None for each fault in it; None when it is no such file at all."""
    try:
        root = Place.load(path)
    except FaultyFileError as fault:
        faults.extend(fault.faults)
        return None
    if root is None:
        faults.append(f"{path}:1: is empty; settings are expected, such as listen: {DEFAULT_LISTEN}")
        return None
    found: dict[str, GivenValue | None] = {}
    for name, place in root.entries():
        if name in SECTIONS:
            for key, inner in place.entries():
                _read_entry(inner, key, name, found)
        else:
            _read_entry(place, name, "", found)
    faults.extend(root.faults)
    return found


def _read_entry(place: Place, key: str, section: str, found: dict[str, GivenValue | None]) -> None:
    """Read one setting of the file, or of a section of it."""
    name = f"{section}_{key}" if section else key
    setting = SETTINGS.get(name) or ELSEWHERE.get(name)
    if setting is None:
        known = [each.key_in_section for each in SETTINGS.values() if each.section == section]
        place.fail_as_unknown(key, known if section else [*known, *SECTIONS])
        return
    if setting.section != section:
        place.fail(f"stands in a section: {setting.section}: {{{setting.key_in_section}: …}}")
        return
    before = len(place.faults)
    value = GivenValue(_read(setting, place, Path(place.file).parent), Source("file", f"{place.file}:{place.line}"))
    found[name] = value if len(place.faults) == before else None


def _read(setting: Setting, place: Place, folder: Path) -> Any:
    """Read the value of a setting. A relative path in a file starts at the folder of the file."""
    if place.is_empty:
        place.fail("is empty; leave it out for its default")
        return None
    if setting.is_secret:
        place.fail(f"is not taken from this file: give it in {setting.variable}, or in a file of its own")
        return None
    try:
        if setting.kind.read is not None:
            return setting.kind.read(place, folder)
        return place.read(lambda text: setting.parse(text, folder), None)
    except FaultyFileError as fault:
        if fault.readable:
            place.faults.extend(fault.faults)
        else:
            place.fail(str(fault))
    return None
