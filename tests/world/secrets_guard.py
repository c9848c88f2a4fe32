"""What must be in no log and in no error: a whole telephone number, and a token.

Every test is watched: what is logged in its process, what its servers refuse with, what server processes write.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from google.rpc import status_pb2

_DIGITS: Final = r"[0-9](?:[ ().-]?[0-9]){8,}"
_SECRET: Final = re.compile(
    rf"(?:\+|%2B|\btel:\s?){_DIGITS}"
    rf"|\bsips?:{_DIGITS}[^\s@]*@"
    r"|\btoken-of-[a-z-]+"
    r"|\bringback_[A-Za-z0-9_-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\."
    r"|\bbearer +(?!\*|tokens?\b)\S{8,}",
    re.IGNORECASE,
)


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

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch one test. Raise `AssertionError` at its end."""
        self.found.clear()
        yield
        assert not self.found, "\n".join(self.found)


GUARD: Final = SecretsGuard()
