"""Sessions of browsers: a bearer token, sealed in a cookie.

A session is its token and an end, and gives no right of its own: with each request the token is authenticated anew. So
it dies with the token, and sees what the token's identity may see now. The server keeps nothing but what was signed
out.
"""

import asyncio
import base64
import heapq
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct

from ringback.ports.clock import Clock
from ringback.web.door.session_keys import new_session_key
from ringback.web.door.sign_outs import SignOuts

# What browsers keep of one cookie, its name and its attributes included (RFC 6265, 6.1).
_MAX_COOKIE: Final = 4096
# Of cookies that were unsealed; what is forgotten is unsealed again.
_MAX_KNOWN: Final = 1000
_SEALED: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{_MAX_COOKIE}}}={{0,2}}")
# The most that a stream outlasts the session that has opened it.
_INTERVAL_S: Final = 0.4


class TokenTooLong(Exception):  # noqa: N818 - named for what happened
    """A token that does not fit into a cookie."""


class BrowserSession(Struct, frozen=True, array_like=True):
    """What is sealed in a cookie. Times are seconds since 1970."""

    id: str
    token: str
    made_at: int
    ends_at: int


class Sessions:
    """Seals tokens in cookies, and finds them again."""

    def __init__(self, *, keys: Sequence[str] = (), lasts: timedelta, https: bool, clock: Clock) -> None:
        """Without keys, one of this process is made. `https`: cookies are for this host over TLS alone."""
        self.name: Final = "__Host-ringback-session" if https else "ringback-session"
        self._https: Final = https
        self._lasts_s: Final = int(lasts.total_seconds())
        self._clock: Final = clock
        self._own_key: Final = new_session_key()
        self._keys = tuple(keys)
        self._seal = self._made(self._keys)
        self._known: dict[str, BrowserSession] = {}
        self._signed_out: Final = SignOuts(self._lasts_s)
        self._ends = _SessionEnds()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Have it called whenever sessions that were good may no longer be."""
        self._listeners.append(listener)

    # --- Making ------------------------------------------------------------------------------------------------------

    def open(self, token: str, *, token_ends_at: datetime | None, secure: bool = False) -> tuple[BrowserSession, str]:
        """Return a new session, and the cookie that has it. Raise `TokenTooLong`.

        `secure`: the browser speaks TLS with something in front of this server.
        """
        now = self._now()
        ends_at = now + self._lasts_s
        if token_ends_at is not None:
            ends_at = min(ends_at, int(token_ends_at.timestamp()))
        # Later than all that were signed out together, whatever the clock says.
        made_at = max(now, self._signed_out.made_until(token) + 1)
        session = BrowserSession(secrets.token_urlsafe(16), token, made_at, ends_at)
        sealed = self._seal.encrypt_at_time(msgspec.json.encode(session), now).decode()
        cookie = self._cookie(sealed, max_age_s=ends_at - now, secure=secure)
        if len(cookie) > _MAX_COOKIE:
            raise TokenTooLong
        return session, cookie

    def no_cookie(self) -> str:
        """Return the cookie with which a browser forgets its session."""
        return self._cookie("", max_age_s=0)

    def _cookie(self, value: str, *, max_age_s: int, secure: bool = False) -> str:
        attributes = f"Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict"
        return f"{self.name}={value}; {attributes}{'; Secure' if self._https or secure else ''}"

    # --- Finding -----------------------------------------------------------------------------------------------------

    def find(self, cookies: str, now: datetime) -> BrowserSession | None:
        """Return the session in the header Cookie, None without one that is good."""
        value = self._value_in(cookies)
        session = None if value is None else self._unsealed(value)
        if session is None or now.timestamp() >= session.ends_at or self._signed_out.has(session):
            return None
        return session

    def token_of(self, cookies: str, now: datetime) -> str | None:
        """Return the bearer token of the session in the header Cookie, None where there is none."""
        session = self.find(cookies, now)
        return None if session is None else session.token

    def bearer(self, cookies: str) -> Callable[[], str | None]:
        """Return what returns the token of now, for as long as the request lasts."""
        return lambda: self.token_of(cookies, self._clock.now())

    def _value_in(self, cookies: str) -> str | None:
        """Return the value of our cookie; None without one, and for two, of which another site may have set one."""
        pairs = (each.strip().partition("=") for each in cookies.split(";"))
        values = [value for name, _, value in pairs if name == self.name]
        # Spelt in one way only: the decoder would pass over what does not belong there.
        return values[0] if len(values) == 1 and _is_spelt(values[0]) else None

    def _unsealed(self, value: str) -> BrowserSession | None:
        session = self._known.get(value)
        if session is None:
            try:
                session = msgspec.json.decode(self._seal.decrypt(value), type=BrowserSession)
            except (InvalidToken, ValueError):
                return None
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[value] = session
            self._ends.add(session.ends_at)
        return session

    # --- Ending ------------------------------------------------------------------------------------------------------

    def end(self, session: BrowserSession) -> None:
        """Sign the session out: its cookie is good for nothing any more, at this server."""
        self._signed_out.add(session, self._now())
        self._tell()

    def replace(self, keys: Sequence[str]) -> None:
        """Take other keys. Sessions of a key that is not among them have ended."""
        if tuple(keys) == self._keys:
            return
        self._keys = tuple(keys)
        self._seal = self._made(self._keys)
        self._known.clear()
        self._tell()

    async def run(self) -> None:
        """Tell the listeners of sessions that end because their time is over, until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            if self._ends.have_passed(self._now()):
                self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _made(self, keys: Sequence[str]) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in keys or (self._own_key,)])


def _is_spelt(value: str) -> bool:
    """Return whether base64 spells what it stands for in this way."""
    if not _SEALED.fullmatch(value):
        return False
    try:
        return base64.urlsafe_b64encode(base64.urlsafe_b64decode(value)).decode() == value
    except ValueError:
        return False


class _SessionEnds:
    """When the sessions end that were seen. They are whole seconds, so there are no more of them than a session has."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._there: set[int] = set()

    def add(self, ends_at: int) -> None:
        if ends_at not in self._there:
            self._there.add(ends_at)
            heapq.heappush(self._heap, ends_at)

    def have_passed(self, now: int) -> bool:
        """Return whether one is over that was not at the last time."""
        before = len(self._heap)
        while self._heap and self._heap[0] <= now:
            self._there.discard(heapq.heappop(self._heap))
        return len(self._heap) < before
