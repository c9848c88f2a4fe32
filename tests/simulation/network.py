"""The way between clients and the server: it takes time, loses messages, and does not know of servers that are lost."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from ringback.application.access import ANYBODY
from ringback.domain.errors import RingbackError, StorageUnavailable
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.errors import reason_name
from tests.simulation.server import Life

R = TypeVar("R", bound=Message)

TRAVEL_S: Final = 0.03
_SLOW_TRAVEL_S: Final = 0.5
_SLOW_SHARE: Final = 0.03
_SHORT_PATIENCE_S: Final = 0.15
# How long a client waits for a response that was lost.
_PATIENCE_S: Final = 2.0
# Responses of a stream that may be under way.
_WINDOW: Final = 2
_GAP_S: Final = 1e-6


class Unreachable(Exception):  # noqa: N818 - as UNAVAILABLE: it is not known whether the request was carried out
    """No response came."""


class Refused(Exception):  # noqa: N818 - the response
    """The server has refused the request; nothing of it was carried out."""

    def __init__(self, error: RingbackError) -> None:
        super().__init__(str(error))
        self.reason = reason_name(error)
        self.error = error


class Network:
    """Carries calls to whichever server lives."""

    def __init__(self, dice: random.Random, trace: Callable[..., None]) -> None:
        self.life: Life | None = None
        self.lost_messages = 0.0
        self.lost = 0
        self.findings: list[str] = []
        self._dice = dice
        self._trace = trace

    async def call(self, method: str, request: Message, response_type: type[R]) -> R:
        """Return the response. Raise `Unreachable`, `Refused`."""
        # Some clients lose their patience while the server is at it; their calls are cancelled.
        patience_s = self._dice.uniform(0, _SHORT_PATIENCE_S) if self._dice.random() < self.lost_messages else None
        try:
            async with asyncio.timeout(patience_s):
                response: R = await self._call(method, request)
        except TimeoutError:
            self._trace(method, "given up")
            self.lost += 1
            raise Unreachable from None
        except Unreachable:
            self._trace(method, "no response")
            raise
        except Refused as refusal:
            self._trace(method, refusal.reason)
            raise
        assert isinstance(response, response_type)
        self._trace(method, "OK")
        return response

    async def _call(self, method: str, request: Message) -> Any:
        await self._travel()
        life = self.life
        if life is None or life.handlers is None:
            raise Unreachable
        serving = life.run(_handler(life, method)(ANYBODY, request))
        try:
            await asyncio.wait([serving])
        except asyncio.CancelledError:
            serving.cancel()
            raise
        if life.is_over and (serving.cancelled() or life is not self.life):
            raise Unreachable
        try:
            response = serving.result()
        except StorageUnavailable:
            await self._travel()
            raise Unreachable from None
        except RingbackError as refusal:
            await self._travel()
            raise Refused(refusal) from None
        except asyncio.CancelledError:
            raise Unreachable from None
        except Exception as fault:
            self.findings.append(f"{method}: {fault!r}")
            raise Unreachable from fault
        await self._travel()
        return response

    async def watch(self, request: pb.WatchCallbacksRequest, take: Callable[[pb.WatchCallbacksResponse], None]) -> None:
        """Hand every response to `take` until the stream ends. Raise `Unreachable`, `Refused`."""
        await self._travel()
        life = self.life
        if life is None or life.handlers is None:
            raise Unreachable
        stream = _Stream(life, request, self._delay_s)
        try:
            await stream.read(take)
        finally:
            stream.close()

    def _delay_s(self) -> float:
        return self._dice.uniform(0, _SLOW_TRAVEL_S if self._dice.random() < _SLOW_SHARE else TRAVEL_S)

    async def _travel(self) -> None:
        if self._dice.random() < self.lost_messages:
            self.lost += 1
            await asyncio.sleep(_PATIENCE_S)
            raise Unreachable
        await asyncio.sleep(self._delay_s())


class _Stream:
    """A watch: what the server sends arrives in order, a while later, and never when the server is lost."""

    def __init__(self, life: Life, request: pb.WatchCallbacksRequest, delay_s: Callable[[], float]) -> None:
        self._life = life
        self._request = request
        self._delay_s = delay_s
        self._arrived: deque[pb.WatchCallbacksResponse] = deque()
        self._under_way = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._arrival_s = 0.0
        self._sending = life.run(self._send())
        self._sending.add_done_callback(lambda _: self._news.set())

    async def read(self, take: Callable[[pb.WatchCallbacksResponse], None]) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._arrived:
                take(self._arrived.popleft())
                self._under_way -= 1
                self._room.set()
            if self._sending.done() and (self._under_way == 0 or self._life.is_over):
                break
        if self._sending.cancelled() or self._life.is_over:
            raise Unreachable
        try:
            self._sending.result()
        except StorageUnavailable:
            raise Unreachable from None
        except RingbackError as refusal:
            raise Refused(refusal) from None

    def close(self) -> None:
        self._sending.cancel()

    async def _send(self) -> None:
        handlers = self._life.handlers
        assert handlers is not None
        batches = await handlers.callbacks.watch_callbacks(ANYBODY, self._request)
        try:
            async for batch in batches:
                while self._under_way >= _WINDOW:
                    self._room.clear()
                    await self._room.wait()
                self._dispatch(pb.WatchCallbacksResponse.FromString(handlers.encoder.encode(batch)))
        finally:
            await batches.aclose()

    def _dispatch(self, response: pb.WatchCallbacksResponse) -> None:
        loop = asyncio.get_running_loop()
        self._under_way += 1
        # Later than the one before: timers of one moment have no order.
        self._arrival_s = max(self._arrival_s + _GAP_S, loop.time() + self._delay_s())
        loop.call_at(self._arrival_s, self._arrive, response)

    def _arrive(self, response: pb.WatchCallbacksResponse) -> None:
        if not self._life.is_over:
            self._arrived.append(response)
            self._news.set()


def _handler(life: Life, method: str) -> Any:
    handlers = life.handlers
    assert handlers is not None
    for group in (handlers.callbacks, handlers.dialers, handlers.directory):
        if (handler := getattr(group, method, None)) is not None:
            return handler
    raise AssertionError(method)
