"""The body of a request, held to its limits."""

import asyncio
import zlib
from collections.abc import Iterable
from typing import Final

from starlette.types import Receive

# The longest that a client may take to send a body.
BODY_S: Final = 60.0
# For zlib: the format of gzip, and that of zlib, which is what HTTP calls deflate.
_GZIP: Final = 31
_WINDOW_BITS: Final = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": 15}
_IDENTITY: Final = b"identity"


class BodyTooLarge(Exception):  # noqa: N818 - named for what happened
    """The body has more bytes than it may have. 413."""


class UnsupportedEncoding(Exception):  # noqa: N818
    """The body is encoded in a way that is not supported, or not in the way that it says. 415."""


class ClientGone(Exception):  # noqa: N818
    """The client has gone, or has taken too long to send the body. 408, if anybody gets it."""


async def read_body(
    receive: Receive, headers: Iterable[tuple[bytes, bytes]], max_bytes: int, limit_s: float = BODY_S
) -> bytes:
    """Return the body, decoded. Raise `BodyTooLarge`, `UnsupportedEncoding`, `ClientGone`.

    `max_bytes` holds for what it decodes to. Of a body that is too large no more than that is ever in memory.
    """
    decoder = _decoder(headers, max_bytes)
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(limit_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                parts.append(decoder.decode(message.get("body", b"")))
                if not message.get("more_body", False):
                    decoder.end()
                    return b"".join(parts)
    except TimeoutError:
        raise ClientGone from None


class _Plain:
    """A body that is not encoded, and the limit of each."""

    def __init__(self, max_bytes: int) -> None:
        self._room = max_bytes

    def decode(self, data: bytes) -> bytes:
        self._room -= len(data)
        if self._room < 0:
            raise BodyTooLarge
        return data

    def end(self) -> None:
        """Raise `UnsupportedEncoding` for a body that is cut off."""


class _Compressed(_Plain):
    def __init__(self, max_bytes: int, window_bits: int) -> None:
        super().__init__(max_bytes)
        self._window_bits = window_bits
        self._zlib = zlib.decompressobj(window_bits)

    def decode(self, data: bytes) -> bytes:
        decoded = bytearray()
        while data:
            if self._zlib.eof:
                self._begin_next()
            try:
                # One more than there is room for, so that no bomb gets larger.
                part = self._zlib.decompress(data, self._room + 1)
            except zlib.error:
                raise UnsupportedEncoding from None
            decoded += super().decode(part)
            data = self._zlib.unused_data
        return bytes(decoded)

    def _begin_next(self) -> None:
        """Begin with the next member. gzip may have several (RFC 1952, 2.2), and deflate has one."""
        if self._window_bits != _GZIP:
            raise UnsupportedEncoding
        self._zlib = zlib.decompressobj(_GZIP)

    def end(self) -> None:
        if not self._zlib.eof:
            raise UnsupportedEncoding


def _decoder(headers: Iterable[tuple[bytes, bytes]], max_bytes: int) -> _Plain:
    encodings = [value.strip().lower() for name, value in headers if name == b"content-encoding"]
    used = [each for each in encodings if each != _IDENTITY]
    if not used:
        return _Plain(max_bytes)
    if len(used) > 1 or used[0] not in _WINDOW_BITS:
        raise UnsupportedEncoding
    return _Compressed(max_bytes, _WINDOW_BITS[used[0]])
