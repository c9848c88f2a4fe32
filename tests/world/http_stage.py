"""An HTTP server on a port of its own, with an application that does what its paths say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringback.config import Listen
from ringback.web.server import WebServer
from ringback.web.server_connection import ClientTimes

LOCAL = Listen("127.0.0.1", 0)


class HttpStage:
    """The application, and what became of its requests."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.cancelled = asyncio.Event()
        self.entered = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        act: Callable[[Receive, Send], Any] = getattr(self, "_" + (scope["path"].strip("/") or "echo"))
        try:
            await act(receive, send)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def _echo(self, receive: Receive, send: Send) -> None:
        """Respond with the body of the request."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await respond(send, body)

    async def _refuse(self, receive: Receive, send: Send) -> None:
        """Respond without reading the body."""
        await respond(send, b"no", 401)

    async def _wait(self, receive: Receive, send: Send) -> None:
        """Respond when the test says so."""
        self.entered.set()
        await self.may_go_on.wait()
        await respond(send, b"done")

    async def _fail(self, receive: Receive, send: Send) -> None:
        """End in the middle of a response."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    async def _flood(self, receive: Receive, send: Send) -> None:
        """Send without an end."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            self.entered.set()


async def respond(send: Send, body: bytes, status: int = 200) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})


ServeHttp = Callable[..., AbstractAsyncContextManager[WebServer]]


def serving_stage(stage: HttpStage) -> ServeHttp:
    """Return what serves the stage, or another application, until its block ends."""

    @asynccontextmanager
    async def serving(
        tls: Any = None,
        *,
        app: ASGIApp = stage,
        listen: Listen = LOCAL,
        max_connections: int = 1000,
        **times: float,
    ) -> AsyncIterator[WebServer]:
        server = WebServer(tls, ClientTimes(**({"check_s": 0.02} | times)), max_connections)
        server.bind(listen)
        await server.start(app)
        try:
            yield server
        finally:
            await server.stop()

    return serving
