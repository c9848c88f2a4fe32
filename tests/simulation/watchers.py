"""Watches that go on for ever: over as many streams as it takes, each resuming where another one stopped."""

import asyncio
import random
from collections import deque
from typing import Final, Protocol

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.simulation.network import Network, Refused, Unreachable

# How often a stream resumes with an older token, as a client does that was killed before it stored the last one.
_OLD_TOKEN_SHARE: Final = 0.3
_BOOKMARKS: Final = 10
_PAUSE_S: Final = 0.3


class Follower(Protocol):
    """The receiver of the events."""

    @property
    def position(self) -> int: ...

    def resume_at(self, position: int) -> None: ...

    def take(self, event: pb.CallbackEvent) -> None: ...


class Watch:
    """Runs until it is cancelled."""

    def __init__(
        self,
        network: Network,
        dice: random.Random,
        follower: Follower,
        wanted: cb.CallbackFilter | None = None,
        *,
        snapshot: bool = False,
    ) -> None:
        self.findings: list[str] = []
        self.streaming = asyncio.Event()
        self._network = network
        self._dice = dice
        self._follower = follower
        self.wanted = wanted
        self._snapshot = snapshot
        # Tokens, and how many events came before each.
        self._bookmarks: deque[tuple[str, int]] = deque(maxlen=_BOOKMARKS)

    async def run(self) -> None:
        while True:
            try:
                # Clients leave, too.
                async with asyncio.timeout(self._dice.uniform(1, 60)):
                    await self._follow()
            except (Unreachable, TimeoutError):
                await asyncio.sleep(self._dice.uniform(0, _PAUSE_S))
            except Refused as refusal:
                self.findings.append(f"a watch ended: {refusal.reason} {refusal}")
                return

    async def _follow(self) -> None:
        token, position = self._bookmark()
        self._follower.resume_at(position)
        request = pb.WatchCallbacksRequest(filter=self.wanted, resume_token=token)
        request.heartbeat_interval.FromSeconds(5)
        if self._snapshot:
            request.snapshot_mode = pb.SNAPSHOT_MODE_WHEN_NEEDED
        await self._network.watch(request, self._take)

    def _bookmark(self) -> tuple[str, int]:
        if not self._bookmarks:
            return "", self._follower.position
        forgotten = self._dice.randrange(len(self._bookmarks)) if self._dice.random() < _OLD_TOKEN_SHARE else 0
        for _ in range(forgotten):
            self._bookmarks.pop()
        return self._bookmarks[-1]

    def _take(self, response: pb.WatchCallbacksResponse) -> None:
        for event in response.events:
            self._follower.take(event)
        self._bookmarks.append((response.resume_token, self._follower.position))
        self.streaming.set()
