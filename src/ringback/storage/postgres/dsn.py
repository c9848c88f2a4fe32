"""The address of a database: `postgresql://…`, as libpq understands it, and one option of Ringback's."""

from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import unquote, urlsplit

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
    # Keepalives do not count while something that was sent is not confirmed.
    "tcp_user_timeout": "10000",  # milliseconds
}
_PLACES: Final = ("host", "hostaddr", "port")
_PREPARED: Final = "prepared_statements"


@dataclass(frozen=True, slots=True)
class Address:
    """The parameters of a connection. `str()` has no password."""

    conninfo: str
    # Off for a pooler that gives every transaction another connection and does not know prepared statements. None when
    # the URL does not say: then they are off behind any pooler.
    prepared_statements: bool | None
    name: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address. Raise `StoreCannotOpen` when it is no URL that libpq understands."""
        place, _, query = url.partition("?")
        # What is libpq's is left as it stands: it reads a plus sign otherwise than others do.
        options = [option.partition("=") for option in query.split("&") if option]
        prepared = {unquote(name): unquote(value) for name, _, value in options}.get(_PREPARED)
        others = "&".join("".join(option) for option in options if unquote(option[0]) != _PREPARED)
        scheme, host, path, *_ = urlsplit(place)
        name = f"{scheme}://{host.rpartition('@')[2]}{path}"
        if prepared not in (None, "on", "off"):
            raise StoreCannotOpen(name, f"{_PREPARED} is on or off, not {prepared!r}")
        try:
            parameters = conninfo_to_dict(f"{place}?{others}")
        except psycopg.ProgrammingError as error:
            raise StoreCannotOpen(name, str(error).strip()) from None
        # Stored texts are Unicode, so the connection is as well, whatever the environment says.
        conninfo = make_conninfo("", **(_DEFAULTS | parameters | {"client_encoding": "UTF8"}))
        return cls(conninfo, None if prepared is None else prepared == "on", name)

    def each_host(self) -> list[Self]:
        """Return an address for each of its hosts alone, in order."""
        parameters = conninfo_to_dict(self.conninfo)
        places = {name: str(parameters[name]).split(",") for name in _PLACES if parameters.get(name)}
        count = max((len(each) for each in places.values()), default=1)
        return [
            # One port may be that of all hosts.
            replace(self, conninfo=make_conninfo("", **parameters | {n: e[host % len(e)] for n, e in places.items()}))
            for host in range(count)
        ]

    def __str__(self) -> str:
        return self.name
