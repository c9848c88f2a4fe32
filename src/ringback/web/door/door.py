"""The door itself: an ASGI application around all others. What it refuses reaches none of them."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from time import monotonic
from typing import Any, Final, TypeAlias

from ringback.web.door.cors import is_preflight, preflight_headers, response_headers
from ringback.web.door.head import Head, Malformed
from ringback.web.door.headers import Headers, security_headers, with_headers
from ringback.web.door.hosts import Hosts, UnknownHost
from ringback.web.door.origins import Origins, Site, UnsupportedType, check_type, cookies_count
from ringback.web.door.sessions import Sessions

_log = logging.getLogger(__name__)

AsgiScope: TypeAlias = MutableMapping[str, Any]
AsgiReceive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[AsgiScope, AsgiReceive, AsgiSend], Awaitable[None]]

# Where in the `state` of a request's scope what returns the token of its session is.
SESSION_TOKEN: Final = "session_token"  # noqa: S105 - the name of a place
# It says whether the server serves, and nothing else: probes have no name for it, or none at all (HTTP/1.0).
OPEN_PATH: Final = "/healthz"
# Between two lines about hosts that are not this one.
_QUIET_S: Final = 60.0


class Refused(Exception):  # noqa: N818 - named for what happened
    """A request that goes no further."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.field = field


class Door:
    """Lets requests for this host through, of its own page, of listed origins, and of programs that are no browsers."""

    def __init__(self, app: AsgiApp, hosts: Hosts, origins: Origins, sessions: Sessions | None = None) -> None:
        self._app: Final = app
        self._sessions: Final = sessions
        self._hosts: Final = hosts
        self._origins: Final = origins
        self._told_at = -_QUIET_S

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        head = Head.of(scope)
        host, https = "", head.scheme == "https"
        cors: Headers = ()
        try:
            _check_target(scope)
            if head.path == OPEN_PATH and head.is_safe:
                site = Site.NO_SITE
            else:
                authority = self._host_of(head)
                host = authority.host
                site = self._origins.site_of(head, authority)
            if site is Site.FOREIGN:
                detail = "this server answers to its own page, and to pages of the origins that --http-origin names"
                raise Refused(HTTPStatus.FORBIDDEN, "NOT_ALLOWED", detail)  # noqa: TRY301 - refused as all others
            origin = head.one(b"origin") if site is Site.LISTED else None
            if origin is not None:
                cors = response_headers(origin)
                if is_preflight(head):
                    added = (*security_headers(https=https, host=host), *preflight_headers(origin))
                    await _respond(send, HTTPStatus.NO_CONTENT, with_headers((), added), b"")
                    return
            _check_type(head)
        except (Refused, Malformed) as refusal:
            await _refuse(send, refusal, (*security_headers(https=https, host=host), *cors))
            return
        self._read_cookies(scope, counts=cookies_count(head, site))
        await self._app(scope, receive, _adding(send, (*security_headers(https=https, host=host), *cors)))

    def _read_cookies(self, scope: AsgiScope, *, counts: bool) -> None:
        """Take out cookies that do not count, and find the session in those that do.

        HTTP/2 may have sent one line as several (RFC 9113, 8.2.3).
        """
        lines = [value for name, value in scope["headers"] if name.lower() == b"cookie"]
        if not lines:
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() != b"cookie"]
        if counts:
            line = b"; ".join(lines)
            scope["headers"].append((b"cookie", line))
            if self._sessions is not None:
                scope.setdefault("state", {})[SESSION_TOKEN] = self._sessions.bearer(line.decode("latin-1"))

    async def _other(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Refuse WebSockets, to which no rule about origins applies in a browser. What is left is the server's own."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    def _host_of(self, head: Head) -> Any:
        try:
            return self._hosts.check(head)
        except UnknownHost as unknown:
            if monotonic() - self._told_at >= _QUIET_S:
                self._told_at = monotonic()
                _log.warning("refused a request for the host %s: if it is this one, give --http-host", unknown.host)
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "MISDIRECTED_REQUEST", str(unknown), "Host") from None


def _check_target(scope: Mapping[str, Any]) -> None:
    """Raise `Malformed` for a target with a host of its own (RFC 9112, 3.2.2), which would count instead of `Host`."""
    if not scope["path"].startswith("/") or not scope.get("raw_path", b"/").startswith(b"/"):
        raise Malformed("target", "is no path")


def _check_type(head: Head) -> None:
    try:
        check_type(head)
    except UnsupportedType:
        detail = "a body has to be application/json, or of a type of Connect or gRPC-Web"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail, "Content-Type") from None


def _adding(send: AsgiSend, added: Headers) -> AsgiSend:
    async def send_with(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = with_headers(message.get("headers", ()), added)
        await send(message)

    return send_with


async def _refuse(send: AsgiSend, refusal: Refused | Malformed, added: Headers) -> None:
    """Send a problem (RFC 9457)."""
    if isinstance(refusal, Malformed):
        refusal = Refused(HTTPStatus.BAD_REQUEST, "INVALID_FIELD", f"{refusal.field} {refusal}", refusal.field)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": refusal.status.phrase,
        "status": refusal.status.value,
        "reason": refusal.reason,
        "detail": refusal.detail,
    }
    if refusal.field:
        problem["violations"] = [{"field": refusal.field, "description": refusal.detail}]
    body = json.dumps(problem).encode()
    own = ((b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode()))
    await _respond(send, refusal.status, with_headers(own, added), body)


async def _respond(send: AsgiSend, status: HTTPStatus, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
