"""All identities by what proves them, and what has been found out about credentials since."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.x509 import Certificate
from msgspec import Struct

from ringback.application.access import Caller, anybody
from ringback.domain.errors import CredentialsInvalid
from ringback.identity.certificates import names_of, valid_until
from ringback.identity.jwks import VerifyingKey
from ringback.identity.jwt import verify
from ringback.identity.peer import address_of
from ringback.identity.rules import AccessRules, Identity
from ringback.identity.tokens import digest_of, is_well_formed

K = TypeVar("K")
V = TypeVar("V")

# Of each kind. What is forgotten is found out again.
_MAX_FOUND: Final = 10_000


class Authenticated(Struct, frozen=True, eq=False):
    """A caller, for as long as its credentials are valid."""

    caller: Caller
    # None: they have no end.
    ends_at: datetime | None = None


class Certified(Struct, frozen=True, eq=False):
    """A client certificate that is valid."""

    # None: it is no identity's, so that a token has to say who the caller is.
    caller: Caller | None
    ends_at: datetime


class Known:
    """It is replaced whole when anything changes, so that no call meets half of a change, or what was found before."""

    def __init__(
        self, rules: AccessRules | None, keys: Sequence[VerifyingKey], authorities: Sequence[Certificate] | None
    ) -> None:
        self.rules: Final = rules
        self.keys: Final = keys
        # None: clients are not requested to have certificates.
        self.authorities: Final = authorities
        identities = () if rules is None else rules.identities
        callers = {each.name: Caller(each.name, each.grants) for each in identities}

        def by(values: Callable[[Identity], Iterable[str]]) -> dict[str, Caller]:
            return {value: callers[each.name] for each in identities for value in values(each)}

        by_hash = by(lambda each: each.tokens_sha256)
        self._by_digest: Final = {bytes.fromhex(each): Authenticated(caller) for each, caller in by_hash.items()}
        self._by_subject: Final = by(lambda each: each.subjects)
        self._by_name: Final = by(lambda each: map(str.lower, each.certificates))
        self._by_jwt: Final[dict[bytes, Authenticated]] = {}
        self._by_certificate: Final[dict[bytes, Certified]] = {}
        self._by_peer: Final[dict[str, Authenticated]] = {}
        self._by_address: Final[dict[str, Authenticated]] = {}

    def by_token(self, token: str, now: datetime) -> Authenticated:
        """Return whose token it is. Raise `CredentialsInvalid`."""
        digest = digest_of(token)
        session = self._by_digest.get(digest) or self._by_jwt.get(digest)
        if session is None:
            session = self._by_new_jwt(token, now)
            _remember(self._by_jwt, digest, session)
        elif session.ends_at is not None and now >= session.ends_at:
            raise CredentialsInvalid
        return session

    def _by_new_jwt(self, token: str, now: datetime) -> Authenticated:
        if self.rules is None or self.rules.jwt is None or not is_well_formed(token):
            raise CredentialsInvalid
        claims = verify(token, self.rules.jwt, self.keys, now)
        caller = self._by_subject.get(claims.subject)
        if caller is None:
            raise CredentialsInvalid
        return Authenticated(caller, claims.ends_at)

    def by_certificate(self, pem: bytes, between: bytes, now: datetime) -> Certified:
        """Return whose certificate it is. Raise `CredentialsInvalid` for one that is not valid, or of two identities.

        `between` are the certificates that came with it, in PEM.
        """
        found = self._by_certificate.get(pem)
        if found is None:
            found = self._by_new_certificate(pem, between, now)
            _remember(self._by_certificate, pem, found)
        elif now > found.ends_at:
            raise CredentialsInvalid
        return found

    def _by_new_certificate(self, pem: bytes, between: bytes, now: datetime) -> Certified:
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            chain = x509.load_pem_x509_certificates(between) if between else []
        except ValueError:
            raise CredentialsInvalid from None
        ends_at = valid_until(certificate, chain, self.authorities or (), now)
        callers = {caller for name in names_of(certificate) if (caller := self._by_name.get(name)) is not None}
        if ends_at is None or len(callers) > 1:
            raise CredentialsInvalid
        return Certified(next(iter(callers), None), ends_at)

    def by_peer(self, peer: str) -> Authenticated:
        """Return the caller of a connection, where there are no identities: the one at its address."""
        session = self._by_peer.get(peer)
        if session is None:
            address = address_of(peer)
            session = self._by_address.get(address)
            if session is None:
                session = Authenticated(anybody(address))
                _remember(self._by_address, address, session)
            _remember(self._by_peer, peer, session)
        return session


def _remember(found: dict[K, V], key: K, value: V) -> None:
    if len(found) >= _MAX_FOUND:
        del found[next(iter(found))]
    found[key] = value
