"""What an access file says, as values: the identities, what proves each of them, and what each may do."""

from pathlib import Path

from msgspec import Struct

from ringback.application.access import Grant
from ringback.application.limits import LimitRules, Limits


class JwtRules(Struct, frozen=True, kw_only=True):
    """Which JWTs are accepted. Whose they are, `Identity.subjects` says."""

    # A file with the public keys (RFC 7517), which is read again when it changes.
    jwks: Path
    # The value that `iss` has to have.
    issuer: str
    # A member that `aud` has to have.
    audience: str
    # The claim that names the identity.
    identity_claim: str = "sub"


class Identity(Struct, frozen=True, kw_only=True):
    """One identity: what proves it, and what it may do."""

    name: str
    # SHA-256 of opaque bearer tokens, as lower-case hex.
    tokens_sha256: frozenset[str] = frozenset()
    # DNS names and URIs, as the subject alternative names (SAN) of client certificates have them.
    certificates: frozenset[str] = frozenset()
    # Values of `JwtRules.identity_claim`.
    subjects: frozenset[str] = frozenset()
    grants: tuple[Grant, ...] = ()
    # None: those of `AccessRules.default_limits`.
    limits: Limits | None = None


class AccessRules(Struct, frozen=True, kw_only=True):
    """A whole access file. No token, certificate or subject belongs to two identities."""

    identities: tuple[Identity, ...]
    jwt: JwtRules | None = None
    # Of an identity that has none of its own, and of each address where there is no identity. None: the defaults.
    default_limits: Limits | None = None

    @property
    def limit_rules(self) -> LimitRules:
        return LimitRules(
            default=self.default_limits or Limits(),
            identities={each.name: each.limits for each in self.identities if each.limits is not None},
        )
