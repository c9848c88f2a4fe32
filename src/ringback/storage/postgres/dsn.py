"""The address of a database: `postgresql://…`, as libpq understands it, and one option of Ringback's."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringback.storage.errors import StoreCannotOpen

# Of several hosts, and of one behind a virtual address, only the primary is used: a standby lags behind what was
# acknowledged, and takes no writes. Options in the operator's URL override these.
_DEFAULTS: Final = {
    "target_session_attrs": "read-write",
    "connect_timeout": "2",  # per host, in seconds; libpq takes no less
    "application_name": "ringback",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}
_PREPARED: Final = "prepared_statements"


@dataclass(frozen=True, slots=True)
class Address:
    """The parameters of a connection. `str()` has no password."""

    conninfo: str
    # Off for a pooler that gives every transaction another connection and does not know prepared statements.
    prepared_statements: bool
    name: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address. Raise `StoreCannotOpen` when it is no URL that libpq understands."""
        place, _, query = url.partition("?")
        options = parse_qsl(query, keep_blank_values=True)
        prepared = dict(options).get(_PREPARED, "on")
        others = urlencode([option for option in options if option[0] != _PREPARED])
        scheme, host, path, *_ = urlsplit(place)
        name = f"{scheme}://{host.rpartition('@')[2]}{path}"
        if prepared not in ("on", "off"):
            raise StoreCannotOpen(name, f"{_PREPARED} is on or off, not {prepared!r}")
        try:
            parameters = conninfo_to_dict(f"{place}?{others}")
        except psycopg.ProgrammingError as error:
            raise StoreCannotOpen(name, str(error).strip()) from None
        # Stored texts are Unicode, so the connection is as well, whatever the environment says.
        conninfo = make_conninfo("", **(_DEFAULTS | parameters | {"client_encoding": "UTF8"}))
        return cls(conninfo, prepared == "on", name)

    def __str__(self) -> str:
        return self.name
