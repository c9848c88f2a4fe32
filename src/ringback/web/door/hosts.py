"""The names that this server answers to, against DNS rebinding.

A page of another site can have its own name resolve to this server's address. Its requests are of its own origin to the
browser then, so no rule about origins holds them back. But they carry that name in `Host`.
"""

import ipaddress
from collections.abc import Callable, Collection
from typing import Final

from ringback.web.door.authority import Authority, canonical_address
from ringback.web.door.head import Head, Malformed

_LOCALHOST: Final = "localhost"
_UNSPECIFIED: Final = ("0.0.0.0", "::")  # noqa: S104 - nothing is bound here
# What was judged before, by the bytes of the header. The list is forgotten when it is full, or when names change.
_MAX_JUDGED: Final = 1000


class UnknownHost(Exception):  # noqa: N818 - named for what happened
    """A request for a host that is not this one."""

    def __init__(self, host: str) -> None:
        super().__init__(f"this server is not called {host}; --http-host allows further names")
        self.host = host


class OwnHosts:
    """Those that may stand in `Host`: loopback, the address listened on, the certificate's names, and those allowed."""

    def __init__(
        self,
        listened: str,
        allowed: Collection[str] = (),
        certified: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """`certified` returns the DNS names and addresses of the server's certificate of now.

        Names begin with `*.` where they stand for all names with one more label.
        """
        self._certified: Final = certified
        self._always: Final = frozenset(_name(each) for each in (listened, *allowed) if each)
        self._names: Collection[str] = ()
        self._judged: dict[tuple[bytes, str | None], Authority] = {}

    def check(self, head: Head) -> Authority:
        """Return the host that a request is for. Raise `Malformed` for none or two, `UnknownHost` for another one."""
        names = self._certified()
        if names is not self._names:
            self._names = names
            self._judged.clear()
        values = head.headers.get(b"host", ())
        key = (values[0] if values else b"", head.server)
        known = self._judged.get(key) if len(values) == 1 else None
        if known is None:
            known = self._judge(head)
            if len(self._judged) >= _MAX_JUDGED:
                self._judged.clear()
            self._judged[key] = known
        return known

    def _judge(self, head: Head) -> Authority:
        text = head.one(b"host")
        if not text:
            raise Malformed("Host", "is required")
        try:
            authority = Authority.parse(text)
        except ValueError as fault:
            raise Malformed("Host", str(fault)) from None
        if not self._has(authority.host, head.server):
            raise UnknownHost(authority.host)
        return authority

    def _has(self, host: str, server: str | None) -> bool:
        """Return whether the name is one of this server's, to which the request has come on the address `server`."""
        if host in self._always or host == _LOCALHOST or host.endswith(f".{_LOCALHOST}"):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            parent = f"*.{host.partition('.')[2]}"
            return any(name in (host, parent) for name in (*self._always, *map(str.lower, self._names)))
        return address.is_loopback or host in map(_name, self._names) or _is(server, host)


def _is(server: str | None, host: str) -> bool:
    """Return whether an address of a socket is the host. Whoever listens on all addresses answers to each of them."""
    if server is None or server in _UNSPECIFIED:
        return False
    try:
        return canonical_address(server.partition("%")[0]) == host
    except ValueError:
        return False


def _name(text: str) -> str:
    """Return a name as `Authority` has it."""
    text = text.strip("[]").lower()
    try:
        return canonical_address(text)
    except ValueError:
        return text.removesuffix(".")
