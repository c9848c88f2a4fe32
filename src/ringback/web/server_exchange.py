"""One request and its response, between hypercorn's protocols and the application."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from time import time
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote

from hypercorn.protocol.events import Body, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import ConnectionState

from ringback.web.peer import HAS_TURN
from ringback.web.server_pace import Timed
from ringback.web.server_refusals import refusal

_log = logging.getLogger(__name__)

Message: TypeAlias = MutableMapping[str, Any]

# A body waits in memory up to this size, and then at the client, until the application reads it.
_MAX_WAITING_BYTES: Final = 64 * 1024


class HttpExchange(HTTPStream):
    """A request whose application reads as fast as it likes, and is cancelled when its client has gone.

    hypercorn's own has a queue that nobody empties when the application refuses a request without reading its body.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._chunks: deque[bytes] = deque()
        self._waiting_bytes = 0
        # The request has come to its end.
        self.is_complete = False
        self._has_told_end = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._begun_s = asyncio.get_running_loop().time()
        # Of a message that is being sent: when there was progress last.
        self._sending_since_s: float | None = None
        # What the processor has done for it.
        self._spent_s = 0.0
        # Has HTTP/2 let the client send more.
        self.on_read: Callable[[int], Awaitable[None]] | None = None

    async def handle(self, event: Event) -> None:
        if self.closed:
            return
        if isinstance(event, Request):
            self._begin(event)
        elif isinstance(event, Body):
            await self.take(event.data)
        elif isinstance(event, EndBody):
            self.is_complete = True
            self._news.set()
        elif isinstance(event, StreamClosed):
            self.closed = True
            await self._drop_chunks()
            if self.state is not ASGIHTTPState.CLOSED and self._task is not None:
                self._task.cancel()

    def _begin(self, request: Request) -> None:
        self.start_time = time()
        path, _, query = request.raw_path.partition(b"?")
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.http_version,
            "method": request.method,
            "scheme": self.scheme,
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": request.headers,
            "client": self.client,
            "server": self.server,
            "state": ConnectionState(request.state.copy()),
            "extensions": {},
        }
        self._task = self.task_group.create(self._run())  # type: ignore[attr-defined] # it is our own

    async def _run(self) -> None:
        serving = self.app(self.scope, self._receive, self._send)  # type: ignore[call-arg,arg-type]
        try:
            await Timed(serving, self._note)
        except Exception as bug:  # noqa: BLE001 - it would end all other requests of the connection
            _log.error("a request has ended with a bug", exc_info=bug)
        finally:
            if not self.scope["state"].get(HAS_TURN):
                self.context.pace.charge(self._spent_s)  # type: ignore[attr-defined] # it is our own
            await self.app_send(None)

    def _note(self, spent_s: float) -> None:
        self._spent_s += spent_s

    async def take(self, data: bytes) -> None:
        """Take a part of the body, once there is room for it. What nobody reads any more is thrown away."""
        if self.state is ASGIHTTPState.CLOSED:
            if self.on_read is not None:
                await self.on_read(len(data))
            return
        self._chunks.append(data)
        self._waiting_bytes += len(data)
        self._news.set()
        while self.on_read is None and self._waiting_bytes >= _MAX_WAITING_BYTES and not self.closed:
            self._room.clear()
            await self._room.wait()

    async def _drop_chunks(self) -> None:
        dropped_bytes, self._waiting_bytes = self._waiting_bytes, 0
        self._chunks.clear()
        self._news.set()
        self._room.set()
        if self.on_read is not None and dropped_bytes:
            await self.on_read(dropped_bytes)

    async def _receive(self) -> Message:
        while True:
            if self._chunks:
                return await self._next_chunk()
            if self.closed or self._has_told_end:
                # Nothing else comes than that the client goes, of which the task is told by being cancelled.
                if self.closed:
                    return {"type": "http.disconnect"}
            elif self.is_complete:
                self._has_told_end = True
                return {"type": "http.request", "body": b"", "more_body": False}
            self._news.clear()
            await self._news.wait()

    async def _next_chunk(self) -> Message:
        data = self._chunks.popleft()
        self._waiting_bytes -= len(data)
        self._room.set()
        if self.on_read is not None:
            await self.on_read(len(data))
        self._has_told_end = self.is_complete and not self._chunks
        return {"type": "http.request", "body": data, "more_body": not self._has_told_end}

    async def _send(self, message: Message) -> None:
        self._sending_since_s = asyncio.get_running_loop().time()
        try:
            await self.app_send(message)  # type: ignore[arg-type]
        finally:
            self._sending_since_s = None
            if self.state is ASGIHTTPState.CLOSED:
                await self._drop_chunks()

    @property
    def has_responded(self) -> bool:
        """Return whether the response is complete."""
        return self.state is ASGIHTTPState.CLOSED

    def on_progress(self) -> None:
        """Note that the client has let something of the response be sent."""
        if self._sending_since_s is not None:
            self._sending_since_s = asyncio.get_running_loop().time()

    def is_stuck(self, now_s: float, *, stalled_s: float, body_s: float) -> bool:
        """Return whether the client reads nothing of the response, or does not send the request to its end."""
        if self._sending_since_s is not None and now_s >= self._sending_since_s + stalled_s:
            return True
        return not self.is_complete and now_s >= self._begun_s + body_s

    def give_up(self) -> None:
        """End the request, whatever it is waiting for."""
        if self._task is not None:
            self._task.cancel()

    async def _send_error_response(self, status_code: int) -> None:
        """Send the response to a request that the application has not responded to."""
        status = status_code if self.is_complete else 408
        headers, body = refusal(status, https=self.scheme == "https")
        await self.send(Response(stream_id=self.stream_id, headers=headers, status_code=status))
        if self.scope["method"] != "HEAD":
            await self.send(Body(stream_id=self.stream_id, data=body))
        await self.send(EndBody(stream_id=self.stream_id))
        self.state = ASGIHTTPState.CLOSED


def exchange_for(protocol: H11Protocol | H2Protocol, stream_id: int) -> HttpExchange:
    """Return a new exchange of a connection."""
    return HttpExchange(
        protocol.app,
        protocol.config,
        protocol.context,
        protocol.task_group,
        protocol.ssl,
        protocol.client,
        protocol.server,
        protocol.stream_send,
        stream_id,
    )


def exchange_of(stream: object) -> HttpExchange:
    """Return what hypercorn has as a stream: each is one of our exchanges."""
    return cast("HttpExchange", stream)
