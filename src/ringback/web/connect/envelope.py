"""The frame that a request has in a stream: what is wrong with it is a fault of the request, as in gRPC.

The package finds the same faults, and refuses them without details, some as faults of the server.
"""

import struct
from typing import Final

from ringback.domain.errors import UndecodableRequest

# As in gRPC (`rpc/server.py`); after unpacking, too.
MAX_RECEIVE_BYTES: Final = 32 * 1024 * 1024
_FRAMED: Final = ("application/connect+", "application/grpc-web")
_HEAD: Final = struct.Struct(">BI")
_COMPRESSED: Final = 1
_IDENTITY: Final = b"identity"


class Envelope:
    """The one frame of a request, while it comes."""

    def __init__(self, *, says_how: bool) -> None:
        """`says_how`: the request says how it is compressed."""
        self._says_how: Final = says_how
        self._head = b""
        self._received = 0

    def take(self, part: bytes, *, is_last: bool) -> None:
        """Take the next part of the body. Raise `UndecodableRequest`."""
        if len(self._head) < _HEAD.size:
            self._head += part[: _HEAD.size - len(self._head)]
        self._received += len(part)
        if self._head:
            self._check_flags(self._head[0])
        if is_last:
            self._check_size()

    def _check_flags(self, flags: int) -> None:
        if flags & ~_COMPRESSED:
            raise UndecodableRequest("has a frame with flags that mean nothing")
        if flags and not self._says_how:
            raise UndecodableRequest("is compressed, and does not say how")

    def _check_size(self) -> None:
        if len(self._head) < _HEAD.size:
            raise UndecodableRequest("is missing, or is cut off")
        _, size = _HEAD.unpack(self._head)
        if size > MAX_RECEIVE_BYTES:  # which the package refuses, without waiting for it
            return
        if self._received < _HEAD.size + size:
            raise UndecodableRequest("is missing, or is cut off")
        if self._received > _HEAD.size + size:
            raise UndecodableRequest("is followed by something else")


def envelope_of(headers: list[tuple[bytes, bytes]]) -> Envelope | None:
    """Return what checks the frame of a request with these headers; None where it has none."""
    values = dict(headers)
    kind = values.get(b"content-type", b"").decode("latin-1").lower()
    if not kind.startswith(_FRAMED):
        return None
    name = b"grpc-encoding" if kind.startswith(_FRAMED[1]) else b"connect-content-encoding"
    return Envelope(says_how=values.get(name, _IDENTITY).strip().lower() not in (_IDENTITY, b""))
