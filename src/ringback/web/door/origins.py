"""Which sites may call, and how: the page's own origin, those that the operator lists, and no other.

Browsers say where a request comes from (`Origin`, RFC 6454; `Sec-Fetch-Site`, the W3C's Fetch Metadata). Programs that
are no browsers say nothing, and are judged by their credentials alone.
"""

from collections.abc import Collection
from enum import Enum, auto
from typing import Final, NamedTuple

from ringback.web.door.authority import Authority
from ringback.web.door.head import Head, Malformed

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# What only code of this site may reach, whichever origins are listed: the page, and how a person signs in to it.
_OWN_ONLY: Final = ("/session", "/ui")

# Of all types these only: those that a form or a beacon can send without a preflight are not among them.
_DATA: Final = frozenset(
    {
        "application/json",
        "application/proto",
        "application/connect+json",
        "application/connect+proto",
        *(f"application/{name}{codec}" for name in ("grpc", "grpc-web") for codec in ("", "+json", "+proto")),
    }
)
# A page of another site can send it without a type, and without being asked; any other method needs a preflight.
_UNASKED: Final = "POST"


class Site(Enum):
    """Where a request comes from."""

    # Code of this server's own page.
    OWN = auto()
    # A program that is no browser, or a person who typed the address.
    NO_SITE = auto()
    # A link on a page of another site, which was followed.
    LINK = auto()
    # Code of a site that is allowed.
    LISTED = auto()
    FOREIGN = auto()


class WebOrigin(NamedTuple):
    """An origin (RFC 6454): a scheme, a host and a port."""

    scheme: str
    authority: Authority

    @classmethod
    def parse(cls, text: str) -> "WebOrigin":
        """Parse SCHEME://HOST[:PORT]. Raise `ValueError` for anything else, such as `null`, `*`, or one with a path."""
        scheme, separator, rest = text.partition("://")
        port = _DEFAULT_PORTS.get(scheme)
        if not separator or port is None:
            raise ValueError(f"{text!r} is no origin, such as https://desk.example or http://localhost:3000")
        try:
            return cls(scheme, Authority.parse(rest).at(port))
        except ValueError as fault:
            raise ValueError(f"{text!r} is no origin: {rest!r} {fault}") from None

    def __str__(self) -> str:
        """Return it as browsers write it."""
        host, port = self.authority
        named = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{named}" if port == _DEFAULT_PORTS[self.scheme] else f"{self.scheme}://{named}:{port}"


class UnsupportedType(Exception):  # noqa: N818 - named for what happened
    """A body of a type that a page of another site could send."""


class Origins:
    """The sites whose pages may call."""

    def __init__(self, listed: Collection[str] = ()) -> None:
        """Raise `ValueError` for a text that is no origin."""
        # As browsers write them: what is written otherwise is another one.
        self._listed: Final = frozenset(str(WebOrigin.parse(each)) for each in listed)

    def site_of(self, head: Head, host: Authority) -> Site:
        """Return where a request for the host comes from. Raise `Malformed`."""
        text, said = head.one(b"origin"), head.one(b"sec-fetch-site")
        if text is None:
            return _site_without_origin(head, said)
        if _is_own(text, head.scheme, host):
            return Site.OWN if said in (None, "same-origin") else Site.FOREIGN
        return Site.LISTED if text in self._listed and not _is_own_only(head.path) else Site.FOREIGN


def _is_own(text: str, scheme: str, host: Authority) -> bool:
    """Return whether an origin is that of the host. What speaks TLS in front of a plain server has it as https."""
    try:
        origin = WebOrigin.parse(text)
    except ValueError:
        return False
    if origin.scheme not in (scheme, "https"):
        return False
    return origin.authority == host.at(_DEFAULT_PORTS[origin.scheme])


def _site_without_origin(head: Head, said: str | None) -> Site:
    """Return where a request without `Origin` comes from: browsers leave it out when they only get something."""
    if said == "same-origin":
        return Site.OWN
    if said in (None, "none"):
        return Site.NO_SITE
    follows = head.one(b"sec-fetch-mode") == "navigate" and head.one(b"sec-fetch-dest") == "document"
    return Site.LINK if follows and head.method in ("GET", "HEAD") else Site.FOREIGN


def _is_own_only(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in _OWN_ONLY)


def cookies_count(head: Head, site: Site) -> bool:
    """Return whether the cookies of a request may say who makes it.

    To change something, its origin has to be proved. To sign out needs no proof: code of other sites is refused.
    """
    if site is Site.OWN:
        return True
    return site is Site.NO_SITE and (head.is_safe or head.path == "/session")


def check_type(head: Head) -> None:
    """Raise `UnsupportedType` for a body that a form, a beacon or a fetch without a preflight could have sent."""
    if head.is_safe:
        return
    try:
        text = head.one(b"content-type")
    except Malformed:
        raise UnsupportedType from None
    if text is None:
        if head.method == _UNASKED:
            raise UnsupportedType
    elif text.partition(";")[0].strip().lower() not in _DATA:
        raise UnsupportedType
