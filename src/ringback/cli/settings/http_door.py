"""The settings of the HTTP port that say who may reach it from a browser, and how long a person stays signed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from ringback.cli.settings.kinds import Kind, length
from ringback.cli.settings.secret_file import MAX_BYTES, read_private
from ringback.cli.settings.setting import Setting
from ringback.cli.yaml_file import Place
from ringback.web.door.authority import Authority
from ringback.web.door.origins import WebOrigin
from ringback.web.door.session_keys import is_session_key

_MAX_HOURS: Final = timedelta(days=31)


# --- Lists -----------------------------------------------------------------------------------------------------------


def _several(form: str, parse_one: Callable[[str], str]) -> Kind:
    """Return the kind of a list: with commas, or in a config file as a list."""

    def parse(text: str, _: Path) -> tuple[str, ...]:
        return tuple(dict.fromkeys(parse_one(each.strip()) for each in text.split(",")))

    def read(place: Place, folder: Path) -> tuple[str, ...]:
        if not place.is_list:
            return place.read(lambda text: parse(text, folder), ())
        found = [item.read(parse_one, "") for item in place.items()]
        return tuple(dict.fromkeys(found))

    return Kind(form=form, parse=parse, read=read, show=lambda values: list(values) or None)


def _host(text: str) -> str:
    """Return a host as requests name it. Raise `ValueError`."""
    label, _, parent = text.partition(".")
    name = parent if label == "*" else text
    bracketed = f"[{name}]" if ":" in name and not name.startswith("[") and name.count(":") > 1 else name
    try:
        authority = Authority.parse(bracketed)
    except ValueError:
        authority = None
    if authority is None or authority.port is not None:
        raise ValueError(f"{text!r} is no name of a host, no *.NAME, and no address; any port is right")
    return f"*.{authority.host}" if label == "*" else authority.host


def _origin(text: str) -> str:
    return str(WebOrigin.parse(text))


_HOSTS: Final = _several("NAME,…", _host)
_ORIGINS: Final = _several("ORIGIN,…", _origin)


# --- Keys ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionKeyFile:
    """A file with keys, one a line. Only its path may be shown."""

    path: Path
    keys: tuple[str, ...] = field(repr=False)


def _parse_keys(text: str, folder: Path) -> SessionKeyFile:
    path = folder / text
    content = read_private(text, path)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{text!r} is longer than {MAX_BYTES} bytes")
    keys = tuple(content.decode("latin-1").split())
    for number, key in enumerate(keys, 1):
        if not is_session_key(key):
            raise ValueError(f"{text!r} has no key at place {number}: make one with ringback access session-key")
    if not keys:
        raise ValueError(f"{text!r} has no key: make one with ringback access session-key")
    return SessionKeyFile(path, keys)


_KEYS: Final = Kind(
    form="FILE",
    parse=_parse_keys,
    show=lambda file: str(file.path) if file else None,
    is_path=True,
    is_read_again=True,
)


# --- The rows --------------------------------------------------------------------------------------------------------

HTTP_DOOR_ROWS: Final = (
    Setting(
        "http_host",
        _HOSTS,
        None,
        "Further hosts that requests may be for, beside loopback, the address of --http and those of the certificate.",
    ),
    Setting("http_origin", _ORIGINS, None, "Origins of other sites whose pages may call over HTTP, without cookies."),
    Setting(
        "http_session_key",
        _KEYS,
        None,
        "A file with the keys of sessions, the newest first. Without it, sessions end with the process.",
    ),
    Setting(
        "http_session_hours",
        length("h", least=timedelta(minutes=1), most=_MAX_HOURS),
        "12",
        "How long a person stays signed in at most.",
    ),
)


def http_door_settings(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the server takes of these, by the names that it has for them."""
    key_file = values.get("http_session_key") or None
    return {
        "http_hosts": tuple(values.get("http_host") or ()),
        "http_origins": tuple(values.get("http_origin") or ()),
        "http_session_keys": key_file.keys if key_file else (),
        "http_session": values["http_session_hours"],
    }
