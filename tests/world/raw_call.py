"""Calls written as bytes on a socket, as no library sends them."""

import asyncio
import base64
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from grpc import StatusCode
from hpack import Decoder

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GO_AWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_STREAM: Final = 1
_EMPTY: Final = bytes(5)
# What a frame may have at most, until the other end has said that it may have more.
_MAX_FRAME_BYTES: Final = 16_384
_CODES: Final = {code.value[0]: code for code in StatusCode}


class RawEnd(Exception):  # noqa: N818 - what a call has come to
    """The call was ended by HTTP/2, or by the end of the connection, and not by a status."""


class RawStatus:
    """The status with which a call has ended, as it was sent."""

    def __init__(self, trailers: Mapping[str, str]) -> None:
        self.trailers: Final = trailers
        self.code: Final = _CODES[int(trailers["grpc-status"])]
        self.message: Final = unquote(trailers.get("grpc-message", ""))
        sent = trailers.get("grpc-status-details-bin", "")
        # A `google.rpc.Status`, for which gRPC leaves the padding out.
        self.details: Final = base64.b64decode(sent + "=" * (-len(sent) % 4))


async def raw_call(
    address: str, path: str | bytes, *metadata: tuple[bytes, bytes], body: bytes = _EMPTY, ends: bool = True
) -> RawStatus:
    """Make a call with these bytes as its request, which `ends` with them, and return its status.

    Raise `RawEnd` when none comes.
    """
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path if isinstance(path, bytes) else path.encode()),
        (b":authority", address.encode()),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *metadata,
    ]
    block = b"".join(map(_literal, headers))
    writer.write(_PREFACE + _frame(_SETTINGS, 0, 0) + _frame(_HEADERS, _END_HEADERS, _STREAM, block))
    parts = [body[at : at + _MAX_FRAME_BYTES] for at in range(0, len(body), _MAX_FRAME_BYTES)] or [b""]
    for part in parts[:-1]:
        writer.write(_frame(_DATA, 0, _STREAM, part))
    writer.write(_frame(_DATA, _END_STREAM if ends else 0, _STREAM, parts[-1]))
    try:
        return await _status(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> RawStatus:
    decoder = Decoder()
    trailers: dict[str, str] = {}
    while True:
        try:
            size_and_type, flags, stream = struct.unpack(">IBI", await reader.readexactly(9))
            payload = await reader.readexactly(size_and_type >> 8)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise RawEnd("the connection has ended") from None
        kind = size_and_type & 0xFF
        if kind == _HEADERS:
            trailers |= {str(name): str(value) for name, value in decoder.decode(payload)}
            if flags & _END_STREAM:
                return RawStatus(trailers)
        elif kind == _RESET and stream == _STREAM:
            raise RawEnd(f"the stream was reset: {int.from_bytes(payload)}")
        elif kind == _PING and not flags & _ACK:
            writer.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _GO_AWAY:
            raise RawEnd(f"the connection was ended: {int.from_bytes(payload[4:8])} {payload[8:]!r}")


def framed(message: bytes, *, flags: int = 0, size: int | None = None) -> bytes:
    """Return a message in its frame, of which `size` is what it says."""
    return struct.pack(">BI", flags, len(message) if size is None else size) + message


def _literal(header: tuple[bytes, bytes]) -> bytes:
    """Return a header as HPACK has it without a table, and the bytes as they are."""
    return b"\x10" + b"".join(_length(len(text)) + text for text in header)


def _length(number: int) -> bytes:
    """Return a length as HPACK has it, in seven bits and those that follow (RFC 7541, 5.1)."""
    if number < 127:
        return bytes([number])
    rest, encoded = number - 127, [127]
    while rest >= 128:
        encoded.append(rest % 128 + 128)
        rest //= 128
    return bytes([*encoded, rest])


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload
