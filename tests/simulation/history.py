"""One history: clients, dialers and watchers of a server on a bad day, all of it drawn from one seed, and the verdict.

After the storm comes calm: then every callback has to end, and everything that was promised has to be true.
"""

import asyncio
import gc
import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from google.protobuf.duration_pb2 import Duration

from ringback.clocks import SystemClock
from ringback.domain.callback import Callback, State
from ringback.ports.values import LoggedEvent
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.hunts.checker import Checker, Fold
from tests.simulation.callers import Callers, insist
from tests.simulation.chance import KINDS, Weather, drawn_from, silent
from tests.simulation.dialers import Fleet
from tests.simulation.disk import Disk, empty
from tests.simulation.network import Network
from tests.simulation.phones import Phones
from tests.simulation.server import Life, SimulatedLoop
from tests.simulation.storm import Storm
from tests.simulation.turns import Referee
from tests.simulation.watchers import Watch
from tests.world.skipping_loop import StuckError

# A Monday morning, half a minute before the clock strikes: opening hours can begin and end.
_EPOCH: Final = datetime(2026, 11, 2, 9, 0, 30, tzinfo=UTC)
_RING_S: Final = 6
MAX_CAPACITY: Final = 4
# How long clients act, in simulated seconds, and how long it may take until all has ended, and been told, afterwards.
_ACTION_S: Final = 12.0
_DRAIN_S: Final = 500
_CATCH_UP_S: Final = 90
_PAGE: Final = 1_000


class SimulatedClock(SystemClock):
    """The machine's clock. What is measured by it goes on steadily, and what it shows can be set."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.ahead = timedelta(0)
        self._loop = loop

    def now(self) -> datetime:
        return _EPOCH + timedelta(seconds=self._loop.time()) + self.ahead

    def monotonic(self) -> float:
        return self._loop.time()


class Verdict(NamedTuple):
    """What became of a history."""

    seed: int
    kind: str
    findings: Sequence[str]
    # The same for the same seed, on every machine.
    digest: str
    steps: int
    facts: Counter[str]
    trace: Sequence[str]


def play(seed: int) -> Verdict:
    """Play the history of this seed, from the beginning to the end."""
    with silent():
        empty()  # made once, and with none of the dice
    gc.disable()  # what is finalized, would be so at a moment that no seed determines
    try:
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, SimulatedLoop)
            loop.set_exception_handler(lambda *_: None)
            clock = SimulatedClock(loop)
            history = History(seed, loop, clock)
            with drawn_from(seed, clock), silent():
                try:
                    return runner.run(history.run())
                except StuckError as stuck:
                    return history.verdict(str(stuck))
    finally:
        gc.enable()


class History:
    """All that takes part."""

    def __init__(self, seed: int, loop: SimulatedLoop, clock: SimulatedClock) -> None:
        self._seed = seed
        self._loop = loop
        self._clock = clock
        self._dice = dice = random.Random(seed)
        self.kind = dice.choice(list(KINDS))
        self._trace_lines: list[str] = []
        self._digest = hashlib.blake2b(digest_size=16)
        self._findings: list[str] = []
        # What the server has told of its changes, as its log and its traces do.
        self._told: list[tuple[str, int]] = []
        self.disk = Disk(dice)
        self.network = Network(dice, self.trace)
        self._phones = Phones(self.trace)
        self.weather = KINDS["calm"]

    def trace(self, *words: object) -> None:
        line = f"{self._loop.time():10.3f}  {' '.join(map(str, words))}"
        self._trace_lines.append(line)
        self._digest.update(line.encode())

    def _tell(self, before: Callback | None, after: Callback) -> None:
        self._told.append((after.callback_id, after.revision))
        self.trace(after.callback_id, "new" if before is None else before.state.name, "→", after.state.name)

    def new_life(self) -> Life:
        return Life(self.disk, self._clock, self._tell)

    # --- The course ----------------------------------------------------------------------------------------------

    async def run(self) -> Verdict:
        self.network.life = life = self.new_life()
        await life.start()
        services = [await self._add_service(number) for number in range(self._dice.choice((1, 1, 2)))]
        weather = KINDS[self.kind]
        self._checker = Checker(services, steady_clock=not weather.clock_steps)
        filtered = cb.CallbackFilter(service_ids=[services[0].service_id], states=[cb.CALLBACK_STATE_QUEUED])
        self._fold, self._late_fold = Fold(), Fold()
        self._watches = [
            Watch(self.network, self._dice, self._checker),
            Watch(self.network, self._dice, self._fold, filtered),
        ]
        background = [asyncio.create_task(watch.run()) for watch in self._watches]
        for watch in self._watches:
            await watch.streaming.wait()
        self._fleet = Fleet(self.network, self._phones, self._dice, lambda: self.weather, weather)
        self._callers = Callers(
            self.network, self._dice, self._clock, [s.service_id for s in services], self._draw_levels()
        )
        self._set_weather(weather)
        self._storm = Storm(self, services, self._fleet, self._clock, self._loop, self._dice, self.trace)
        acting = asyncio.create_task(self._act())
        await self._storm.blow(weather, _ACTION_S)
        self._set_weather(KINDS["calm"])
        await self._storm.calm()
        late = Watch(self.network, self._dice, self._late_fold, snapshot=True)
        self._watches.append(late)
        background.append(asyncio.create_task(late.run()))
        await self._drain(acting)
        await self._judge()
        self._fleet.end()
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        assert self.network.life is not None
        await self.network.life.stop()
        return self.verdict()

    def _set_weather(self, weather: Weather) -> None:
        self.weather = weather
        self.disk.bad_commits = weather.bad_commits
        self.network.lost_messages = weather.lost_messages

    async def _add_service(self, number: int) -> directory_pb.Service:
        service = directory_pb.Service(
            sip_address=f"sip:queue{number}@cc.example",
            max_concurrent_calls=self._dice.randint(1, MAX_CAPACITY),
            ring_timeout=Duration(seconds=_RING_S),
        )
        request = directory_pb.CreateServiceRequest(service=service)
        created = (
            await insist(self.network, self._dice, "create_service", request, directory_pb.CreateServiceResponse)
        ).service
        # Changes may raise it; the referee knows what it was at each grant.
        created.max_concurrent_calls = MAX_CAPACITY
        return created

    def _draw_levels(self) -> Sequence["cb.Priority.ValueType"]:
        """Return the levels of this history: few of them wait for each other, many are nearly alone."""
        levels = cb.Priority.values()[1:]
        return levels if self._dice.random() < 0.3 else self._dice.sample(levels, 3)

    async def _act(self) -> None:
        acts: list[asyncio.Task[None]] = []
        for _ in range(self._dice.randint(5, 16)):
            await asyncio.sleep(self._dice.expovariate(1.5))
            acts.append(asyncio.create_task(self._callers.act()))
        await asyncio.gather(*acts)

    async def _drain(self, acting: "asyncio.Task[None]") -> None:
        """Wait until everything has ended, and the watchers know."""
        for _ in range(_DRAIN_S):
            if acting.done() and not self._open():
                break
            await asyncio.sleep(1.0)
        if acting.done():
            await acting
        else:
            self._findings.append("a request was never answered")
            acting.cancel()
        self._findings += [f"{name} has not ended" for name in self._open()]
        newest = self.disk.newest()
        for _ in range(_CATCH_UP_S):
            if self._checker.events >= newest and not await self._behind():
                return
            await asyncio.sleep(1.0)

    async def _behind(self) -> Sequence[str]:
        """Return what watchers with a filter, or a snapshot, do not know as it is."""
        filtered = self._fold.differences(await self._list(self._watched()))
        snapshot = self._late_fold.differences(await self._list())
        return [*filtered, *(f"snapshot: {line}" for line in snapshot)]

    def _open(self) -> Sequence[str]:
        rows = self.disk.raw.execute("SELECT callback_id, state FROM callback WHERE end_us IS NULL")
        return [f"{callback_id} {state}" for callback_id, state in rows]

    # --- The verdict ---------------------------------------------------------------------------------------------

    def _watched(self) -> cb.CallbackFilter:
        wanted = self._watches[1].wanted
        assert wanted is not None
        return wanted

    async def _list(self, wanted: cb.CallbackFilter | None = None) -> list[cb.Callback]:
        listed: list[cb.Callback] = []
        request = pb.ListCallbacksRequest(filter=wanted, page_size=_PAGE)
        while True:
            page = await insist(self.network, self._dice, "list_callbacks", request, pb.ListCallbacksResponse)
            listed += page.callbacks
            request.page_token = page.next_page_token
            if not request.page_token:
                return listed

    async def _count(self) -> Counter["cb.CallbackState.ValueType"]:
        request = pb.CountCallbacksRequest()
        response = await insist(self.network, self._dice, "count_callbacks", request, pb.CountCallbacksResponse)
        return Counter({each.state: each.count for each in response.states})

    async def _judge(self) -> None:
        listed = await self._list()
        ledger, checker = self._callers.ledger, self._checker
        checker.compare(listed)
        checker.confirm(ledger.returned)
        checker.confirm(self._fleet.returned)
        self._findings += [*checker.findings, *ledger.findings, *ledger.verdict(listed)]
        self._findings += await self._behind()
        counted = await self._count()
        if counted != Counter(callback.state for callback in listed):
            self._findings.append(f"CountCallbacks returns {counted}")
        self._findings += [*self.network.findings, *self._phones.findings, *self._fleet.findings, *self._storm.findings]
        self._findings += [finding for watch in self._watches for finding in watch.findings]
        self._judge_log(await self._read_log())

    async def _read_log(self) -> Sequence[LoggedEvent]:
        life = self.network.life
        assert life is not None
        events: list[LoggedEvent] = []
        while some := await life.run(life.store.events(events[-1].number if events else 0, _PAGE)):
            events += some
        return events

    def _judge_log(self, events: Sequence[LoggedEvent]) -> None:
        numbers = [event.number for event in events]
        if numbers != list(range(1, len(numbers) + 1)):
            self._findings.append("the numbers of the log have gaps")
        logged = Counter((event.callback.callback_id, event.callback.revision) for event in events)
        told = Counter(self._told)
        self._findings += [f"{version} was told {count} times" for version, count in told.items() if count > 1]
        self._findings += [f"{version} was told, and is not stored" for version in told if version not in logged]
        last = {event.callback.callback_id: event.callback for event in events}.values()
        ends = sum((c.end_time is not None) + sum(a.outcome is not None for a in c.attempts) for c in last)
        (counted,) = self.disk.raw.execute("SELECT coalesce(sum(ended), 0) FROM outcome_count").fetchone()
        if counted != ends:
            self._findings.append(f"{ends} callbacks and attempts have ended, and {counted} are counted")
        fencing: dict[str, int] = {}
        for event in events:
            callback = event.callback
            if callback.state is State.OFFERED and event.previous is not None and event.previous.state is State.QUEUED:
                if callback.fencing_token <= fencing.get(callback.callback_id, 0):
                    self._findings.append(f"{callback.callback_id}: its lease {callback.fencing_token} is no new one")
                fencing[callback.callback_id] = callback.fencing_token
        if not KINDS[self.kind].clock_steps:  # the ends of kept phones move with the clock, and no log tells so
            referee = Referee(events)
            self._findings += referee.judge(self.disk.commits)
            self._grants = referee.grants

    def verdict(self, *findings: str) -> Verdict:
        """Return what was found so far, and these."""
        for row in self.disk.raw.execute("SELECT * FROM event ORDER BY number"):
            self._digest.update(repr(row).encode())
        facts = Counter(self._storm.blows)
        facts.update({f"commit fails {name}": count for name, count in self.disk.failures.items()})
        facts["messages lost"] = self.network.lost
        facts["callbacks"] = len(self._checker.callbacks)
        facts["events"] = self._checker.events
        facts["phones rung"] = self._phones.calls
        return Verdict(
            self._seed,
            self.kind,
            [*self._findings, *findings],
            self._digest.hexdigest(),
            self._loop.steps,
            facts,
            self._trace_lines,
        )
