"""Sessions that were signed out before their end, in memory: a cookie that was copied is good for nothing any more."""

from typing import Final, Protocol

from msgspec import Struct, field

from ringback.identity.tokens import digest_of

# Of one token. With more, all sessions of the token end that were made so far: memory stays bounded, and nothing that
# was signed out comes back.
_MAX_OF_TOKEN: Final = 1000
# How much longer than to its end a session is remembered, for a clock that is set back.
_LONGER_S: Final = 24 * 3600
_BETWEEN_LOOKS_S: Final = 60


class SignedIn(Protocol):
    """What counts of a session here."""

    @property
    def id(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def made_at(self) -> int: ...
    @property
    def ends_at(self) -> int: ...


class _OfToken(Struct):
    ids: set[str] = field(default_factory=set)
    # All that were made at this time or before it are signed out.
    made_until: int = 0
    # When the last of them has ended.
    ends_at: int = 0


class SignOuts:
    """Those of all tokens; tokens are here as their digests."""

    def __init__(self, lasts_s: int) -> None:
        """`lasts_s` is how long a session lasts at most."""
        self._lasts_s: Final = lasts_s
        self._by_digest: dict[bytes, _OfToken] = {}
        self._looked_at = 0

    def add(self, session: SignedIn, now: int) -> None:
        self._forget(now)
        of_token = self._by_digest.setdefault(digest_of(session.token), _OfToken())
        of_token.ids.add(session.id)
        of_token.ends_at = max(of_token.ends_at, session.ends_at)
        if len(of_token.ids) > _MAX_OF_TOKEN:
            of_token.made_until = max(of_token.made_until, now, session.made_at)
            of_token.ends_at = max(of_token.ends_at, now + self._lasts_s)
            of_token.ids.clear()

    def made_until(self, token: str) -> int:
        """Return when the last of the sessions was made that were signed out together; 0 where there are none."""
        of_token = self._by_digest.get(digest_of(token))
        return 0 if of_token is None else of_token.made_until

    def has(self, session: SignedIn) -> bool:
        if not self._by_digest:
            return False
        of_token = self._by_digest.get(digest_of(session.token))
        return of_token is not None and (session.id in of_token.ids or session.made_at <= of_token.made_until)

    def _forget(self, now: int) -> None:
        """Forget those that have ended long ago."""
        if abs(now - self._looked_at) < _BETWEEN_LOOKS_S:
            return
        self._looked_at = now
        ended = [digest for digest, each in self._by_digest.items() if each.ends_at + _LONGER_S < now]
        for digest in ended:
            del self._by_digest[digest]
