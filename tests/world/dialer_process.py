"""A server process with a built-in dialer, as far as calls go: it can be killed at any moment, or paused."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from ringback.application.dispatch.kept_calls import CallOwner, KeptCalls
from ringback.application.dispatch.lease_request import DEFAULT_LEASE
from ringback.application.dispatch.lease_watch import LeaseWatch
from ringback.application.dispatch.leases import Leases
from ringback.dialers.leased_call import CallTools
from ringback.dialers.runner import DialerRunner
from ringback.domain.callback import Callback
from ringback.domain.errors import LeaseRefused, StorageUnavailable
from ringback.domain.service import Service
from ringback.ports.dialer import Call, HandedOver, NotDialled, OutcomeReport
from ringback.ports.store import Store
from tests.world.use_cases import ManualClock, World

# Opens the database for one more process.
OpenStore = Callable[[], Awaitable[Store]]
Result = OutcomeReport | NotDialled | HandedOver


@dataclass
class Network:
    """What the network has: the calls that phones are in, by the process that tends each; None: it is an orphan."""

    calls: dict[str, str | None] = field(default_factory=dict)
    # How often each phone was rung.
    rung: list[str] = field(default_factory=list)


class Point(NamedTuple):
    """A moment: before or after the database has done what was called, the first time or a later one."""

    method: str
    number: int
    when: str

    def __str__(self) -> str:
        return f"{self.when} {self.method} {self.number}"


class ProcessStore:
    """The store of one process, which stops at a point for good, or for a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running = asyncio.Event()
        self._running.set()
        self._done: Counter[str] = Counter()
        self._stop_at: Point | None = None
        # The call of each method that came last.
        self._last: dict[str, asyncio.Future[Any]] = {}
        self.stopped = asyncio.Event()
        self.is_away = False
        self._failures: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def stop_at(self, point: "Point") -> None:
        self._stop_at = point

    def pause(self) -> None:
        self._running.clear()

    def go_on(self) -> None:
        self._running.set()

    async def failed(self, method: str) -> None:
        """Wait until a call of this method has failed."""
        async with asyncio.timeout(10):
            await self._failures[method].wait()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(call):
            return call

        async def pass_on(*args: Any, **fields: Any) -> Any:
            await self._running.wait()
            if self.is_away and name == "probe":
                return False
            if self.is_away:
                self._failures[name].set()
                raise StorageUnavailable("the database is away")
            if self._stop_at is not None and self._stop_at.method == name and name in self._last:
                # A reader may see what the one before has done before that has returned, and so go on too early.
                await asyncio.wait([self._last[name]])
                await self._running.wait()
            self._stop_if(Point(name, self._done[name] + 1, "before"))
            await self._running.wait()
            # It is done also when who called is cancelled meanwhile.
            done = self._last[name] = asyncio.ensure_future(call(*args, **fields))
            done.add_done_callback(partial(self._count, name))
            result = await asyncio.shield(done)
            await self._running.wait()
            return result

        return pass_on

    def _count(self, name: str, done: "asyncio.Future[Any]") -> None:
        if done.exception() is None:  # one that is refused does not count
            self._done[name] += 1
            self._stop_if(Point(name, self._done[name], "after"))

    def _stop_if(self, point: Point) -> None:
        if point == self._stop_at:
            self._running.clear()
            self.stopped.set()


class KeepingDialer:
    """Keeps each call before it has anything on the network, and ends or tends what an earlier process has left."""

    name = "sip"
    drain_timeout_s = 0.0

    def __init__(self, owner: str, network: Network) -> None:
        self.owner = owner
        self.network = network
        self.killed = False
        # How the next calls of the agents' side end, instead of being answered.
        self.agents: list[NotDialled] = []
        # The agents' side rings until it is hung up.
        self.agent_rings = False
        self.ringing: asyncio.Queue[Call] = asyncio.Queue()
        # Nothing can be taken over.
        self.has_bug = False
        self.drains = asyncio.Event()
        self.placed: asyncio.Queue[PlacedCall] = asyncio.Queue()
        self.resumed: asyncio.Queue[PlacedCall] = asyncio.Queue()

    async def place(self, callback: Callback, service: Service, call: Call) -> Result:
        callback_id = callback.callback_id
        await call.keep(b'{"agent":"%s"}' % callback_id.encode())
        self.network.calls[callback_id] = self.owner
        if self.agent_rings:
            self.ringing.put_nowait(call)
            await call.hang_up.wait()
            self._end(callback_id)
            return NotDialled("hung up")
        if self.agents:
            self._end(callback_id)
            return self.agents.pop()
        try:
            await call.dialing(("agent", "target"))
        except LeaseRefused as refused:
            self._end(callback_id)
            return NotDialled(str(refused))
        self.network.rung.append(callback_id)
        return await self._tend(PlacedCall(callback_id, call, None), self.placed)

    async def resume(
        self, callback: Callback | None, service: Service | None, call: Call, body: bytes
    ) -> OutcomeReport | HandedOver:
        assert (callback is None) is (service is None)
        callback_id = body.decode().split('"')[3]
        self.network.calls[callback_id] = self.owner
        if self.has_bug:
            raise ZeroDivisionError("a bug")
        result = await self._tend(PlacedCall(callback_id, call, callback), self.resumed)
        assert not isinstance(result, NotDialled)
        return result

    async def _tend(self, placed: "PlacedCall", queue: "asyncio.Queue[PlacedCall]") -> Result:
        queue.put_nowait(placed)
        try:
            result = await placed.result
        except asyncio.CancelledError:
            placed.cut_off.set()
            if placed.call.superseded or self.killed:
                raise
            self._end(placed.callback_id)
            raise
        if not isinstance(result, HandedOver):
            self._end(placed.callback_id)
        return result

    def _end(self, callback_id: str) -> None:
        if not self.killed:
            self.network.calls.pop(callback_id, None)

    def drain(self) -> None:
        self.drains.set()


class PlacedCall:
    """One call, as the test sees it."""

    def __init__(self, callback_id: str, call: Call, callback: Callback | None) -> None:
        self.callback_id = callback_id
        self.call = call
        self.callback = callback
        self.result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.cut_off = asyncio.Event()


class Process:
    """The use cases, and a dialer at work."""

    def __init__(
        self,
        store: Store,
        clock: ManualClock,
        network: Network,
        owner: str,
        *,
        is_alone: bool = False,
        lease: timedelta = DEFAULT_LEASE,
    ) -> None:
        self.store = ProcessStore(store)
        self.world = world = World(self.store, clock)
        self.dialer = KeepingDialer(owner, network)
        self.dialer_id = f"ringback.sip-{owner}"
        me = CallOwner(dialer="sip", owner=owner, dialer_id=self.dialer_id, lease=lease, is_alone=is_alone)
        self.kept_calls = KeptCalls(world.store, world.directory, world.clock_jumps, world.dial_policy, me)
        tools = CallTools(
            leases=Leases(
                world.store, world.directory, world.clock_jumps, world.dial_policy, world.decisions, world.calls
            ),
            watch=LeaseWatch(world.feed),
            service_of=world.directory.get,
            policy=world.dial_policy,
            kept_calls=self.kept_calls,
            lease=lease,
        )
        self.runner = DialerRunner(self.dialer, self.dialer_id, world.assigner, tools, looks_for_others=not is_alone)
        self._tasks: list[asyncio.Task[Any]] = []
        self.run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.world.clock_jumps.start()
        await self.world.directory.start()
        await self.world.feed.start()
        taken = await self.runner.recover()
        await self.world.scheduler.release_orphans(self.dialer_id, self.world.clock.now(), taken)
        await self.world.assigner.start()
        loops: tuple[Callable[[], Awaitable[None]], ...] = (self.world.feed.run, self.world.assigner.run)
        self._tasks = [asyncio.ensure_future(loop()) for loop in loops]
        self.run = asyncio.create_task(self.runner.run())

    async def run_scheduler(self) -> None:
        """Let this process do what is due, besides its calls."""
        loops = (self.world.leader_election.run, self.world.scheduler_loop.run)
        self._tasks += [asyncio.ensure_future(loop()) for loop in loops]

    async def kill(self) -> None:
        """Let nothing more happen, as after kill -9: no call is hung up, and nothing is stored."""
        self.dialer.killed = True
        self.store.pause()
        await self._cancel()

    async def drain(self) -> None:
        self.runner.stop()
        self.world.assigner.close()
        assert self.run is not None
        await self.run
        await self._cancel()

    async def _cancel(self) -> None:
        tasks = [*self._tasks, *([] if self.run is None else [self.run])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def process(
    store: Store, clock: ManualClock, network: Network, owner: str, **options: Any
) -> AsyncIterator[Process]:
    """Run a process until the block ends, and kill it then."""
    one = Process(store, clock, network, owner, **options)
    await one.start()
    try:
        yield one
    finally:
        with suppress(asyncio.CancelledError):
            await one.kill()
