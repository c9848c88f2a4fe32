"""What each account uses of the server, held to its limits: of its identity, or of its address where it has none."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from typing import Final, Literal

from ringback.application.access import Caller
from ringback.application.limits import LimitRules, Limits
from ringback.application.open_callbacks import OpenCallbacks
from ringback.application.token_bucket import TokenBucket
from ringback.domain.errors import QuotaExceeded, RateLimited

# What is held for as long as a call lasts.
Held = Literal["watches", "polls"]

_NO_LIMITS: Final = Limits(watches=None, polls=None)
# From so many accounts on, it is looked through them for what is not needed any more: an address may come only once.
_MANY: Final = 10_000
# How long the list of open connections is good for: at least so long, and so many times as long as it takes to make.
_LIST_S: Final = 0.1
_LIST_COSTS: Final = 20


class Usage:
    """What is used, by account."""

    def __init__(self, rules: LimitRules | None, monotonic: Callable[[], float]) -> None:
        """Without rules there are no limits."""
        self._rules = rules
        self._monotonic = monotonic
        self._buckets: dict[str, TokenBucket] = {}
        self._many_buckets = _MANY
        self._held: Counter[tuple[str, Held]] = Counter()
        # With the time since when each is known.
        self._connections: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._many_connected = _MANY
        self._listed: Collection[str] = ()
        self._listed_at = self._list_until = -_LIST_S
        self.open_callbacks: Final = OpenCallbacks(monotonic)

    def replace(self, rules: LimitRules | None) -> None:
        """Take other limits. What is open stays open, also beyond them."""
        self._rules = rules

    def take_creates(self, caller: Caller, count: int) -> None:
        """Note that so many callbacks are to be created. Raise `RateLimited` if that is too many."""
        rate = self._limits(caller).creates_per_s
        if rate is None:
            return
        now = self._monotonic()
        bucket = self._buckets.get(caller.account)
        if bucket is None or bucket.rate != rate:
            self._throw_away_full_buckets(now)
            bucket = self._buckets[caller.account] = TokenBucket(rate, now)
        wait_s = bucket.take(count, now)
        if wait_s > 0:
            raise RateLimited("creates_per_s", rate, wait_s)

    def _throw_away_full_buckets(self, now: float) -> None:
        """Do it when there are twice as many as are needed, so that it costs little for each."""
        if len(self._buckets) >= self._many_buckets:
            self._buckets = {name: some for name, some in self._buckets.items() if not some.is_full(now)}
            self._many_buckets = max(_MANY, 2 * len(self._buckets))

    def hold(self, caller: Caller, what: Held) -> Callable[[], None]:
        """Note one more of what a call holds; return what to call when it is over. Raise `QuotaExceeded`."""
        limits = self._limits(caller)
        most = limits.watches if what == "watches" else limits.polls
        key = (caller.account, what)
        if most is not None and self._held[key] >= most:
            raise QuotaExceeded(what, most)
        self._held[key] += 1

        def release() -> None:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

        return release

    def reserve(self, caller: Caller, callback_id: str) -> None:
        """Note that a callback is to be created, until it is or `release` is called. Raise `QuotaExceeded`."""
        most = self._limits(caller).open_callbacks
        if most is not None and not self.open_callbacks.reserve(caller.account, callback_id, most):
            raise QuotaExceeded("open_callbacks", most)

    def release(self, callback_id: str) -> None:
        self.open_callbacks.release(callback_id)

    def connect(self, caller: Caller, connection: str, open_ones: Callable[[], Collection[str]]) -> None:
        """Note a connection of the account. Raise `QuotaExceeded` if as many others are open.

        `open_ones` returns all that are open on the server.
        """
        most = self._limits(caller).connections
        if most is None:
            return
        if connection in self._connections.get(caller.account, ()):
            return
        if len(self._connections) >= self._many_connected:
            self._forget_all_closed(open_ones)
        mine = self._connections[caller.account]
        if len(mine) >= most:
            self._forget_closed(mine, open_ones)
            if len(mine) >= most:
                raise QuotaExceeded("connections", most)
        mine[connection] = self._monotonic()

    def _forget_all_closed(self, open_ones: Callable[[], Collection[str]]) -> None:
        for account, connections in list(self._connections.items()):
            self._forget_closed(connections, open_ones)
            if not connections:
                del self._connections[account]
        self._many_connected = max(_MANY, 2 * len(self._connections))

    def _forget_closed(self, connections: dict[str, float], open_ones: Callable[[], Collection[str]]) -> None:
        now = self._monotonic()
        if now >= self._list_until:
            self._listed, self._listed_at = open_ones(), now
            self._list_until = now + max(_LIST_S, _LIST_COSTS * (self._monotonic() - now))
        for connection, since in list(connections.items()):
            # One that is newer than the list is not in it.
            if since < self._listed_at and connection not in self._listed:
                del connections[connection]

    def _limits(self, caller: Caller) -> Limits:
        return _NO_LIMITS if self._rules is None else self._rules.of(caller.identity)
