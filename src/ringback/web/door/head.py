"""The head of a request, as far as the door judges by it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

# What the door looks at; of others it is not even looked up whether they are there.
_READ: Final = frozenset(
    {
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"sec-fetch-mode",
        b"sec-fetch-dest",
        b"content-type",
        b"access-control-request-method",
    }
)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Malformed(Exception):  # noqa: N818 - named for what happened
    """A request that no client sends in good faith; `field` is the header that is wrong."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field


class Head(Struct, frozen=True):
    """A request without its body; the names of headers are in lower case."""

    method: str
    path: str
    scheme: str
    headers: Mapping[bytes, tuple[bytes, ...]]
    # The address on which the request arrived; None where there is none.
    server: str | None = None

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> "Head":
        """Return the head of an ASGI scope."""
        server = scope.get("server")
        return cls(
            method=scope["method"],
            path=scope["path"],
            scheme=scope["scheme"],
            headers=_gathered(scope["headers"]),
            server=server[0] if server else None,
        )

    @property
    def is_safe(self) -> bool:
        """Whether its method changes nothing (RFC 9110, 9.2.1)."""
        return self.method in _SAFE

    def one(self, name: bytes) -> str | None:
        """Return the value of a header, None where there is none. Raise `Malformed` when it stands more than once."""
        values = self.headers.get(name, ())
        if len(values) > 1:
            raise Malformed(name.decode().title(), "stands more than once")
        return values[0].decode("latin-1").strip(" \t") if values else None


def _gathered(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, tuple[bytes, ...]]:
    gathered: dict[bytes, tuple[bytes, ...]] = {}
    for name, value in headers:
        key = name.lower()
        if key in _READ:
            gathered[key] = (*gathered.get(key, ()), value)
    return gathered
