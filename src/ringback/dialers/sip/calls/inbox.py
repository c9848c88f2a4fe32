"""What happens to a call, in one order: events of its legs, signals from outside, and work that is done."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from ringback.dialers.sip.calls.outcome import CallSide
from ringback.dialers.sip.dialogs.leg_events import Failed, Failure, HungUp, LegEvent, Offered
from ringback.dialers.sip.dialogs.leg_state import LegState


class CallLeg(Protocol):
    """What a call needs of a leg (`leg.py`)."""

    call_id: str

    @property
    def rang(self) -> bool: ...
    @property
    def answered(self) -> bool: ...
    async def invite(self, offer: bytes) -> None: ...
    async def next_event(self) -> LegEvent: ...
    async def reinvite(self, offer: bytes) -> bytes | Failure: ...
    def answer(self, offered: Offered, sdp: bytes) -> bool: ...
    def refuse(self, offered: Offered, status: int) -> None: ...
    async def refer(self, refer_to: str) -> Failure | None: ...
    def send_info(self, content_type: str, body: bytes) -> None: ...
    def hang_up(self, *, q850: int = 16, reason: str = "") -> None: ...
    def forget(self) -> None: ...
    async def closed(self) -> None: ...
    async def probe(self) -> bool: ...
    def state(self) -> LegState: ...


class Signal(StrEnum):
    """What comes from outside of the call."""

    # The callback was cancelled, or the lease is over.
    HANG_UP = "HANG_UP"
    # The server stops.
    DRAIN = "DRAIN"
    # The time that it waits for calls is over.
    DRAINED = "DRAINED"
    # The call may last no longer.
    TOO_LONG = "TOO_LONG"
    PROBE = "PROBE"


@dataclass(frozen=True, slots=True)
class Joined:
    """Both sides have been told of each other's media, or one of them refused."""

    failed: tuple[CallSide, Failure] | None


@dataclass(frozen=True, slots=True)
class LegHappening:
    side: CallSide
    event: LegEvent


Happening = LegHappening | Signal | Joined


class Inbox:
    """A queue of happenings, and the tasks that fill it. An exception in one of these is raised by `next()`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Happening | BaseException] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        # The signals that have come, and how a leg ended, also before these are read.
        self.signals: set[Signal] = set()
        self.ended: dict[CallSide, Failed | HungUp] = {}

    async def next(self) -> Happening:
        happening = await self._queue.get()
        if isinstance(happening, BaseException):
            raise happening
        return happening

    def put(self, happening: Happening) -> None:
        if isinstance(happening, Signal):
            self.signals.add(happening)
        self._queue.put_nowait(happening)

    def put_later(self, delay_s: float, signal: Signal) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(max(delay_s, 0), self.put, signal))

    def follow(self, side: CallSide, leg: CallLeg) -> None:
        """Put all events of a leg."""
        self.do(self._follow(side, leg))

    def watch(self, event: asyncio.Event, signal: Signal) -> None:
        """Put the signal once the event is set."""
        if event.is_set():
            self.put(signal)
        else:
            self.do(self._watch(event, signal))

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    async def _follow(self, side: CallSide, leg: CallLeg) -> None:
        while side not in self.ended:
            event = await leg.next_event()
            if isinstance(event, Failed | HungUp):
                self.ended[side] = event
            self.put(LegHappening(side, event))

    async def _watch(self, event: asyncio.Event, signal: Signal) -> None:
        await event.wait()
        self.put(signal)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._queue.put_nowait(fault)
