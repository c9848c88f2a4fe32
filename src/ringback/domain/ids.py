"""Identifiers: callback ids in order of creation, and lease tokens that cannot be guessed."""

import base64
import binascii
import secrets
import struct
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

_DRAWS = ">256I"
_FENCING_BYTES = 6
_SECRET_BYTES = 10
_TOKEN_BYTES = 16 + _FENCING_BYTES + _SECRET_BYTES
_MAX_TEXT_LENGTH = 64


class CallbackIds:
    """A source of UUIDv7 (RFC 9562), each larger than the last, also within a millisecond or if the clock steps back.

    The 74 bits after the timestamp start at a random value each millisecond and count up from there
    (RFC 9562 section 6.2, method 2).
    """

    def __init__(self) -> None:
        self._last_ms = 0
        self._tail = 0
        # Random numbers of 32 bits that were drawn and not used yet. To draw one takes a system call, during which
        # another thread may take the interpreter's lock.
        self._drawn: list[int] = []

    def next(self, now: datetime) -> str:
        milliseconds = int(now.timestamp() * 1000)
        if milliseconds > self._last_ms:
            self._last_ms = milliseconds
            # Of three times 32 bits: the top bit of the 74 is left free for counting.
            self._tail = (self._draw() << 64 | self._draw() << 32 | self._draw()) >> 23
        else:
            self._tail += 1 + self._draw()
        rand_a, rand_b = self._tail >> 62, self._tail & ((1 << 62) - 1)
        return _as_uuid(f"{(self._last_ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b:032x}")

    def _draw(self) -> int:
        if not self._drawn:
            self._drawn += struct.unpack(_DRAWS, secrets.token_bytes(struct.calcsize(_DRAWS)))
        return self._drawn.pop()


def _as_uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@dataclass(frozen=True, slots=True)
class LeaseToken:
    """The name of one lease of one callback. Opaque on the wire, with a secret part."""

    callback_id: str
    fencing_token: int
    text: str

    @classmethod
    def new(cls, callback_id: str, fencing_token: int) -> "LeaseToken":
        raw = (
            UUID(callback_id).bytes + fencing_token.to_bytes(_FENCING_BYTES, "big") + secrets.token_bytes(_SECRET_BYTES)
        )
        return cls(callback_id, fencing_token, base64.urlsafe_b64encode(raw).decode().rstrip("="))

    @classmethod
    def parse(cls, text: str) -> "LeaseToken | None":
        """Read a token; return None when the text was never a token of Ringback."""
        return _parse(text) if len(text) <= _MAX_TEXT_LENGTH else None


# A dialer sends its token with each report. Only texts as short as a token get here, so the cache stays small.
@lru_cache(maxsize=4096)
def _parse(text: str) -> LeaseToken | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _TOKEN_BYTES:
        return None
    fencing_token = int.from_bytes(raw[16 : 16 + _FENCING_BYTES], "big")
    return LeaseToken(_as_uuid(raw[:16].hex()), fencing_token, text)
