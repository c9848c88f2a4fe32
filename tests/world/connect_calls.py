"""Calls over HTTP/1.1 as curl makes them: bytes out, bytes in."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h11
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2

PATIENCE_S = 30.0
JSON = {"content-type": "application/json"}
STREAM = {"content-type": "application/connect+json"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Refused:
    """An error in JSON, as far as programs rely on it."""

    code: str
    reason: str
    fields: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


class Exchange:
    """One request on a connection of its own, and its response as it comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._parser = h11.Connection(h11.CLIENT)

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> None:
        """Send a request; without a body, one that is still to come."""
        length = {} if body is None or "content-length" in headers else {"content-length": str(len(body))}
        sent = {"host": "localhost", **headers, **length}
        request = h11.Request(method=method, target=path, headers=list(sent.items()))
        self.writer.write(self._parser.send(request) or b"")
        if body is not None:
            self.writer.write(self._parser.send(h11.Data(body)) or b"")
            self.writer.write(self._parser.send(h11.EndOfMessage()) or b"")
        await self.writer.drain()

    async def next_event(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while (event := self._parser.next_event()) is h11.NEED_DATA:
                self._parser.receive_data(await self.reader.read(65536))
        return event

    async def head(self) -> Answer:
        event = await self.next_event()
        return Answer(event.status_code, {name.decode(): value.decode() for name, value in event.headers})

    async def chunks(self) -> AsyncIterator[bytes]:
        while not isinstance(event := await self.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
            yield bytes(event.data)

    async def frames(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield the flags and the content of each message of a stream."""
        kept = b""
        async for chunk in self.chunks():
            kept += chunk
            while len(kept) >= 5:
                flags, length = struct.unpack(">BI", kept[:5])
                if len(kept) < 5 + length:
                    break
                yield flags, kept[5 : 5 + length]
                kept = kept[5 + length :]
        assert not kept


@asynccontextmanager
async def exchange(port: int) -> AsyncIterator[Exchange]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Exchange(reader, writer)
    finally:
        writer.close()


async def post(port: int, path: str, body: bytes, headers: Mapping[str, str] = JSON, method: str = "POST") -> Answer:
    async with exchange(port) as call:
        await call.send(method, path, headers, body)
        answer = await call.head()
        answer.body = b"".join([chunk async for chunk in call.chunks()])
        return answer


async def call(port: int, rpc: str, request: Any, headers: Mapping[str, str] = JSON) -> Answer:
    """Make a call of CallbacksService in JSON."""
    return await post(port, path_of(rpc), json.dumps(request).encode(), headers)


def path_of(rpc: str, service: str = "CallbacksService") -> str:
    return f"/ringback.v1.{service}/{rpc}"


def frame(content: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(content)) + content


def refused_in(error: Any) -> Refused:
    """Read an error as any client of Connect would: from the bytes of its details."""
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in error.get("details", ()):
        value = base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
        packed = AnyMessage(type_url=f"type.googleapis.com/{detail['type']}", value=value)
        packed.Unpack(info)
        packed.Unpack(bad_request)
    fields = tuple(violation.field for violation in bad_request.field_violations)
    return Refused(error["code"], info.reason, fields, dict(info.metadata))


# --- Watches --------------------------------------------------------------------------------------------------

WATCH = path_of("WatchCallbacks")
# The flag of the last message of a stream.
END = 0b10


@asynccontextmanager
async def watch(port: int, headers: Mapping[str, str] = STREAM, **request: Any) -> AsyncIterator[Exchange]:
    async with exchange(port) as call:
        await call.send("POST", WATCH, headers, frame(json.dumps(request).encode()))
        yield call


async def events_of(call: Exchange, count: int) -> list[Any]:
    events: list[Any] = []
    async for flags, content in call.frames():
        assert flags == 0, content
        events += json.loads(content).get("events", ())
        if len(events) >= count:
            return events
    raise AssertionError("the stream ended")


async def end_of(call: Exchange) -> Any:
    """Return what the last frame of a stream has."""
    async for flags, content in call.frames():
        if flags == END:
            return json.loads(content)
    raise AssertionError("the stream has no end")
