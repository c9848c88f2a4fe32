"""A watch that goes on for ever: over as many streams as it takes, each resuming where another one stopped."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import grpc

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.calls import PAUSE_S, connect

# How often a stream resumes with an older token, as a client does that was killed before it stored the last one.
_OLD_TOKEN_SHARE: Final = 0.3
_BOOKMARKS: Final = 20
# Ten heartbeats: then a stream is left for one of another server.
_SILENCE_S: Final = 10.0


class Consumer(Protocol):
    """The receiver of the events."""

    @property
    def position(self) -> int: ...

    def resume_at(self, position: int) -> None: ...

    def take(self, event: pb.CallbackEvent) -> None: ...


class Watcher:
    """Runs until it is cancelled, or until a stream ends in a way that no kill and no drain explains."""

    def __init__(
        self,
        ports: Sequence[int],
        consumer: Consumer,
        dice: random.Random,
        wanted: cb.CallbackFilter,
        has_hung: Callable[[float], bool] | None = None,
    ) -> None:
        """`has_hung` tells of many servers whether one hung since a moment: only then may a stream be silent."""
        self.streaming = asyncio.Event()
        # How each stream so far has ended.
        self.ends: list[grpc.StatusCode] = []
        self.findings: list[str] = []
        # The ports of the servers, and of the one that is being watched.
        self._ports = ports
        self.port = 0
        self._consumer = consumer
        self._dice = dice
        self._wanted = wanted
        self._has_hung = has_hung
        # Tokens, and how many events came before each.
        self._bookmarks: deque[tuple[str, int]] = deque(maxlen=_BOOKMARKS)
        self._news = asyncio.Event()

    async def run(self) -> None:
        while not self.findings:
            code = await self._follow()
            self.ends.append(code)
            if code not in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE):
                self.findings.append(f"a watch ended with {code.name}")
            self._tell()
            if not self.streaming.is_set():  # refused by a server that is stopping
                await asyncio.sleep(PAUSE_S)
            self.streaming.clear()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Return as soon as a response makes the condition true; at once when the watch has failed."""
        while not reached() and not self.findings:
            await self._news.wait()

    async def _follow(self) -> grpc.StatusCode:
        request = pb.WatchCallbacksRequest(filter=self._wanted)
        request.heartbeat_interval.FromSeconds(1)
        request.resume_token, position = self._bookmark()
        self._consumer.resume_at(position)
        self.port = self._dice.choice(self._ports)
        async with connect([self.port]) as api:
            stream = api.callbacks.WatchCallbacks(request, wait_for_ready=True)
            try:
                await self._read(stream)
            except _Silence:
                stream.cancel()
                return grpc.StatusCode.UNAVAILABLE
            except grpc.aio.AioRpcError:
                pass  # the code says it all
            except asyncio.CancelledError:
                if _is_being_cancelled():
                    raise
            return await stream.code()

    async def _read(self, stream: "grpc.aio.UnaryStreamCall[Any, pb.WatchCallbacksResponse]") -> None:
        while True:
            heard = time.monotonic()
            try:
                async with asyncio.timeout(_SILENCE_S if self._has_hung else None):
                    response = await stream.read()
            except TimeoutError:
                if self.streaming.is_set() and self._has_hung and not self._has_hung(heard):
                    self.findings.append(f"a watch was silent for {_SILENCE_S} s")
                raise _Silence from None
            if not isinstance(response, pb.WatchCallbacksResponse):
                return  # the stream's end
            self._take(response)

    def _bookmark(self) -> tuple[str, int]:
        if not self._bookmarks:
            return "", self._consumer.position
        forgotten = self._dice.randrange(len(self._bookmarks)) if self._dice.random() < _OLD_TOKEN_SHARE else 0
        for _ in range(forgotten):
            self._bookmarks.pop()
        return self._bookmarks[-1]

    def _take(self, response: pb.WatchCallbacksResponse) -> None:
        for event in response.events:
            self._consumer.take(event)
        self._bookmarks.append((response.resume_token, self._consumer.position))
        self.streaming.set()
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class _Silence(Exception):  # noqa: N818 - what there was
    """Nothing was heard on a stream for too long."""


def _is_being_cancelled() -> bool:
    """Return whether this task is to stop: gRPC raises CancelledError also when the server has cancelled a call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
