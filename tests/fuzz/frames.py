"""Calls whose frames are not as HTTP/2 and gRPC have them: lengths, flags, compression, headers, and bytes alone."""

import asyncio
import gzip
import struct
from contextlib import suppress
from enum import Enum
from typing import Final, NamedTuple, Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from tests.fuzz.dice import Dice, dice_of
from tests.fuzz.known import LearntTexts
from tests.fuzz.rpcs import OURS, RPCS, request_of
from tests.fuzz.server import ALL, Fuzzed
from tests.fuzz.stored import StoredByCallers
from tests.fuzz.tally import FuzzTally
from tests.fuzz.verdicts import WAITING

_PATIENCE_S: Final = 30.0
_OK, _UNKNOWN, _DEADLINE_EXCEEDED, _INTERNAL, _UNAVAILABLE = "0", "2", "4", "13", "14"
# What a client sees of a call that ended without a status.
_RESET, _CLOSED, _NO_END = "reset", "closed", "no end"
# Ends of a call that the server may still be about.
_GIVEN_UP: Final = frozenset({_DEADLINE_EXCEEDED, _INTERNAL, _RESET, _CLOSED, _NO_END})
# One that may wait says nothing for as long.
_OURS: Final = tuple(rpc for rpc in OURS if rpc.name not in WAITING)
_ALL: Final = tuple(rpc for rpc in RPCS if rpc.name not in WAITING)
_PREFIX: Final = struct.Struct(">BI")
# What a server lets a client send before it has said anything.
_MOST_BYTES: Final = 60_000
_FRAME_BYTES: Final = 16_000
_ENCODINGS: Final = ("gzip", "deflate", "identity", "br", "", "gzip,gzip", "x" * 100)
_TYPES: Final = (
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json",
    "application/json",
    "text/html",
    "",
)
_TIMEOUTS: Final = ("1S", "20S", "99999999H", "0n", "-1S", "", "1", "S", "123456789S", "1 S")
_PATHS: Final = ("/", "", "//", "/ringback.v1.CallbacksService", "/ringback.v1.CallbacksService/None", "/%00", "*", "x")
# Compressed it is a few kilobytes.
_BOMB_BYTES: Final = 40 * 1024 * 1024


class Shape(Enum):
    """What the frames of a call are, as gRPC has it."""

    WHOLE = "whole"
    """One request: it gets a status of its own."""
    BROKEN = "broken"
    """None, since it is cut off: it is refused, and at once."""
    STRANGE = "strange"
    """A frame with a flag that there is not. gRPC hands it over as an empty request: nothing may be stored for it."""
    ODD = "odd"
    """One or none."""


class Framed(NamedTuple):
    """The headers and the data of one call."""

    headers: list[tuple[str, str]]
    data: bytes
    shape: Shape


class FrameFuzz:
    """One connection after the other, each with one call."""

    def __init__(self, server: Fuzzed, seed: int) -> None:
        self.tally: Final = FuzzTally("frames", seed)
        self._server = server
        self._seed = seed
        self._known = LearntTexts()
        self._stored = StoredByCallers(server.database)
        self._bomb = gzip.compress(bytes(_BOMB_BYTES))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stored.close()

    async def step(self, number: int) -> None:
        dice = dice_of(self._seed, "frames", number)
        framed = self._framed(dice)
        before = self._stored.mark()
        if dice.chance(0.2):
            kind, sent = "bytes", dice.mutated(_written(framed))
            end, fault = await self._end_of_bytes(sent), ""
        else:
            kind, sent = framed.shape.value, framed.data
            end = await self._end_of(framed)
            fault = _fault_of(framed.shape, end)
        if end in _GIVEN_UP:
            await self._server.settle()
        if end == _NO_END:
            fault = "there was no end"
        if not fault and kind in (Shape.BROKEN.value, Shape.STRANGE.value) and self._stored.mark() != before:
            fault = f"ended as {end}, and {before} became {self._stored.mark()}"
        self.tally.note(f"{kind} frames", f"status {end}" if end.isdecimal() else end, refused=end != _OK)
        if fault:
            self.tally.find(number, f"{kind} frames, {framed.headers}: {fault}", sent)

    def _framed(self, dice: Dice) -> Framed:
        rpc = dice.choice(_OURS if dice.chance(0.7) else _ALL)
        message = request_of(rpc, dice, self._known).data[:100_000]
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": rpc.path,
            ":authority": "localhost",
            "content-type": "application/grpc",
            "te": "trailers",
            "authorization": f"Bearer {ALL}",
            "grpc-timeout": "20S",
        }
        data = self._data(message, headers, dice)[:_MOST_BYTES]
        shape = _shape_of(data)
        if dice.chance(0.2) or rpc.method.client_streaming:  # of which none at all is a request, too
            shape = Shape.ODD
            name, values = dice.choice(
                (
                    *(("content-type", _TYPES), ("grpc-timeout", _TIMEOUTS), (":path", _PATHS), ("te", ("", "gzip"))),
                    *(("grpc-encoding", _ENCODINGS), (":method", ("GET", "PUT", "X", ""))),
                )
            )
            headers[name] = dice.choice(values)
        return Framed(list(headers.items()), data, shape)

    def _data(self, message: bytes, headers: dict[str, str], dice: Dice) -> bytes:
        """Return what follows the headers."""
        plain = _frame(message)
        match dice.randrange(9):
            case 0:
                return plain
            case 1:
                return _frame(message, length=dice.choice((0, 1, len(message) + 1, 2**31, 2**32 - 1)))
            case 2:
                return _frame(message, flag=dice.choice((1, 2, 255)))
            case 3:
                headers["grpc-encoding"] = dice.choice(_ENCODINGS)
                return _frame(dice.mutated(gzip.compress(message)), flag=1)
            case 4:
                headers["grpc-encoding"] = "gzip"
                return _frame(self._bomb if dice.chance(0.1) else gzip.compress(message), flag=1)
            case 5:
                return plain + dice.choice((plain, b"\0", bytes(5), dice.randbytes(7)))
            case 6:
                return plain[: dice.randint(0, len(plain) - 1)]
            case 7:
                return dice.randbytes(dice.randint(0, 20))
            case _:
                return dice.mutated(plain)

    async def _end_of(self, framed: Framed) -> str:
        """Send the call; return its status, or what came in place of one."""
        reader, writer = await self._connected()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                writer.write(_written(framed))
                return await _status(reader)
        except TimeoutError:
            return _NO_END
        except OSError:
            return _CLOSED
        finally:
            writer.transport.abort()

    async def _end_of_bytes(self, data: bytes) -> str:
        """Send bytes and nothing more; return how the connection ends."""
        reader, writer = await self._connected()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                with suppress(OSError):
                    writer.write(data)
                    writer.write_eof()
                    while await reader.read(65_536):
                        pass
                return _CLOSED
        except TimeoutError:
            return _NO_END
        finally:
            writer.transport.abort()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self._server.address.rpartition(":")
        return await asyncio.open_connection(host, int(port))


def _frame(message: bytes, *, flag: int = 0, length: int | None = None) -> bytes:
    return _PREFIX.pack(flag, len(message) if length is None else length) + message


def _written(framed: Framed) -> bytes:
    """Return the bytes of a connection that makes this call, and no other."""
    config = h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
    )
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    connection.send_headers(1, framed.headers)
    for start in range(0, len(framed.data), _FRAME_BYTES):
        connection.send_data(1, framed.data[start : start + _FRAME_BYTES])
    connection.end_stream(1)
    written: bytes = connection.data_to_send()
    return written


async def _status(reader: asyncio.StreamReader) -> str:
    """Return the status of the call, or how it ended without one."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(validate_inbound_headers=False))
    connection.initiate_connection()
    connection.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "x")])
    while data := await reader.read(65_536):
        try:
            events = connection.receive_data(data)
        except h2.exceptions.ProtocolError as fault:
            return f"a response that is not HTTP/2: {fault}"
        for event in events:
            if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                headers = {bytes(name).decode(): bytes(value).decode() for name, value in event.headers or ()}
                if "grpc-status" in headers:
                    return headers["grpc-status"]
                if headers.get(":status", "200") != "200":
                    return f"HTTP {headers[':status']}"
            elif isinstance(event, h2.events.DataReceived):
                # A stream goes on: that it has begun is enough.
                return _OK
            elif isinstance(event, h2.events.StreamReset):
                return _RESET
    return _CLOSED


def _shape_of(data: bytes) -> Shape:
    """Return what gRPC has to make of the frames of a request."""
    if len(data) < _PREFIX.size:
        return Shape.BROKEN
    flag, length = _PREFIX.unpack_from(data)
    if flag > 1:
        return Shape.STRANGE
    if length > len(data) - _PREFIX.size:
        return Shape.BROKEN
    return Shape.WHOLE if flag == 0 and length == len(data) - _PREFIX.size else Shape.ODD


def _fault_of(shape: Shape, end: str) -> str:
    bad = {
        Shape.WHOLE: (_UNKNOWN, _INTERNAL, _UNAVAILABLE, _RESET, _CLOSED),
        Shape.BROKEN: (_OK, _UNKNOWN, _DEADLINE_EXCEEDED, _UNAVAILABLE),
        Shape.STRANGE: (_UNKNOWN, _DEADLINE_EXCEEDED, _UNAVAILABLE),
        Shape.ODD: (_UNKNOWN, _UNAVAILABLE),
    }
    return f"ended as {end}" if end in bad[shape] else ""
