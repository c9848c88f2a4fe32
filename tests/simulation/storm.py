"""What goes wrong outside of the server: it is killed, stopped, suspended; its disk, its clock and its dialers fail."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from google.protobuf.field_mask_pb2 import FieldMask

from ringback.v1 import directory_service_pb2 as pb
from tests.simulation.callers import insist
from tests.simulation.chance import Weather
from tests.simulation.dialers import Fleet
from tests.simulation.server import SimulatedLoop

if TYPE_CHECKING:
    from tests.simulation.history import History, SimulatedClock

_STEP_S: Final = 0.5
_DAY_MINUTES: Final = 24 * 60
# Small ones are no jumps for the server; those of hours are what a machine without a battery has after a power cut.
# None goes far ahead: what is planned by that time would have to be waited for.
_CLOCK_STEPS_S: Final = (-86_400, -3_600, -40, -3, -1, 1, 3, 40)


class Storm:
    """The faults of one history, one after the other."""

    def __init__(
        self,
        history: "History",
        services: Sequence[pb.Service],
        fleet: Fleet,
        clock: "SimulatedClock",
        loop: SimulatedLoop,
        dice: random.Random,
        trace: Callable[..., None],
    ) -> None:
        self.blows: Counter[str] = Counter()
        self.findings: list[str] = []
        self._history = history
        self._services = services
        self._fleet = fleet
        self._clock = clock
        self._loop = loop
        self._dice = dice
        self._trace = trace
        self._changing: list[asyncio.Task[None]] = []

    async def blow(self, weather: Weather, seconds: float) -> None:
        """Let faults happen for so long, each at its rate."""
        rates: dict[Callable[[], Awaitable[None]], float] = {
            self._crash: weather.crashes,
            self._stop: weather.stops,
            self._pause: weather.pauses,
            self._fail_disk: weather.outages,
            self._set_clock: weather.clock_steps,
            self._lose_dialer: weather.lost_dialers,
            self._change_service: weather.service_changes,
        }
        end_s = self._loop.time() + seconds
        while self._loop.time() < end_s:
            await asyncio.sleep(self._dice.uniform(0, 2 * _STEP_S))
            for blow, rate in rates.items():
                if self._dice.random() < rate * _STEP_S:
                    await blow()

    async def calm(self) -> None:
        """Mend everything."""
        self._history.disk.is_failing = False
        self._clock.ahead = timedelta(0)
        for change in self._changing:
            await change
        for service in self._services:
            await self._update(pb.Service(service_id=service.service_id, max_concurrent_calls=3), _SETTINGS)

    def _note(self, what: str) -> None:
        self.blows[what] += 1
        self._trace("***", what)

    # --- The server ----------------------------------------------------------------------------------------------

    async def _crash(self) -> None:
        life = self._history.network.life
        assert life is not None
        self._note("crash")
        life.crash()
        self._history.disk.crash()
        await self._restart()

    async def _stop(self) -> None:
        life = self._history.network.life
        assert life is not None
        self._note("stop")
        await life.stop()
        await self._restart()

    async def _restart(self) -> None:
        life = self._history.network.life
        assert life is not None
        self.findings += life.faults
        await asyncio.sleep(self._dice.choice((0.1, 1, 8)))
        self._history.network.life = life = self._history.new_life()
        await life.start()

    async def _pause(self) -> None:
        life = self._history.network.life
        assert life is not None
        pause_s = self._dice.choice((0.5, 4, 12))
        if self._dice.random() < 0.3:
            self._note("machine asleep")
            self._loop.stand_still(pause_s)
            return
        self._note("server suspended")
        self._loop.suspend(life)
        await asyncio.sleep(pause_s)
        self._loop.go_on()

    async def _fail_disk(self) -> None:
        self._note("outage")
        self._history.disk.is_failing = True
        await asyncio.sleep(self._dice.choice((0.5, 3, 9)))
        self._history.disk.is_failing = False

    async def _set_clock(self) -> None:
        step_s = self._dice.choice(_CLOCK_STEPS_S)
        self._note(f"clock set by {step_s:+} s")
        self._clock.ahead += timedelta(seconds=step_s)

    # --- Dialers and services ------------------------------------------------------------------------------------

    async def _lose_dialer(self) -> None:
        self._note("dialer lost")
        self._fleet.lose_one()

    async def _change_service(self) -> None:
        service = pb.Service(service_id=self._dice.choice(self._services).service_id)
        match self._dice.choice(("capacity", "pause", "resume", "close", "closing", "open")):
            case "capacity":
                service.max_concurrent_calls = self._dice.randint(0, 4)
                paths = ["max_concurrent_calls"]
            case "pause":
                service.paused = True
                paths = ["paused"]
            case "resume":
                paths = ["paused"]
            case "close":
                self._add_hours(service, self._minute() + 1, _DAY_MINUTES)
                paths = ["opening_hours"]
            case "closing":
                self._add_hours(service, 0, self._minute() + 1)
                paths = ["opening_hours"]
            case _:
                paths = ["opening_hours"]
        self._note("service changed")
        self._changing.append(asyncio.create_task(self._update(service, paths)))

    def _minute(self) -> int:
        now = self._clock.now()
        return now.hour * 60 + now.minute

    def _add_hours(self, service: pb.Service, open_minute: int, close_minute: int) -> None:
        for day in range(1, 8):
            service.opening_hours.add(
                day_of_week=pb.DayOfWeek.ValueType(day), open_time=_time(open_minute), close_time=_time(close_minute)
            )

    async def _update(self, service: pb.Service, paths: Sequence[str]) -> None:
        request = pb.UpdateServiceRequest(service=service, update_mask=FieldMask(paths=paths))
        await insist(self._history.network, self._dice, "update_service", request, pb.UpdateServiceResponse)


_SETTINGS: Final = ("max_concurrent_calls", "paused", "opening_hours")


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
