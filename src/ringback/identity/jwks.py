"""The public keys that sign JWTs (RFC 7517), each with the one algorithm that goes with its type."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError
from msgspec import Struct

from ringback.identity.files import UnusableFileError

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_MIN_RSA_BITS: Final = 2048
# A token without a kid is tried with each.
_MAX_KEYS: Final = 20
_READERS: Final[Mapping[str, Any]] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


class VerifyingKey(Struct, frozen=True, eq=False):
    """A key, and the only algorithm that is accepted with it."""

    kid: str | None
    algorithm: str
    public_key: PublicKey


class _Jwks(Struct):
    keys: list[dict[str, Any]]


def read_keys(path: Path, content: bytes) -> Sequence[VerifyingKey]:
    """Read a JWKS. Raise `UnusableFileError`.

    Keys for other purposes, and of types that are not accepted, are passed over: identity providers publish them, too.
    """
    try:
        keys = msgspec.json.decode(content, type=_Jwks).keys
    except (ValueError, RecursionError):
        raise UnusableFileError(f'{path}: is no JWKS, such as {{"keys": […]}}') from None
    if len(keys) > _MAX_KEYS:
        raise UnusableFileError(f"{path}: has more than {_MAX_KEYS} keys")
    if any("d" in key for key in keys):
        raise UnusableFileError(f"{path}: has a private key; a JWKS for a verifier has public keys only")
    found = [_read_key(path, number, key) for number, key in enumerate(keys, start=1) if _signs(key)]
    usable = [key for key in found if key is not None]
    if not usable:
        raise UnusableFileError(f"{path}: has no key for RS256 (2048 bits or more), ES256 or EdDSA (Ed25519)")
    return usable


def _signs(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops", ["verify"])
    return key.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _read_key(path: Path, number: int, key: Mapping[str, Any]) -> VerifyingKey | None:
    kid = key.get("kid")
    reader = _READERS.get(key.get("kty", "")) if isinstance(key.get("kty"), str) else None
    if reader is None or not (kid is None or isinstance(kid, str)):
        return None
    if reader is ECAlgorithm and key.get("crv") != "P-256":
        return None
    try:
        public_key = reader.from_jwk(dict(key))
    except (PyJWTError, ValueError, TypeError, LookupError):
        raise UnusableFileError(f"{path}: key {number} cannot be read") from None
    algorithm = _algorithm_of(public_key)
    if algorithm is None or key.get("alg", algorithm) != algorithm:
        return None
    return VerifyingKey(kid, algorithm, public_key)


def _algorithm_of(key: object) -> str | None:
    """Return the algorithm that the type of the key decides. What a token says about it decides nothing."""
    if isinstance(key, RSAPublicKey):
        return "RS256" if key.key_size >= _MIN_RSA_BITS else None
    if isinstance(key, EllipticCurvePublicKey):
        return "ES256" if isinstance(key.curve, SECP256R1) else None
    return "EdDSA" if isinstance(key, Ed25519PublicKey) else None
