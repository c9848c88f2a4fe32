"""Messages as bytes, binary and JSON, with the protobuf that the stubs are made with.

A request is not parsed where the package would do it, but when it is the call's turn: how long that takes depends on
the sender.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from connectrpc.codec import Codec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from ringback.application.events.watch_batches import WatchBatch
from ringback.domain.errors import UndecodableRequest
from ringback.web.connect.json_reader import read_message
from ringback.web.connect.refusals import refused
from ringback.wire.watch_encoder import WatchEncoder

_M = TypeVar("_M", bound=Message)


class Unread(Generic[_M]):
    """A request that has come, and is still to be read."""

    __slots__ = ("_data", "_message_class", "_read")

    def __init__(
        self, data: bytes | bytearray, message_class: type[_M], read: Callable[[bytes | bytearray, type[_M]], _M]
    ) -> None:
        self._data = data
        self._message_class = message_class
        self._read = read

    def read(self) -> _M:
        """Return the message. Raise `InvalidRequest`."""
        return self._read(self._data, self._message_class)


class _Codec(Codec[Any, Any]):
    """Encodes responses, which are messages or the batches of a watch."""

    def __init__(
        self,
        name: str,
        read: Callable[[bytes | bytearray, type[Message]], Message],
        write: Callable[[Message], bytes],
        write_batch: Callable[[WatchBatch], bytes],
    ) -> None:
        self._name = name
        self._read = read
        self._write = write
        self._write_batch = write_batch

    def name(self) -> str:
        return self._name

    def encode(self, message: Message | WatchBatch) -> bytes:
        try:
            return self._write_batch(message) if isinstance(message, WatchBatch) else self._write(message)
        except Exception as bug:  # noqa: BLE001 - the package would send its text
            raise refused(bug) from None

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> Unread[Message]:
        return Unread(data, message_class, self._read)


def codecs(encoder: WatchEncoder) -> list[Codec[Any, Any]]:
    """Return what the names `proto` and `json` mean in the type of a content."""
    return [
        _Codec("proto", _read_binary, _write_binary, encoder.encode),
        _Codec("json", read_message, _write_json, encoder.encode_json),
    ]


def _read_binary(data: bytes | bytearray, message_class: type[_M]) -> _M:
    try:
        return message_class.FromString(bytes(data))
    except DecodeError:
        raise UndecodableRequest("its bytes are no message of this RPC") from None


def _write_binary(message: Message) -> bytes:
    return message.SerializeToString()


def _write_json(message: Message) -> bytes:
    return msgspec.json.encode(MessageToDict(message))
