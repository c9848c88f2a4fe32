"""What must be in no log and in no error: a whole telephone number, and a token.

Every test is watched: what is logged in its process, what its servers refuse with over gRPC and HTTP, what server
processes write.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from google.rpc import status_pb2
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DIGITS: Final = r"[0-9](?:[ ().-]?[0-9]){8,}"
_SECRET: Final = re.compile(
    rf"(?:\+|%2B|\btel:\s?){_DIGITS}"
    rf"|\bsips?:{_DIGITS}[^\s@]*@"
    r"|\btoken-of-[a-z-]+"
    r"|\bringback_[A-Za-z0-9_-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\."
    # A session: what Fernet has sealed.
    r"|\bgAAAA[A-Za-z0-9_-]{20,}"
    r"|\bbearer +(?!\*|tokens?\b)\S{8,}",
    re.IGNORECASE,
)

_REFUSED: Final = 400
# What of a refusal is for people to read; its details have ids as they were asked for.
_TEXTS: Final = re.compile(r'"(message|title|detail|description)": ?"((?:[^"\\]|\\.)*)"')


class SecretsGuard(logging.Handler):
    """A handler that collects each text with a secret, and where it was; the test in which it happens fails."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.found: list[str] = []

    def look(self, place: str, text: str) -> None:
        if secret := _SECRET.search(text):
            self.found.append(f"{place}: {secret[0]!r} in {text!r}")

    def emit(self, record: logging.LogRecord) -> None:
        # Libraries are logged from WARNING on, unless a test or an operator wants more.
        if record.name.startswith("ringback") or record.levelno >= logging.WARNING:
            self.look(f"log of {record.name}", self.format(record))

    def look_at_status(self, status: status_pb2.Status) -> None:
        self.look("message of an error", status.message)

    def look_at_responses(self, app: ASGIApp) -> ASGIApp:
        """Return an application that responds as this one does: its headers and its refusals are looked at."""

        async def looked_at(scope: Scope, receive: Receive, send: Send) -> None:
            status = 0

            async def noted(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    for name, value in message.get("headers", ()):
                        if name.lower() != b"set-cookie":  # which is where a session belongs
                            self.look(f"header {name.decode()}", value.decode("latin-1"))
                elif message["type"] == "http.response.body":
                    self._look_at_body(status, message.get("body", b""))
                await send(message)

            await app(scope, receive, noted)

        return looked_at

    def _look_at_body(self, status: int, body: bytes) -> None:
        """Look at refusals, those that are the last message of a stream among them."""
        if status < _REFUSED and b'"error":' not in body:
            return
        for name, text in _TEXTS.findall(body.decode("latin-1")):
            self.look(f"{name} of a response", text)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch one test. Raise `AssertionError` at its end."""
        self.found.clear()
        yield
        assert not self.found, "\n".join(self.found)


GUARD: Final = SecretsGuard()
