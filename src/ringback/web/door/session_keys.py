"""Keys that the cookies of sessions are sealed with."""

import base64
import secrets
from typing import Final

_KEY_BYTES: Final = 32


def is_session_key(text: str) -> bool:
    """Return whether a text is a key: 32 bytes in base64url, as Fernet has them."""
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == _KEY_BYTES
    except ValueError:
        return False


def new_session_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
