"""One connection of the HTTP port, and the ends that it comes to: no client keeps one without using it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TypeAlias

from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H2ProtocolAssumedError
from hypercorn.typing import ConnectionState
from msgspec import Struct

from ringback.web.peer import CONNECTION, ConnectionPeer
from ringback.web.server_context import DrainContext
from ringback.web.server_exchange import Message
from ringback.web.server_http1 import Http1
from ringback.web.server_http2 import Http2
from ringback.web.server_pace import Timed

_log = logging.getLogger(__name__)

Scope: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

_LINGER_BYTES: Final = 4 * 1024 * 1024
# What is taken at a time of what a client sends: as much as is done with soon, so that others come in between.
_LEAST_BYTES: Final = 128
_MOST_BYTES: Final = 4 * 1024
_SOON_S: Final = 0.0005


class ClientTimes(Struct, frozen=True, kw_only=True):
    """How long the server waits for its clients."""

    # For the line and the headers of a request, from its first byte on.
    headers_s: float = 10.0
    # For the body of a request. Those who read one have a shorter time of their own (`body.py`).
    body_s: float = 75.0
    # For the next request on a connection.
    idle_s: float = 75.0
    # For a client that reads nothing of what is sent to it.
    stalled_s: float = 30.0
    # Until a connection is closed whose client still sends: what it sends is thrown away, so that it gets to read the
    # response.
    linger_s: float = 2.0
    close_s: float = 1.0
    # How often it is looked whether the time is over.
    check_s: float = 1.0


class Serving(Struct, frozen=True):
    """What all connections have in common."""

    app: Application
    config: Config
    context: DrainContext
    times: ClientTimes


class HttpConnection:
    """One connection. `check` has to be called again and again."""

    def __init__(
        self,
        serving: Serving,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: ConnectionPeer,
        names: tuple[tuple[str, int], tuple[str, int]],
    ) -> None:
        """`names` are those of the client and of the server."""
        self._serving = serving
        self._times = serving.times
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._names = names
        self._tasks = _Tasks()
        secure = writer.get_extra_info("ssl_object")
        is_http2 = secure is not None and secure.selected_alpn_protocol() == "h2"
        self._is_secure = secure is not None
        self._protocol: Http1 | Http2 = self._made(Http2 if is_http2 else Http1)
        self._task: asyncio.Task[Any] | None = None
        self._now_s = asyncio.get_running_loop().time
        self._lock = asyncio.Lock()
        # When it has to have got on; None while there are requests.
        self._deadline_s: float | None = self._now_s() + self._times.headers_s
        # When the headers have to be here that have begun over HTTP/2, where others may have requests meanwhile.
        self._headers_deadline_s: float | None = None
        # Since when it has no request; None while it has one.
        self.idle_since_s: float | None = self._now_s()
        # It has had a request, and nothing has come since.
        self._is_quiet = False
        self._writing_since_s: float | None = None
        self._is_ending = False
        self._thrown_away = 0
        self._bytes_at_a_time = _MOST_BYTES
        # How long it has taken to take what was read last.
        self._spent_s = 0.0

    def _made(self, protocol: type[Http1 | Http2]) -> Http1 | Http2:
        client, server = self._names
        state = ConnectionState({CONNECTION: self._peer})
        return protocol(
            self._serving.app,
            self._serving.config,
            self._serving.context,
            self._tasks,
            state,
            self._is_secure,
            client,
            server,
            self.send,
        )

    async def run(self) -> None:
        """Serve until the connection is over."""
        self._task = asyncio.current_task()
        try:
            async with self._tasks:
                await self._protocol.initiate()
                if isinstance(self._protocol, Http2):
                    self._wait()
                await self._read()
        except* OSError:
            pass
        except* Exception as faults:  # noqa: BLE001 - what clients send can be anything
            # Their texts may have what the client has sent.
            names = ", ".join(type(fault).__name__ for fault in faults.exceptions)
            _log.debug("a connection of %s has ended with a fault: %s", self._peer.peer, names)
        finally:
            await self._close()

    async def _read(self) -> None:
        try:
            with suppress(OSError):
                while data := await self._reader.read(self._bytes_at_a_time):
                    if self._is_ending:
                        if self._throw_away(data):
                            break
                        continue
                    await self._serving.context.pace.wait()
                    await self._take(data)
                    # More of it may be here already: then nothing else would come in between.
                    await asyncio.sleep(0)
            await self._handle(Closed())
        finally:
            # What is left are requests whose client has gone.
            self._is_ending = True
            self._deadline_s = self._now_s() + self._times.close_s

    async def _take(self, data: bytes) -> None:
        if self._is_quiet and isinstance(self._protocol, Http1):
            self._is_quiet = False
            self._deadline_s = self._now_s() + self._times.headers_s
        self._spent_s = 0.0
        await Timed(self._handle(RawData(data)), self._note)
        self._note_headers()
        if self._spent_s > _SOON_S:
            self._bytes_at_a_time = max(_LEAST_BYTES, self._bytes_at_a_time // 2)
        elif self._spent_s < _SOON_S / 2:
            self._bytes_at_a_time = min(_MOST_BYTES, self._bytes_at_a_time * 2)

    def _note_headers(self) -> None:
        if not isinstance(self._protocol, Http2) or not self._protocol.is_within_headers:
            self._headers_deadline_s = None
        elif self._headers_deadline_s is None:
            self._headers_deadline_s = self._now_s() + self._times.headers_s

    def _note(self, spent_s: float) -> None:
        self._spent_s += spent_s
        self._serving.context.pace.charge(spent_s)

    def _throw_away(self, data: bytes) -> bool:
        """Return whether it is too much by now."""
        self._thrown_away += len(data)
        return self._thrown_away > _LINGER_BYTES

    async def _handle(self, event: Event) -> None:
        try:
            await self._protocol.handle(event)
        except H2ProtocolAssumedError as assumed:
            begun = assumed.data
        else:
            return
        self._protocol = self._made(Http2)
        self._wait()
        await self._protocol.initiate()
        await self._protocol.handle(RawData(begun))

    async def send(self, event: Event) -> None:
        """Do what the protocol says."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Closed):
            self._end()
        elif isinstance(event, Updated):
            if not event.idle:
                self.idle_since_s = self._deadline_s = None
            elif self._serving.context.terminated.is_set():
                self._end()
            else:
                self._wait()

    def _wait(self) -> None:
        """Wait for the next request."""
        self._is_quiet = True
        self.idle_since_s = self._now_s()
        self._deadline_s = self.idle_since_s + self._times.idle_s

    async def _write(self, data: bytes) -> None:
        async with self._lock:
            if self._writer.is_closing():
                return
            self._writing_since_s = self._now_s()
            try:
                self._writer.write(data)
                await self._writer.drain()
            except (OSError, RuntimeError):  # the client has gone, of which the reader tells
                pass
            finally:
                self._writing_since_s = None

    def _end(self) -> None:
        """End the connection: at once, or after the client has had the time to read what it was sent."""
        if self._is_ending:
            return
        self._is_ending = True
        if self.idle_since_s is None:
            self.idle_since_s = self._now_s()
        for stream in self._protocol.streams_open:
            stream.give_up()
        if self._protocol.has_unread_input:
            self._deadline_s = self._now_s() + self._times.linger_s
            with suppress(OSError, RuntimeError, NotImplementedError):
                self._writer.write_eof()
        else:
            self._deadline_s = self._now_s() + self._times.close_s
            self._writer.close()

    async def _leave(self) -> None:
        await self._protocol.go_away()
        self._end()

    def check(self) -> None:
        """End what does not get on."""
        now_s = self._now_s()
        if self._deadline_s is not None and now_s >= self._deadline_s:
            if self._is_ending:
                self.abort()
            else:
                self._begin_to_leave()
        elif self._headers_deadline_s is not None and now_s >= self._headers_deadline_s and not self._is_ending:
            self._begin_to_leave()
        if self._writing_since_s is not None and now_s >= self._writing_since_s + self._times.stalled_s:
            self.abort()
        if self._protocol.has_rests(now_s - self._times.linger_s):
            self._begin(self._protocol.stop_rests(now_s - self._times.linger_s))
        for stream in self._protocol.streams_open:
            if stream.is_stuck(now_s, stalled_s=self._times.stalled_s, body_s=self._times.body_s):
                stream.give_up()

    def leave(self) -> None:
        """End it unless it has a request."""
        if self.idle_since_s is not None and not self._is_ending:
            self._begin_to_leave()

    def _begin_to_leave(self) -> None:
        self._deadline_s = self._now_s() + self._times.close_s
        self._begin(self._leave())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self._tasks.create(work)
        except RuntimeError:  # a fault has ended the others, and is about to end the connection
            work.close()

    def abort(self) -> None:
        """End it now."""
        # asyncio's transport raises it when it has just been closed.
        with suppress(AttributeError):
            self._writer.transport.abort()
        if self._task is not None:
            self._task.cancel()

    async def _close(self) -> None:
        try:
            self._writer.close()
            async with asyncio.timeout(self._times.close_s):
                await self._writer.wait_closed()
        except (OSError, RuntimeError):  # the client has gone, or does not let what was written go
            with suppress(AttributeError):
                self._writer.transport.abort()


class _Tasks:
    """The tasks of one connection. When it ends, so do they."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    def create(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._group.create_task(work)

    def spawn(self, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        self._group.create_task(work(*arguments))

    async def __aenter__(self) -> None:
        await self._group.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)
