"""The door itself: an ASGI application around all others. What it refuses reaches none of them."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringback.web.door.authority import Authority
from ringback.web.door.cors import PREFLIGHT, is_preflight, response_headers
from ringback.web.door.head import Head, Malformed
from ringback.web.door.headers import Headers, security_headers, with_headers
from ringback.web.door.hosts import OwnHosts, UnknownHost
from ringback.web.door.origins import Origins, Site, UnsupportedType, check_type, cookies_count
from ringback.web.door.sessions import Sessions
from ringback.web.peer import SESSION_TOKEN
from ringback.web.problems import problem

_log = logging.getLogger(__name__)

# It says whether the server serves, and nothing else: probes have no name for it, or none at all (HTTP/1.0).
OPEN_PATH: Final = "/healthz"
# Between two lines about hosts that are not this one.
_QUIET_S: Final = 60.0


class DoorRefusal(Exception):  # noqa: N818 - named for what happened
    """A request that goes no further."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.field = field


class _Passed:
    """What of a request has been found right so far: it decides what its response says to the browser."""

    def __init__(self, *, https: bool) -> None:
        self.https: Final = https
        self.host = ""
        # The listed origin that it comes from.
        self.origin = ""

    def headers(self) -> Headers:
        cors = response_headers(self.origin) if self.origin else ()
        return (*security_headers(https=self.https, host=self.host), *cors)


class Door:
    """Lets requests for this host through, of its own page, of listed origins, and of programs that are no browsers."""

    def __init__(self, app: ASGIApp, hosts: OwnHosts, origins: Origins, sessions: Sessions | None = None) -> None:
        self._app: Final = app
        self._sessions: Final = sessions
        self._hosts: Final = hosts
        self._origins: Final = origins
        self._told_at = -_QUIET_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        head = Head.of(scope)
        passed = _Passed(https=head.scheme == "https")
        try:
            _check_target(scope)
            site = self._site_of(head, passed)
            if passed.origin and is_preflight(head):
                added = (*passed.headers(), *PREFLIGHT)
                await Response(status_code=HTTPStatus.NO_CONTENT)(scope, receive, _adding(send, added))
                return
            _check_type(head)
        except (DoorRefusal, Malformed) as refusal:
            await _problem(refusal)(scope, receive, _adding(send, passed.headers()))
            return
        self._read_cookies(scope, counts=cookies_count(head, site))
        await self._app(scope, receive, _adding(send, passed.headers()))

    def _site_of(self, head: Head, passed: "_Passed") -> Site:
        """Return where a request comes from. Raise `Malformed`, or `DoorRefusal` for another host or site."""
        if head.path == OPEN_PATH and head.is_safe:
            return Site.NO_SITE
        authority = self._host_of(head)
        passed.host = authority.host
        site = self._origins.site_of(head, authority)
        if site is Site.FOREIGN:
            detail = "this server answers to its own page, and to pages of the origins that --http-origin names"
            raise DoorRefusal(HTTPStatus.FORBIDDEN, "NOT_ALLOWED", detail)
        if site is Site.LISTED:
            passed.origin = head.one(b"origin") or ""
        return site

    def _read_cookies(self, scope: Scope, *, counts: bool) -> None:
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

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse WebSockets, to which no rule about origins applies in a browser. What is left is the server's own."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    def _host_of(self, head: Head) -> Authority:
        try:
            return self._hosts.check(head)
        except UnknownHost as unknown:
            if monotonic() - self._told_at >= _QUIET_S:
                self._told_at = monotonic()
                _log.warning("refused a request for the host %s: if it is this one, give --http-host", unknown.host)
            raise DoorRefusal(HTTPStatus.MISDIRECTED_REQUEST, "MISDIRECTED_REQUEST", str(unknown), "Host") from None


def _check_target(scope: Mapping[str, Any]) -> None:
    """Raise `Malformed` for a target with a host of its own (RFC 9112, 3.2.2), which would count instead of `Host`."""
    if not scope["path"].startswith("/") or not scope.get("raw_path", b"/").startswith(b"/"):
        raise Malformed("target", "is no path")


def _check_type(head: Head) -> None:
    try:
        check_type(head)
    except UnsupportedType:
        detail = "a body has to be application/json, or of a type of Connect or gRPC-Web"
        raise DoorRefusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail, "Content-Type") from None


def _adding(send: Send, added: Headers) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = with_headers(message.get("headers", ()), added)
        await send(message)

    return send_with


def _problem(refusal: DoorRefusal | Malformed) -> ASGIApp:
    if isinstance(refusal, Malformed):
        refusal = DoorRefusal(HTTPStatus.BAD_REQUEST, "INVALID_FIELD", f"{refusal.field} {refusal}", refusal.field)
    members: dict[str, Any] = {"reason": refusal.reason}
    if refusal.field:
        members["violations"] = [{"field": refusal.field, "description": refusal.detail}]
    return problem(refusal.status, refusal.detail, **members)
