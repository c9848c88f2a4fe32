"""Signers of JWTs: those that a server accepts, and those that it must not."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from ringback.identity.rules import JwtRules

ISSUER: Final = "https://id.example"
AUDIENCE: Final = "ringback"

_KINDS: Final[Mapping[str, Any]] = {
    "RS256": (RSAAlgorithm, lambda: rsa.generate_private_key(65537, 2048)),
    "ES256": (ECAlgorithm, lambda: ec.generate_private_key(ec.SECP256R1())),
    "EdDSA": (OKPAlgorithm, ed25519.Ed25519PrivateKey.generate),
}


class Signer:
    """A private key of an identity provider."""

    def __init__(self, algorithm: str = "ES256", kid: str | None = "one") -> None:
        self.algorithm = algorithm
        self.kid = kid
        self._kind, make = _KINDS[algorithm]
        self.private_key = make()

    @property
    def jwk(self) -> dict[str, Any]:
        """Return the public key, as a JWKS has it."""
        jwk: dict[str, Any] = self._kind.to_jwk(self.private_key.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return jwk | ({} if self.kid is None else {"kid": self.kid})

    def token(self, claims: Mapping[str, Any], **header: Any) -> str:
        headers = ({} if self.kid is None else {"kid": self.kid}) | header
        return jwt.encode(dict(claims), self.private_key, algorithm=self.algorithm, headers=headers)


def claims(now: datetime | None = None, **changed: Any) -> dict[str, Any]:
    """Return claims that are accepted for ten minutes, but for what is changed; a value of None leaves one out."""
    at = int((now or datetime.now(UTC)).timestamp())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "crm@clients", "iat": at, "nbf": at, "exp": at + 600}
    return {name: value for name, value in (usual | changed).items() if value is not None}


def write_jwks(path: Path, *keys: Mapping[str, Any]) -> JwtRules:
    """Write a JWKS, and return rules that accept tokens of its keys."""
    path.write_text(json.dumps({"keys": keys}))
    return JwtRules(jwks=path, issuer=ISSUER, audience=AUDIENCE)


def compact(header: Mapping[str, Any], payload: Mapping[str, Any] | bytes, signature: bytes = b"") -> str:
    """Return a token made by hand."""
    parts: Sequence[bytes] = (
        json.dumps(header).encode(),
        payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
        signature,
    )
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
