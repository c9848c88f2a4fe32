"""Opaque bearer tokens: how a call carries one, and as what the server has it."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from ringback.domain.errors import CredentialsInvalid

METADATA_KEY: Final = "authorization"
_SCHEME: Final = "bearer "
# No blank, no control character, and no comma, with which proxies join several headers into one.
_ALLOWED: Final = frozenset(chr(code) for code in range(0x21, 0x7F) if chr(code) != ",")


def bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """Return the token of a call, None when it has none. Raise `CredentialsInvalid` for anything but exactly one."""
    value: str | bytes | None = None
    for key, each in metadata:
        if key == METADATA_KEY:
            if value is not None:
                raise CredentialsInvalid
            value = each
    if value is None:
        return None
    if not isinstance(value, str) or value[: len(_SCHEME)].lower() != _SCHEME:
        raise CredentialsInvalid
    return value[len(_SCHEME) :]


def digest_of(token: str) -> bytes:
    """Return what stands for the token wherever one is kept. To look it up tells nothing about other tokens."""
    return sha256(token.encode()).digest()


def is_well_formed(token: str) -> bool:
    return bool(token) and _ALLOWED.issuperset(token)
