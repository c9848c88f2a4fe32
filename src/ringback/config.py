"""The settings of a server, and their checks."""

import ipaddress
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ringback.application.limits import LimitRules
from ringback.dialers.http_settings import HttpDialerSettings
from ringback.dialers.sip.settings import SipSettings
from ringback.domain.dial_rules import DEFAULT_RULES, DialRules
from ringback.identity.rules import AccessRules
from ringback.ports.location import PostgresUrl, password_may_show, without_secrets
from ringback.ports.values import Retention

DEFAULT_LISTEN = "127.0.0.1:50051"
_HTTP_EXAMPLE = "127.0.0.1:8080"
DEFAULT_DATABASE = "sqlite:///ringback.db"
DIALERS = ("sip", "http", "simulated", "none")
MIN_RETENTION = timedelta(hours=1)
_PORT = re.compile(r"[0-9]{1,5}")
_MAX_PORT = 65535
# Whether there is such a host, the system says.
_HOST = re.compile(r"[^\s:\[\]]+")
_UNIX = "unix:"
# What the kernel takes, less what the server appends while it binds.
_MAX_PATH_BYTES = (107 if sys.platform == "linux" else 103) - 5
_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")
# Several hosts stand behind the credentials, with commas between; an IPv6 address in brackets.
_POSTGRES_HOSTS = re.compile(r"[^:]*://(?:[^/?#@]*@)?([^/?#]*)")
_POSTGRES_PORT = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*):(.*)", re.DOTALL)


class SettingError(ValueError):
    """A setting that cannot work; `str()` gives the reason.

    `settings` are the names of those that do not go together, first the one to mend, where the caller has several.
    `more` are faults that were found beside it.
    """

    more: Sequence["SettingError"] = ()

    def __init__(self, reason: str, *settings: str) -> None:
        super().__init__(reason)
        self.settings = settings


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to serve on; port 0 lets the system choose one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """Parse HOST:PORT; an IPv6 host stands in brackets. Raise `SettingError`."""
        host, colon, port = text.rpartition(":")
        if not colon or not _is_host(host) or not _PORT.fullmatch(port) or int(port) > _MAX_PORT:
            raise SettingError(f"{text!r} is neither HOST:PORT, such as {DEFAULT_LISTEN} or [::1]:50051, nor unix:PATH")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


def _is_host(text: str) -> bool:
    """Return whether it may be a host: a name, an IPv4 address, or an IPv6 address in brackets."""
    if not text.startswith("["):
        return _HOST.fullmatch(text) is not None
    try:
        return text.endswith("]") and bool(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system to serve on, which only its owner can reach. Raise `SettingError`."""

    path: Path

    def __post_init__(self) -> None:
        text = str(self.path)
        if not self.path.name or "\0" in text:
            raise SettingError(f"{str(self)!r} is not unix:PATH, such as unix:/run/ringback.sock")
        if "," in text:
            raise SettingError(f"{str(self)!r} has a comma, which clients take for the end of an address")
        if len(os.fsencode(text)) > _MAX_PATH_BYTES:
            raise SettingError(f"{str(self)!r} is too long: the path of a socket has up to {_MAX_PATH_BYTES} bytes")

    @classmethod
    def parse(cls, text: str, folder: Path = Path()) -> "UnixSocket":
        """Parse unix:PATH or unix:///PATH; the path is taken as it is, and starts at the folder."""
        path = text.removeprefix(_UNIX)
        if path.startswith("//"):
            path = path.removeprefix("//")
            if not path.startswith("/"):
                raise SettingError(f"{text!r} names a host; write unix:PATH, or unix:///PATH")
        return cls(folder / path if path else Path())

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"

    @property
    def is_loopback(self) -> bool:
        return True


def parse_http(text: str) -> Listen:
    """Parse HOST:PORT. Raise `SettingError`."""
    try:
        return Listen.parse(text)
    except SettingError:
        raise SettingError(f"{text!r} is not HOST:PORT, such as {_HTTP_EXAMPLE} or [::1]:8080") from None


def parse_listen(text: str, folder: Path = Path()) -> Listen | UnixSocket:
    """Parse HOST:PORT or unix:PATH, where a relative path starts at the folder. Raise `SettingError`."""
    return UnixSocket.parse(text, folder) if text.startswith(_UNIX) else Listen.parse(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of `ringback serve`."""

    listen: Listen | UnixSocket = field(default_factory=lambda: Listen.parse(DEFAULT_LISTEN))
    # The address of HTTP. None: it is not served.
    http: Listen | None = None
    # Further hosts that HTTP requests may be for, beside loopback, the address above, and those of the certificate.
    http_hosts: tuple[str, ...] = ()
    # Origins of other sites whose pages may call over HTTP, as browsers write them.
    http_origins: tuple[str, ...] = ()
    # What the cookies of sessions are sealed with, the newest first. Empty: a key of this process.
    http_session_keys: tuple[str, ...] = field(default=(), repr=False)
    # How long a person stays signed in.
    http_session: timedelta = timedelta(hours=12)
    # One server has an SQLite file for itself; any number of servers share a PostgreSQL database.
    database: Path | PostgresUrl = Path("ringback.db")
    # Make no new database where there is none.
    must_exist: bool = False
    dialer: str = "simulated"
    # Serve in plain text on an address that others can reach.
    insecure: bool = False
    # The server's certificate with those between it and its authority, and its key.
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # The authorities of client certificates. With them every client needs a certificate.
    tls_client_ca: Path | None = None
    # Serve without identities on an address that others can reach.
    open: bool = False
    reflection: bool = True
    # Who may do what. None: everybody may do everything.
    access: AccessRules | None = None
    # How much at a time. None: there are no limits.
    limits: LimitRules | None = field(default_factory=LimitRules)
    # How long a simulated phone rings and a simulated conversation lasts.
    simulated_ring: timedelta = timedelta(seconds=0.5)
    simulated_talk: timedelta = timedelta(seconds=1)
    sip: SipSettings = field(default_factory=SipSettings)
    http_dialer: HttpDialerSettings = field(default_factory=HttpDialerSettings)
    retention: Retention = field(default_factory=Retention)
    # What may be dialled at all; a service can only narrow it.
    dial_rules: DialRules = DEFAULT_RULES
    # How long a stopping server still responds, with SERVER_DRAINING: calls of clients that back off meanwhile are not
    # among those that it loses when it closes its connections.
    lame_duck: timedelta = timedelta(seconds=0.5)

    def __post_init__(self) -> None:
        if self.dialer not in DIALERS:
            raise SettingError(f"{self.dialer!r} is none of {', '.join(DIALERS)}", "dialer")
        self._check_tls()
        self._check_reachable("listen", self.listen)
        if self.http is not None:
            self._check_reachable("http", self.http)
        self._check_dialer()
        for name, kept in (("ended_callbacks", "keep_ended_days"), ("events", "keep_events_hours")):
            if getattr(self.retention, name) < MIN_RETENTION:
                raise SettingError(f"{name} are kept for at least an hour", kept)

    def _check_tls(self) -> None:
        if self.tls_cert is not None and self.tls_key is None:
            raise SettingError("a certificate needs its key: give it with --tls-key", "tls_cert", "tls_key")
        if self.tls_key is not None and self.tls_cert is None:
            raise SettingError("a key needs its certificate: give it with --tls-cert", "tls_key", "tls_cert")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingError(
                "certificates of clients need TLS: give the server's own with --tls-cert and --tls-key",
                "tls_client_ca",
                "tls_cert",
            )

    def _check_dialer(self) -> None:
        match self.dialer:
            case "sip":
                conflicts, section = self.sip.conflicts(), "sip"
            case "http":
                conflicts, section = self.http_dialer.conflicts(), "http_dialer"
            case _:
                return
        faults = [SettingError(reason, *(f"{section}_{name}" for name in names)) for reason, names in conflicts]
        if faults:
            faults[0].more = faults[1:]
            raise faults[0]

    def _check_reachable(self, name: str, address: Listen | UnixSocket) -> None:
        if address.is_loopback:
            return
        if self.tls_cert is None and not self.insecure:
            raise SettingError(
                f"{address} can be reached from other machines and there is no TLS; "
                "listen on 127.0.0.1, give --tls-cert and --tls-key, or allow plain text with --insecure",
                name,
                "insecure",
            )
        if self.access is None and not self.open:
            raise SettingError(
                f"{address} can be reached from other machines and there are no identities; "
                "listen on 127.0.0.1, give --access, or allow everybody everything with --open",
                name,
                "open",
            )


def parse_database(url: str) -> Path | PostgresUrl:
    """Parse a PostgreSQL URL, or sqlite:///FILE (relative with three slashes, absolute with four).

    Raise `SettingError`.
    """
    if url.startswith(_POSTGRES):
        if password_may_show(url):
            raise SettingError("a user or a password with @, /, ? or # has to be escaped: %40, %2F, %3F or %23")
        _check_ports(url)
        return PostgresUrl(url)
    if not url.startswith(_SQLITE) or not url.removeprefix(_SQLITE):
        raise SettingError(
            f"{without_secrets(url)!r} is neither sqlite:///FILE (sqlite:////FILE for an absolute path) "
            "nor postgresql://…"
        )
    return Path(url.removeprefix(_SQLITE))


def _check_ports(url: str) -> None:
    """Raise `SettingError` for a port of a PostgreSQL URL that is none: libpq would say so only when it connects."""
    hosts = _POSTGRES_HOSTS.match(url)
    for host in hosts[1].split(",") if hosts else ():
        port = _POSTGRES_PORT.fullmatch(host)
        if port is not None and port[1] and not (_PORT.fullmatch(port[1]) and 0 < int(port[1]) <= _MAX_PORT):
            raise SettingError(f"{without_secrets(url)!r} has a port that is no whole number from 1 to {_MAX_PORT}")
