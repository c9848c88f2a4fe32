"""Who a call comes from: a bearer token, a client certificate, or an address where there are no identities."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from cryptography.x509 import Certificate

from ringback.domain.errors import CredentialsInvalid
from ringback.identity.files import FileValue
from ringback.identity.jwks import VerifyingKey, read_keys
from ringback.identity.known import Authenticated, Certified, Known
from ringback.identity.rules import AccessRules
from ringback.identity.tokens import bearer_token

_log = logging.getLogger(__name__)

# As gRPC names them.
_CERTIFICATE: Final = "x509_pem_cert"
_CERTIFICATES_BETWEEN: Final = "x509_pem_cert_chain"


class Credentials(Protocol):
    """What a call brings along to prove who it comes from, as gRPC's context has it."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...

    def auth_context(self) -> Mapping[str, Iterable[bytes]]: ...

    def peer(self) -> str: ...


class Authenticator:
    """Returns who each call comes from, by rules, keys and authorities that may be replaced at any time."""

    def __init__(self, rules: AccessRules | None = None, authorities: Sequence[Certificate] | None = None) -> None:
        """Without rules everybody may do everything. Raise `UnusableFileError` for a JWKS that cannot be used.

        `authorities` are those of client certificates, None where clients need none.
        """
        self.jwks = _jwks_of(rules)
        self._known = Known(rules, _keys_in(self.jwks), authorities)
        self._listeners: list[Callable[[], None]] = []
        # Grows with every change: who was let in before may be judged otherwise now.
        self.generation = 0

    def authenticate(self, call: Credentials, now: datetime) -> Authenticated:
        """Return who a call comes from, and until when that is so. Raise `CredentialsInvalid`.

        A token decides where there is one. A certificate has to be valid in any case, and may not be of another
        identity.
        """
        known = self._known
        certified = None if known.authorities is None else _certified(known, call, now)
        if known.rules is None:
            return _both(known.by_peer(call.peer()), certified)
        token = bearer_token(call.invocation_metadata() or ())
        if token is not None:
            return _both(known.by_token(token, now), certified)
        if certified is None or certified.caller is None:
            raise CredentialsInvalid
        return Authenticated(certified.caller, certified.ends_at)

    @property
    def has_identities(self) -> bool:
        """Whether callers have to prove who they are; without identities everybody may do everything."""
        return self._known.rules is not None

    def judge_again(self) -> None:
        """Have what was let in judged again, since the credentials that it came with may no longer be valid."""
        self._know(self._known)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have it called whenever credentials that were valid may no longer be, or may do less."""
        self._listeners.append(listener)

    def replace(self, rules: AccessRules | None) -> None:
        """Take other rules. Raise `UnusableFileError` for a JWKS that cannot be used; nothing has changed then."""
        self.jwks = _jwks_of(rules)
        self._know(Known(rules, _keys_in(self.jwks), self._known.authorities))

    def take_keys(self) -> None:
        """Take the keys that `jwks` has now."""
        keys = _keys_in(self.jwks)
        _log.info("the JWKS has changed and was read again: %d keys for JWTs", len(keys))
        self._know(Known(self._known.rules, keys, self._known.authorities))

    def trust(self, authorities: Sequence[Certificate]) -> None:
        """Take other authorities of client certificates."""
        self._know(Known(self._known.rules, self._known.keys, authorities))

    def _know(self, known: Known) -> None:
        self._known = known
        self.generation += 1
        for listener in self._listeners:
            listener()


def _certified(known: Known, call: Credentials, now: datetime) -> Certified:
    properties = call.auth_context()
    pem = b"".join(properties.get(_CERTIFICATE, ()))
    return known.by_certificate(pem, b"".join(properties.get(_CERTIFICATES_BETWEEN, ())), now)


def _both(session: Authenticated, certified: Certified | None) -> Authenticated:
    """Return the session of a call that has a certificate besides. Raise `CredentialsInvalid` if it is another's."""
    if certified is None:
        return session
    if certified.caller is not None and certified.caller is not session.caller:
        raise CredentialsInvalid
    if session.ends_at is not None and session.ends_at <= certified.ends_at:
        return session
    return Authenticated(session.caller, certified.ends_at)


def _jwks_of(rules: AccessRules | None) -> FileValue[Sequence[VerifyingKey]] | None:
    if rules is None or rules.jwt is None:
        return None
    path = rules.jwt.jwks
    return FileValue("the JWKS", [path], lambda content: read_keys(path, content))


def _keys_in(jwks: FileValue[Sequence[VerifyingKey]] | None) -> Sequence[VerifyingKey]:
    return () if jwks is None else jwks.value
