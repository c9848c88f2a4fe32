"""What every response says to a browser: what a page of this server may load, and who may read or frame it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

# No inline script or style, and nothing from elsewhere. Scripts make no HTML out of texts, but for the one policy that
# the page may create, which names the script of its shared worker.
_POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "ringback",
}
_ALWAYS: Final[Headers] = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
        "x-content-type-options": "nosniff",
        # Of browsers that do not have frame-ancestors.
        "x-frame-options": "DENY",
        # Not `no-referrer`: browsers would send `Origin: null` with some requests of the page itself.
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    }.items()
)
# Where the response itself does not say how long it may be kept, as files with hashed names do.
_UNLESS_SAID: Final[Headers] = ((b"cache-control", b"no-store"),)
_HSTS: Final[Headers] = ((b"strict-transport-security", b"max-age=31536000"),)
# Responses to one origin are not those to another one.
_VARY: Final = b"origin"


def security_headers(*, https: bool, host: str) -> Headers:
    """Return what every response has. A host that is told to use TLS only is one with a name of its own.

    Of `localhost` it would hold for every program of the machine, and of addresses browsers do not take it.
    """
    return (*_ALWAYS, *_HSTS) if https and not host.endswith("localhost") else _ALWAYS


def with_headers(own: Iterable[tuple[bytes, bytes]], added: Headers) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response with what the door adds, which takes the place of others of its name."""
    names = _names(added)
    said, varies, kept = set(), [], []
    for name, value in own:
        key = name.lower()
        said.add(key)
        if key == b"vary":
            varies.append(value)
        elif key not in names:
            kept.append((name, value))
    kept += [(name, value) for name, value in _UNLESS_SAID if name not in said]
    return [*kept, (b"vary", b", ".join((*varies, _VARY))), *added]


@lru_cache(maxsize=256)  # there are few: with TLS and without, and one for each listed origin
def _names(headers: tuple[tuple[bytes, bytes], ...]) -> frozenset[bytes]:
    return frozenset(name for name, _ in headers)
