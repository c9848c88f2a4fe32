"""Connect in the place of a gRPC channel: the same stubs, with binary messages over HTTP/1.1."""

import json
import struct
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import grpc
from google.rpc import status_pb2

from tests.world.http_client import RawConnection, connected

_END: Final = 0b10
# As Connect names them.
_CODES: Final = {code.value[1].replace(" ", "_").replace("cancelled", "canceled"): code for code in grpc.StatusCode}


class HttpChannel:
    """What the stubs need of a channel. Each call has a connection of its own."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._port = port
        self._headers = headers

    def unary_unary(
        self, path: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        async def call(request: Any, **_: Any) -> Any:
            async with connected(self._port) as connection:
                response = await connection.request(
                    "POST", path, request_serializer(request), _named(self._headers, "application/proto")
                )
            if response.status != 200:
                raise _error(json.loads(response.body))
            return response_deserializer(response.body)

        return call

    def unary_stream(
        self, path: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        def call(request: Any, **_: Any) -> "_Stream":
            return _Stream(self._port, path, request_serializer(request), self._headers, response_deserializer)

        return call


class _Stream:
    """The responses of a stream, until it is cancelled or ends."""

    def __init__(
        self, port: int, path: str, request: bytes, headers: Mapping[str, str], parse: Callable[[bytes], Any]
    ) -> None:
        self._port = port
        self._path = path
        self._request = struct.pack(">BI", 0, len(request)) + request
        self._headers = _named(headers, "application/connect+proto")
        self._parse = parse

    def cancel(self) -> None:
        """Do nothing: the connection is closed when it is not read any more."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        async with connected(self._port) as connection:
            lines = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
            length = f"content-length: {len(self._request)}\r\n"
            await connection.send(f"POST {self._path} HTTP/1.1\r\n{lines}{length}\r\n".encode() + self._request)
            head = await connection.response(has_body=False)
            if head.status != 200:
                raise _error(json.loads(await _rest(connection, head.headers)))
            async for flags, content in _frames(connection):
                if flags & _END:
                    if error := json.loads(content).get("error"):
                        raise _error(error)
                    return
                yield self._parse(content)


async def _rest(connection: RawConnection, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await connection.reader.readexactly(int(headers["content-length"]))
    return b"".join([chunk async for chunk in _chunks(connection)])


async def _chunks(connection: RawConnection) -> AsyncIterator[bytes]:
    while chunk := await connection.chunk():
        yield chunk


async def _frames(connection: RawConnection) -> AsyncIterator[tuple[int, bytes]]:
    kept = b""
    async for chunk in _chunks(connection):
        kept += chunk
        while len(kept) >= 5 and len(kept) >= (end := 5 + struct.unpack(">I", kept[1:5])[0]):
            yield kept[0], kept[5:end]
            kept = kept[end:]


def _named(headers: Mapping[str, str], content_type: str) -> dict[str, str]:
    return {"host": "localhost", "content-type": content_type, **headers}


def _error(error: Any) -> grpc.aio.AioRpcError:
    """Return an error of Connect as gRPC has it. A refusal of the door has no code, and no details."""
    if "code" not in error:
        raise AssertionError(error)
    code = _CODES[error["code"]]
    status = status_pb2.Status(code=code.value[0], message=error.get("message", ""))
    for detail in error.get("details", ()):
        value = b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
        status.details.add(type_url=f"type.googleapis.com/{detail['type']}", value=value)
    metadata = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, status.message)
