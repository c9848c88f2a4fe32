"""All that a server has sent to browsers, decompressed, and which streams it has open to them."""

import gzip
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The prefix of a message in a stream of Connect: flags, and a length of four bytes.
_PREFIX: Final = 5
_COMPRESSED: Final = 1


@dataclass
class Exchange:
    """One request, and what has been sent for it so far."""

    method: str
    path: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    sent: bytearray = field(default_factory=bytearray)
    is_open: bool = True

    @property
    def content(self) -> bytes:
        """Return the body as a program reads it."""
        if self.headers.get("content-encoding") == "gzip" and not self.is_open:
            return gzip.decompress(self.sent)
        if self.headers.get("connect-content-encoding") == "gzip":
            return b"".join(_messages(bytes(self.sent)))
        return bytes(self.sent)


class Traffic:
    """An observer between a server and its application."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an application that responds as this one does, and is recorded."""

        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            exchange = Exchange(scope["method"], scope["path"])
            self.exchanges.append(exchange)

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    exchange.status = message["status"]
                    exchange.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                elif message["type"] == "http.response.body":
                    exchange.sent += message.get("body", b"")
                await send(message)

            try:
                await app(scope, receive, noted)
            finally:
                exchange.is_open = False

        return recorded

    def open(self, rpc: str) -> int:
        """Return how many calls of this RPC are under way."""
        return sum(each.is_open and each.path.endswith(f"/{rpc}") for each in self.exchanges)

    def begun(self) -> Counter[str]:
        """Return how often each path was requested."""
        return Counter(each.path for each in self.exchanges)

    def with_text(self, *texts: str) -> list[str]:
        """Return the paths of the responses that have one of the texts in them, in their headers too."""
        found = []
        for each in self.exchanges:
            content = each.content + "\n".join(each.headers.values()).encode()
            found += [f"{each.path}: {text}" for text in texts if text.encode() in content]
        return found


def _messages(stream: bytes) -> list[bytes]:
    messages = []
    while len(stream) >= _PREFIX:
        length = int.from_bytes(stream[1:_PREFIX], "big")
        message, flags, stream = stream[_PREFIX : _PREFIX + length], stream[0], stream[_PREFIX + length :]
        messages.append(gzip.decompress(message) if flags & _COMPRESSED and len(message) == length else message)
    return messages
