"""JWTs (RFC 7519): which are accepted, whose they are, and when they end."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from ringback.domain.errors import CredentialsInvalid
from ringback.identity.jwks import VerifyingKey
from ringback.identity.rules import JwtRules

SKEW: Final = timedelta(seconds=60)
# What a request line of HTTP would take, too. The headers of a call are bounded by gRPC at 16 KiB together.
_MAX_LENGTH: Final = 8 * 1024
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Extensions that a recipient has to understand (RFC 7515, 4.1.11): none is understood here.
_EXTENSIONS: Final = ("crit", "b64")
_JWS: Final = PyJWS(algorithms=["RS256", "ES256", "EdDSA"])


class Claims(NamedTuple):
    """What of an accepted token counts: whom it names, and until when."""

    subject: str
    ends_at: datetime


def looks_like_jwt(token: str) -> bool:
    return len(token) <= _MAX_LENGTH and _COMPACT.fullmatch(token) is not None


def verify(token: str, rules: JwtRules, keys: Sequence[VerifyingKey], now: datetime) -> Claims:
    """Return the claims of a token that one of the keys has signed, for us, and that is valid now.

    Raise `CredentialsInvalid`. Of the header, `alg` has to be that of the key, and `kid` chooses among the keys that
    there are; `jku`, `jwk`, `x5u` and the like are not looked at.
    """
    if not looks_like_jwt(token):
        raise CredentialsInvalid
    payload = _signed_payload(token, keys)
    try:
        claims = msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        raise CredentialsInvalid from None
    if not isinstance(claims, dict):
        raise CredentialsInvalid
    return _checked(claims, rules, now)


def _signed_payload(token: str, keys: Sequence[VerifyingKey]) -> bytes:
    try:
        header = _JWS.get_unverified_header(token)
    except (PyJWTError, ValueError, RecursionError):
        raise CredentialsInvalid from None
    if any(name in header for name in _EXTENSIONS):
        raise CredentialsInvalid
    for key in keys:
        if key.algorithm != header.get("alg") or not _is_chosen(key, header):
            continue
        try:
            payload: bytes = _JWS.decode_complete(token, key.public_key, [key.algorithm])["payload"]
        except (PyJWTError, ValueError):
            continue
        return payload
    raise CredentialsInvalid


def _is_chosen(key: VerifyingKey, header: Mapping[str, Any]) -> bool:
    return "kid" not in header or key.kid is None or key.kid == header["kid"]


def _checked(claims: Mapping[str, Any], rules: JwtRules, now: datetime) -> Claims:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    subject = claims.get(rules.identity_claim)
    expires = _time(claims, "exp")
    if (
        claims.get("iss") != rules.issuer
        or rules.audience not in audiences
        or not isinstance(subject, str)
        or not subject
        or expires is None
        or now >= expires + SKEW
        or any((start := _time(claims, name)) is not None and start > now + SKEW for name in ("nbf", "iat"))
    ):
        raise CredentialsInvalid
    return Claims(subject, expires + SKEW)


def _time(claims: Mapping[str, Any], name: str) -> datetime | None:
    """Return a NumericDate, None where there is none. Raise `CredentialsInvalid` for anything else."""
    value = claims.get(name)
    if name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CredentialsInvalid
    try:
        # So that the skew can be added.
        return datetime.fromtimestamp(value, UTC) + SKEW - SKEW
    except (ValueError, OverflowError, OSError):
        raise CredentialsInvalid from None
