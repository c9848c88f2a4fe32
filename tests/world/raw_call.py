"""A call written as bytes on a socket, with metadata that no library sends."""

import asyncio
import struct
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS = 1, 4
_STREAM: Final = 1


async def raw_call(address: str, path: str, *metadata: tuple[bytes, bytes]) -> None:
    """Make a unary call with an empty request, and return when its status has come."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", address.encode()),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *metadata,
    ]
    block = b"".join(map(_literal, headers))
    writer.write(
        _PREFACE
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, _STREAM, block)
        + _frame(_DATA, _END_STREAM, _STREAM, bytes(5))
    )
    ended = False
    while not ended:
        size_and_type, flags, stream = struct.unpack(">IBI", await reader.readexactly(9))
        await reader.readexactly(size_and_type >> 8)
        ended = stream == _STREAM and bool(flags & _END_STREAM)
    writer.close()
    await writer.wait_closed()


def _literal(header: tuple[bytes, bytes]) -> bytes:
    """Return a header as HPACK has it without a table: lengths below 127, and the bytes as they are."""
    name, value = header
    return b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload
