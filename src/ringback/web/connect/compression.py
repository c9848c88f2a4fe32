"""gzip, of requests and of responses. What cannot be unpacked is refused as a fault of the request."""

import zlib
from typing import Final

from connectrpc.compression import Compression
from connectrpc.compression.gzip import GzipCompression
from connectrpc.errors import ConnectError

from ringback.domain.errors import Fault, InvalidRequest
from ringback.web.connect.refusals import refused

# The quickest: a response is packed on the event loop.
_LEVEL: Final = 1


class Gzip(Compression):
    """gzip (RFC 1952)."""

    def __init__(self) -> None:
        self._gzip = GzipCompression(_LEVEL)

    def name(self) -> str:
        return self._gzip.name()

    def compress(self, data: bytes | bytearray | memoryview) -> bytes:
        return self._gzip.compress(data)

    def decompress(self, data: bytes | bytearray | memoryview, read_max_bytes: int | None = None) -> bytes:
        """Return what was packed. Raise `ConnectError`, also when it is too large: no more than that is unpacked."""
        try:
            return self._gzip.decompress(data, read_max_bytes)
        except ConnectError:
            raise
        except (EOFError, OSError, zlib.error):
            raise refused(InvalidRequest([Fault("request", "is not compressed as gzip")])) from None
