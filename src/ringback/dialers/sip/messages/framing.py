"""Messages of a stream (RFC 3261 section 18.3), and the keep-alives between them (RFC 5626 section 3.5.1)."""

from enum import Enum
from typing import Final

from ringback.dialers.sip.messages.message import END_OF_HEADERS, MAX_BODY_BYTES, MAX_HEADER_BYTES, body_length, parse
from ringback.dialers.sip.messages.message_types import MalformedMessage

_CRLF: Final = b"\r\n"


class KeepAlive(Enum):
    PING = "\r\n\r\n"
    """To be answered with one CRLF. A single CRLF, such as the answer to our own ping, is passed over."""


class StreamFramer:
    """Cuts a stream into messages, in the same way however it is cut into segments. Each byte is searched once."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._searched = 0  # no headers end before this place
        self._size = 0  # of the message that has begun, once its headers are complete
        self.fault: MalformedMessage | None = None
        """Why the stream cannot be read any further: where the next message begins cannot be told."""

    def feed(self, data: bytes) -> list[bytes | KeepAlive]:
        """Return the messages and pings that are complete now, also those ahead of a fault.

        Raise `MalformedMessage` when nothing is complete and the stream cannot be read any further.
        """
        found: list[bytes | KeepAlive] = []
        if self.fault is None:
            self._pending += data
            try:
                while (piece := self._next()) is not None:
                    found.append(piece)
            except MalformedMessage as fault:
                self.fault = fault
                self._pending.clear()
        if self.fault is not None and not found:
            raise self.fault
        return found

    def _next(self) -> bytes | KeepAlive | None:
        if not self._size:
            if self._skip_line_ends():
                return KeepAlive.PING
            self._size = self._measure()
        if not self._size or len(self._pending) < self._size:
            return None
        message = bytes(self._pending[: self._size])
        self._drop(self._size)
        return message

    def _skip_line_ends(self) -> bool:
        """Drop line ends ahead of a message. Return whether they were a ping."""
        while self._pending.startswith((b"\r", b"\n")):
            if self._pending.startswith(_CRLF + _CRLF):
                self._drop(len(_CRLF + _CRLF))
                return True
            if (_CRLF + _CRLF).startswith(self._pending):
                return False  # it may become one
            self._drop(1)
        return False

    def _measure(self) -> int:
        """Return the size of the message that begins here, 0 while its headers are incomplete."""
        end = END_OF_HEADERS.search(self._pending, max(0, self._searched - len(_CRLF + _CRLF)))
        self._searched = len(self._pending)
        head = self._pending[: end.start()] if end else self._pending
        if len(head) > MAX_HEADER_BYTES:
            raise self._too_large()
        if end is None:
            return 0
        length = body_length(bytes(head)) or 0  # without one there is no body: some leave it out where there is none
        if length > MAX_BODY_BYTES:
            raise self._too_large()
        return end.end() + length

    def _too_large(self) -> MalformedMessage:
        """Return the fault, with what is needed to refuse the message."""
        try:
            parse(bytes(self._pending[: MAX_HEADER_BYTES + 1]))
        except MalformedMessage as fault:
            return fault
        return MalformedMessage("The message is too large.", 513)

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._searched = self._size = 0
