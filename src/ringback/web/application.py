"""The application that the HTTP port serves: the door, and behind it all parts by their paths."""

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringback.web.problems import problem

_log = logging.getLogger(__name__)

# In the `state` of a request's scope.
REQUEST_ID: Final = "request_id"

_HEADER: Final = b"x-request-id"
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class WebApplication:
    """Each request gets an id and, whatever happens, a response without a word of an exception."""

    def __init__(
        self,
        routes: Sequence[BaseRoute] = (),
        *,
        prefixes: Mapping[str, ASGIApp] | None = None,
        door: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        """`prefixes` are applications that serve all paths with a beginning; `door` is wrapped around all of it."""
        self._routes = routes
        self._prefixes = tuple((prefixes or {}).items())
        self._inside: ASGIApp = self._respond if door is None else door(self._respond)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = _id_of(scope)
        scope["state"][REQUEST_ID] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (_HEADER, request_id)]
            await send(message)

        await self._inside(scope, receive, send_with_id)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def noted_send(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            part = self._prefixed(scope["path"]) or self._matching(scope)
            await part(scope, receive, noted_send)
        except Exception as bug:  # noqa: BLE001 - its text is nobody's business
            error_id = secrets.token_hex(8)
            _log.error("internal error %s", error_id, exc_info=bug)
            # Half of a response cannot become another one. The server cuts it off.
            if not has_started:
                await problem(500, "internal error", reason="INTERNAL", error_id=error_id)(scope, receive, send)

    def _prefixed(self, path: str) -> ASGIApp | None:
        return next((app for prefix, app in self._prefixes if path.startswith(prefix)), None)

    def _matching(self, scope: Scope) -> ASGIApp:
        """Return the route, or the refusal of a request that has none."""
        allowed: set[str] = set()
        for route in self._routes:
            match, matched = route.matches(scope)
            if match is Match.FULL:
                scope.update(matched)
                return route.handle
            if match is Match.PARTIAL:
                allowed |= getattr(route, "methods", None) or set()
        if allowed:
            methods = ", ".join(sorted(allowed))
            return problem(405, f"This path takes {methods}.", headers={"allow": methods})
        return _not_found()


def _not_found() -> Response:
    return problem(404, "There is nothing under this path.")


def _id_of(scope: Scope) -> bytes:
    """Return the id that the client has given the request, or a new one."""
    given = [value for name, value in scope["headers"] if name == _HEADER]
    if len(given) == 1 and _ID.fullmatch(given[0]):
        sent: bytes = given[0]
        return sent
    return secrets.token_hex(8).encode()
