"""The HTTP/1.1 of the HTTP dialer, both ways: it posts orders, and listens for reports."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import SplitResult

import h11

from ringback.dialers.http_messages import SIGNATURE_HEADER

_MAX_BODY_BYTES: Final = 16 * 1024
_CHUNK_BYTES: Final = 8192
# For one report, from the first byte to the last, and between two.
_PATIENCE_S: Final = 30.0
MAX_CONNECTIONS: Final = 200
# Takes the body and the header with the signature, returns the status and a word about it.
Take = Callable[[bytes, str], Awaitable[tuple[int, str]]]


async def post(url: SplitResult, headers: dict[str, str], body: bytes, tls: ssl.SSLContext | None) -> int:
    """Post JSON, and return the status of the response. Raise `OSError` or `h11.RemoteProtocolError`."""
    assert url.hostname is not None
    port = url.port or (443 if tls else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=tls)
    try:
        connection = h11.Connection(h11.CLIENT)
        fixed = {"host": url.netloc, "content-type": "application/json", "content-length": str(len(body))}
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        request = h11.Request(method="POST", target=target, headers=[*(fixed | headers).items()])
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        while True:
            received = await _next_event(connection, reader)
            if isinstance(received, h11.Response):
                return received.status_code
            if isinstance(received, h11.ConnectionClosed):
                raise ConnectionResetError("the connection was closed without a response")
    finally:
        writer.close()


class ReportListener:
    """A server of one method: POST takes a report, at whatever path a proxy in front leaves."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raise `OSError`."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_CHUNK_BYTES)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._connections:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(writer)
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._serve_one(connection, reader, writer):
                connection.start_next_cycle()
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # gone, too slow, or no HTTP
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _serve_one(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request, and return whether another one can follow it."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                request, body = await _read(connection, reader, writer)
        except h11.RemoteProtocolError as fault:
            status, word = fault.error_status_hint, "this is not HTTP/1.1"
        else:
            if request is None:
                return False
            status, word = await self._respond_to(request, body)
        text = f'{{"result":"{word}"}}'.encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(text)))]
        is_read = connection.their_state is h11.DONE
        if not is_read:
            headers.append(("connection", "close"))
        response = h11.Response(status_code=status, headers=headers, reason=b"")
        for event in (response, h11.Data(data=text), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return is_read and connection.our_state is h11.DONE

    async def _respond_to(self, request: h11.Request, body: bytes | None) -> tuple[int, str]:
        if request.method != b"POST":
            return 405, "reports are posted"
        if body is None:
            return 413, "a report is shorter"
        signatures = [value for name, value in request.headers if name == SIGNATURE_HEADER.encode()]
        return await self._take(body, signatures[0].decode("ascii", "replace") if len(signatures) == 1 else "")


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[h11.Request | None, bytes | None]:
    """Return the next request and its body: no request when there is none, no body when it is too large."""
    request, body = None, bytearray()
    while True:
        if connection.they_are_waiting_for_100_continue:
            writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        event = await _next_event(connection, reader)
        match event:
            case h11.Request():
                request = event
            case h11.Data():
                body += event.data
                if len(body) > _MAX_BODY_BYTES:
                    return request, None
            case h11.EndOfMessage():
                return request, bytes(body)
            case _:
                return None, None


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_CHUNK_BYTES))
    return event
