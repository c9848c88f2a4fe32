"""One life of the server: the production use cases over the disk, without threads and ports."""

import asyncio
import heapq
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, Final, TypeVar

from ringback.app.handlers import Handlers
from ringback.app.use_cases import UseCases
from ringback.clocks import SystemClock
from ringback.config import Settings
from ringback.domain.callback import Callback
from tests.simulation.disk import Cable, Disk, open_store
from tests.world.skipping_loop import StuckError

R = TypeVar("R")

# Far more than any history takes.
_MOST_STEPS: Final = 200_000
_SETTINGS: Final = Settings(dialer="none", limits=None)
# The life that a task is part of; None for what goes on without a server.
_LIFE: ContextVar["Life | None"] = ContextVar("_LIFE", default=None)


class _Timeline(selectors.SelectSelector):
    """Waits for nothing: the time that it should have waited has passed when it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError("nothing is ready, and nothing ever will be")
        self.now += max(timeout, 0.0)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop without threads, sockets or a clock: all that happens in it follows from the dice.

    What is ready runs in the order in which it became so, as asyncio promises. What asyncio leaves open, when a piece
    of work of another thread or a message is there, is drawn by those who simulate it.
    """

    # What asyncio keeps under these names: what runs next, and what waits for its time.
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._timeline = _Timeline()
        super().__init__(self._timeline)
        self.steps = 0
        self._held: list[asyncio.Handle] = []
        self._stopped: Life | None = None
        self.set_task_factory(_create_task)

    def time(self) -> float:
        return self._timeline.now

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which nothing runs, neither servers nor clients: the machine was asleep."""
        self._timeline.now += seconds

    def suspend(self, life: "Life") -> None:
        """Stop a server's process where it is, in the middle of anything, as SIGSTOP does."""
        self._stopped = life
        timers = [timer for timer in self._scheduled if _is_of(timer, life)]
        self._scheduled = [timer for timer in self._scheduled if not _is_of(timer, life)]
        heapq.heapify(self._scheduled)
        self._held += timers

    def go_on(self) -> None:
        """Let the server that was suspended go on."""
        self._stopped = None
        for handle in self._held:
            if isinstance(handle, asyncio.TimerHandle):
                heapq.heappush(self._scheduled, handle)
            else:
                self._ready.append(handle)
        self._held.clear()

    def _run_once(self) -> None:
        self.steps += 1
        if self.steps == _MOST_STEPS:
            raise StuckError(f"something goes round in circles at {self.time():.3f} s")
        if (life := self._stopped) is not None:
            self._held += [handle for handle in self._ready if _is_of(handle, life)]
            self._ready = deque(handle for handle in self._ready if not _is_of(handle, life))
        super()._run_once()  # type: ignore[misc]  # it is asyncio's own, and not declared


def _is_of(handle: asyncio.Handle, life: "Life") -> bool:
    context: Context = handle._context  # type: ignore[attr-defined]
    return context.get(_LIFE) is life


def _create_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
    task = asyncio.Task(work, loop=loop, **options)
    if (life := _LIFE.get()) is not None:
        life.tasks[task] = None
        task.add_done_callback(life.forget)
    return task


class Life:
    """A server from its start until it stops or is lost."""

    def __init__(self, disk: Disk, clock: SystemClock, told: Callable[[Callback | None, Callback], None]) -> None:
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.is_over = False
        # Loops that have died of an error.
        self.faults: list[str] = []
        self._disk = disk
        self._clock = clock
        self._told = told
        self._cable = Cable(disk)
        self.handlers: Handlers | None = None

    async def start(self) -> None:
        """Continue from what is stored. Raise `StorageUnavailable`."""
        await self.run(self._start())

    async def _start(self) -> None:
        self.store = open_store(self._cable)
        self.store.listen(self._told)
        self.use_cases = UseCases(_SETTINGS, self.store, self._clock)
        await self.use_cases.start()
        await self.use_cases.assigner.start()
        self._loops = [asyncio.create_task(loop.run()) for loop in self.use_cases.loops]
        for loop in self._loops:
            loop.add_done_callback(self._on_loop_end)
        self.handlers = Handlers.of(self.use_cases)

    def _on_loop_end(self, loop: "asyncio.Task[None]") -> None:
        if not self.is_over and not loop.cancelled() and (fault := loop.exception()) is not None:
            self.faults.append(f"a loop of the server died: {fault!r}")

    def run(self, work: Coroutine[Any, Any, R]) -> "asyncio.Task[R]":
        """Run something as a part of this server, and end it with it."""
        token = _LIFE.set(self)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            _LIFE.reset(token)

    def forget(self, task: "asyncio.Task[Any]") -> None:
        self.tasks.pop(task, None)

    async def stop(self) -> None:
        """Stop in order: calls end, then the loops, then the database is closed."""
        await self.run(self._stop())

    async def _stop(self) -> None:
        self.handlers = None
        self.use_cases.close()
        me = asyncio.current_task()
        calls = [task for task in self.tasks if task is not me and task not in self._loops]
        if calls:
            await asyncio.wait(calls, timeout=4.0)
        self.is_over = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.use_cases.leader_election.stop()
        await self.store.close()

    def crash(self) -> None:
        """End without another word to anybody, and leave the disk as it is."""
        self.handlers = None
        self.is_over = True
        self._cable.is_cut = True
        for task in list(self.tasks):
            task.cancel()
