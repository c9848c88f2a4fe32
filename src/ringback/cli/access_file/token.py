"""Bearer tokens: made at random, and kept as their SHA-256 alone."""

import re
import secrets
from typing import Final, NamedTuple

from ringback.identity.tokens import digest_of

MIN_BYTES: Final = 32
MAX_BYTES: Final = 64
# By these first letters a token is found where it should not be, by this program and by scanners of repositories. They
# are no minus either, which the command line would take for the beginning of an option.
_PREFIX: Final = "ringback_"
TOKEN: Final = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43,}}")


class Token(NamedTuple):
    """A new token, and what the access file has of it."""

    text: str
    sha256: str

    def __repr__(self) -> str:
        return f"Token(sha256={self.sha256!r})"


def new_token(size: int = MIN_BYTES) -> Token:
    text = _PREFIX + secrets.token_urlsafe(size)
    return Token(text, digest_of(text).hex())
