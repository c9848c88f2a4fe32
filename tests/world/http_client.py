"""HTTP as bytes on a socket: requests that no library sends, and what is left of a connection after them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import h2.config
import h2.connection
import h2.events

# A fault in the server makes a test fail, and not wait.
LIMIT_S: Final = 20.0
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class HttpResponse(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class RawConnection:
    """A connection of HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, path: str = "/", headers: Mapping[str, str] = NO_HEADERS) -> HttpResponse:
        return await self.request("GET", path, headers=headers)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> HttpResponse:
        given = {"host": "localhost", **headers}
        if body:
            given["content-length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        await self.send(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body)
        return await self.response(has_body=method != "HEAD")

    async def response(self, *, has_body: bool = True) -> HttpResponse:
        async with asyncio.timeout(LIMIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.split("\r\n")[:-2]
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
            body = b""
            if has_body and "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif has_body and headers.get("transfer-encoding") == "chunked":
                while chunk := await self.chunk():
                    body += chunk
            return HttpResponse(int(line.split()[1]), headers, body)

    async def chunk(self) -> bytes:
        """Read one chunk; the last one is empty."""
        async with asyncio.timeout(LIMIT_S):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def is_ended(self) -> bool:
        """Return True once the server has ended the connection, whatever comes before that."""
        async with asyncio.timeout(LIMIT_S):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                pass
        return True


@asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[RawConnection]:
    reader, writer = await asyncio.open_connection(host, port, **options)
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.transport.abort()


class Http2Connection:
    """A connection of HTTP/2, whose events wait until they are read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self._events: list[h2.events.Event] = []

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def begin(
        self, method: str = "GET", path: str = "/", headers: Mapping[str, str] = NO_HEADERS, *, ended: bool = True
    ) -> int:
        """Send the headers of a request, and return its stream."""
        stream: int = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        self.h2.send_headers(stream, [*pseudo, *headers.items()], ended)
        await self.flush()
        return stream

    async def event(self, kind: type[h2.events.Event], stream: int | None = None) -> Any:
        """Return the next event of the kind. Raise `ConnectionError` when the connection ends first."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                for each in self._events:
                    if isinstance(each, kind) and stream in (None, getattr(each, "stream_id", None)):
                        self._events.remove(each)
                        return each
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError("the connection has ended")
                self._events += self.h2.receive_data(data)
                await self.flush()

    def has_come(self, kind: type[h2.events.Event]) -> bool:
        """Return whether there is such an event among those that were not asked for yet."""
        return any(isinstance(each, kind) for each in self._events)

    async def get(self, path: str = "/", headers: Mapping[str, str] = NO_HEADERS) -> HttpResponse:
        return await self.response(await self.begin("GET", path, headers))

    async def response(self, stream: int) -> HttpResponse:
        head = dict((await self.event(h2.events.ResponseReceived, stream)).headers)
        body = b""
        while True:
            each = await self.event(h2.events.Event, stream)
            if isinstance(each, h2.events.DataReceived):
                body += each.data
                self.h2.acknowledge_received_data(each.flow_controlled_length, stream)
                await self.flush()
            elif isinstance(each, h2.events.StreamEnded):
                return HttpResponse(int(head.pop(":status")), head, body)
            elif isinstance(each, h2.events.StreamReset):
                raise ConnectionError(f"the stream was reset: {each.error_code}")


@asynccontextmanager
async def connected_http2(port: int, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Http2Connection]:
    reader, writer = await asyncio.open_connection(host, port, **options)
    connection = Http2Connection(reader, writer)
    connection.h2.initiate_connection()
    await connection.flush()
    try:
        yield connection
    finally:
        writer.transport.abort()


def trusting(authority: bytes, *protocols: str) -> ssl.SSLContext:
    """Return how a client connects that trusts the authority, in PEM."""
    context = ssl.create_default_context(cadata=authority.decode())
    if protocols:
        context.set_alpn_protocols(protocols)
    return context
