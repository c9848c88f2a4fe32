"""Room for connections: while there are nearly too many, those that were there go on, and later ones are refused.

Each connection takes a file of the process. gRPC accepts as many as it may, on each address by itself, and then closes
each further one without a word. Before it comes to that, calls on later connections are refused with a reason, and
connections on which nothing happens are ended, so that there is always one free for who asks for health.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from time import perf_counter
from typing import Any, Final

from ringback.domain.errors import QuotaExceeded
from ringback.entry import open_files
from ringback.identity.authenticator import Credentials

_log: Final = logging.getLogger(__name__)

# It is looked as often as this, but that it takes no more than a twentieth of the time, or a fifth while there are too
# many.
_LOOK_S: Final = 0.1
_LOOK_COSTS: Final = 19
_LOOK_COSTS_CROWDED: Final = 4
# There are nearly too many from so many of all on. So many are left when those without a call are ended.
_CROWDED: Final = 3 / 4
_FEW: Final = 1 / 2
# How long a connection has for its first call while there is still room for others.
_FIRST_CALL_S: Final = 2.0
# How long there have to be fewer until it is taken to be over. While it is not, others are let in as there is room.
_CALM_S: Final = 10.0


class ConnectionRoom:
    """The connections of the gRPC port, whose calls enter and leave. They all come on the addresses of one port."""

    def __init__(
        self,
        most: int,
        peers: Callable[[], Sequence[str]],
        end: Callable[[Collection[str]], None],
        open_count: Callable[[], int] = open_files.count,
    ) -> None:
        """`peers` returns those of all connections, the newest last, and `end` ends some of them.

        Those of a Unix socket cannot be told apart: there are no peers then, and gRPC's own limit is the only one.
        """
        self._most: Final = most
        self._crowded: Final = int(most * _CROWDED)
        self._few: Final = int(most * _FEW)
        self._peers: Final = peers
        self._end: Final = end
        self._open_count: Final = open_count
        self._contexts: set[Any] = set()
        # Those of the connections that are let in while there are too many; None while all are.
        self._let_in: frozenset[str] | None = None
        # When each was seen first, while it is looked at them.
        self._seen_s: dict[str, float] = {}
        self._calm_since_s: float | None = None

    def enter(self, context: Any) -> None:
        """Keep the connection of a call, until it leaves."""
        self._contexts.add(context)

    def leave(self, context: Any) -> None:
        """Note that a call is over."""
        self._contexts.discard(context)

    def check(self, credentials: Credentials) -> None:
        """Raise `QuotaExceeded` for a call on a connection for which there is no room."""
        if self._let_in is not None and credentials.peer() not in self._let_in:
            raise QuotaExceeded("connections", self._crowded)

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            begun_s = perf_counter()
            await self.look()
            costs = _LOOK_COSTS if self._let_in is None else _LOOK_COSTS_CROWDED
            await asyncio.sleep(max(_LOOK_S, costs * (perf_counter() - begun_s)))

    async def look(self) -> None:
        """Look how many connections there are, and do what has to be done."""
        if self._let_in is None and self._open_count() < self._crowded:  # of which connections are a part
            self._seen_s.clear()
            return
        # To ask for each of them takes long.
        peers = await asyncio.to_thread(self._peers)
        now_s = perf_counter()
        self._seen_s = {peer: self._seen_s.get(peer, now_s) for peer in peers}
        if len(peers) >= self._crowded:
            self._calm_since_s = None
            if self._let_in is None:
                _log.warning("%d connections are open: calls on others are refused until there are fewer", len(peers))
            self._let_in = self._fitting(peers)
            await asyncio.to_thread(self._end, self._unused(peers, now_s))
        elif self._let_in is not None:
            self._let_in = self._fitting(peers)
            self._settle(now_s)

    def _fitting(self, peers: Sequence[str]) -> frozenset[str]:
        """Return those that have been let in, and as many of the others as there is room for."""
        before = self._let_in or frozenset()
        # A sort keeps the order of what is equal: the oldest come first.
        return frozenset(sorted(peers, key=lambda peer: peer not in before)[: self._crowded])

    def _unused(self, peers: Sequence[str], now_s: float) -> Collection[str]:
        """Return the newest connections that have no call, and have had the time for one, as many as are too many."""
        in_use = {context.peer() for context in self._contexts}
        first_call_s = _FIRST_CALL_S if len(peers) < self._most else 0.0
        unused = [peer for peer in reversed(peers) if peer not in in_use and now_s >= self._seen_s[peer] + first_call_s]
        return unused[: len(peers) - self._few]

    def _settle(self, now_s: float) -> None:
        """Let all in again once there have been fewer for a while."""
        if self._calm_since_s is None:
            self._calm_since_s = now_s
        if now_s >= self._calm_since_s + _CALM_S:
            self._let_in = None
            _log.warning("there is room for connections again")
