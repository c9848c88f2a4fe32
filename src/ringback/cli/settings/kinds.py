"""The kinds of values that settings have: how each is written, read, limited and shown."""

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from ringback.cli.params import Parsed
from ringback.cli.values import format_span, parse_span, parse_switch
from ringback.cli.yaml_file import Place
from ringback.config import parse_database, parse_http, parse_listen
from ringback.ports.location import PostgresUrl, without_secrets

_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?|\.[0-9]{1,12}")
_WHOLE: Final = re.compile("[0-9]{1,9}")
_UNIT_NAMES: Final = {"s": "seconds", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of values, the same on the command line, in the environment and in a file."""

    # How a value is written: for the help, and for the manual.
    form: str
    # Parse a value; a relative path in it starts at the folder. Raise `ValueError` or `FaultyFileError`.
    parse: Callable[[str, Path], Any]
    # Return what JSON can say of a value, and nothing secret.
    show: Callable[[Any], Any] = str
    # Read what in a file may be more than a single value.
    read: Callable[[Place, Path], Any] | None = None
    unit: str = ""
    limits: str = ""
    choices: tuple[str, ...] = ()
    is_switch: bool = False
    is_path: bool = False
    # The value was read from the file at its `path`, and a server reads it again on SIGHUP.
    is_read_again: bool = False

    @property
    def click_type(self) -> click.ParamType:  # type: ignore[type-arg] # generic only since click 8.3
        """Return the type of the flag, which completes it and checks nothing: `parse` does, for every source."""
        return click.Path() if self.is_path else Parsed("text", str, self.choices)


def choice(*choices: str) -> Kind:
    def parse(text: str, _: Path) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return text

    return Kind(form="|".join(choices), parse=parse, choices=choices)


def length(unit: str, *, least: timedelta, most: timedelta) -> Kind:
    """Return the kind of lengths of time: a number of units, or a number with another unit (90s, 10m, 2h, 7d)."""
    names = _UNIT_NAMES[unit]
    limits = f"{format_span(least)} to {format_span(most)}"

    def parse(text: str, _: Path) -> timedelta:
        try:
            span = parse_span(f"0{text}{unit}" if _NUMBER.fullmatch(text) else text)
            if least <= span <= most:
                return span
        except ValueError:
            pass  # what is expected is said at once, whether it is no length of time or too long a one
        raise ValueError(f"{text!r} is no length of time from {limits}: a number of {names}, or such as 90s, 10m, 2h")

    return Kind(
        form=names.upper(), parse=parse, show=lambda span: span / parse_span(f"1{unit}"), unit=names, limits=limits
    )


SWITCH: Final = Kind(
    form="yes|no", parse=lambda text, _: parse_switch(text), show=bool, choices=("yes", "no"), is_switch=True
)


def whole(*, least: int, most: int) -> Kind:
    def parse(text: str, _: Path) -> int:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return Kind(form="NUMBER", parse=parse, show=int, limits=f"{least} to {most}")


def decimal(*, least: float, most: float) -> Kind:
    def parse(text: str, _: Path) -> float:
        if not _NUMBER.fullmatch(text) or not least <= float(text) <= most:
            raise ValueError(f"{text!r} is no number from {least:g} to {most:g}")
        return float(text)

    return Kind(form="NUMBER", parse=parse, show=float, limits=f"{least:g} to {most:g}")


ADDRESS: Final = Kind(form="HOST:PORT|unix:PATH", parse=parse_listen)
HTTP_ADDRESS: Final = Kind(
    form="HOST:PORT", parse=lambda text, _: parse_http(text), show=lambda at: str(at) if at else None
)


def _parse_database(text: str, folder: Path) -> Path | PostgresUrl:
    location = parse_database(text)
    if isinstance(location, PostgresUrl):
        return location
    if not text.isprintable():
        raise ValueError(f"{text!r} has a control character, or one that is not seen")
    path = folder / location
    if (what := _what_is_no_file(path)) is not None:
        raise ValueError(f"{text!r} is {what}, and no file")
    return path


def _what_is_no_file(path: Path) -> str | None:
    """Return what the path names that could never be a file; None where it is one, or nothing is there yet."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None  # opening it says why
    if stat.S_ISREG(mode):
        return None
    return next((what for is_it, what in _NO_FILES if is_it(mode)), "something else")


def _show_database(location: Path | PostgresUrl) -> str:
    return without_secrets(location.url) if isinstance(location, PostgresUrl) else f"sqlite:///{location}"


_NO_FILES: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a pipe"),
)

DATABASE: Final = Kind(form="URL", parse=_parse_database, show=_show_database)


def _parse_file(text: str, folder: Path) -> Path:
    if "\0" in text:
        raise ValueError(f"{text!r} is no path")
    return folder / text


FILE: Final = Kind(form="FILE", parse=_parse_file, show=lambda path: str(path) if path else None, is_path=True)
