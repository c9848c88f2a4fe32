"""Fail when creates have become slower, beside the bare echo, than docs/performance.md says.

    python -m bench.guard

What counts is what can be carried to another machine: how many creates a second there are for each echo, and how many
echoes' CPU time a create takes, as medians of rounds in which both take turns. Nothing is written.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from bench.contest import Rounds, Run, contest, pick, rounds_of
from bench.page import FIGURES
from bench.processes import CLIENT

IN_FLIGHT: Final = (16, 64)
# So much of the speed that the page tells has to be left.
LEFT: Final = 0.75
_SECONDS: Final = 1.0
# Measured again, for longer each time, as long as something seems slower: a busy machine is not so each time.
_ROUNDS: Final = (5, 9, 15)


@dataclass(frozen=True, slots=True)
class BesideEcho:
    """Where a create stands beside the echo: the creates for each echo, and the echoes of CPU in a create."""

    per_echo: float
    cpu_echoes: float

    @classmethod
    def of(cls, rounds: Rounds, in_flight: int) -> Self:
        runs = list(zip(*(pick(rounds, who, in_flight) for who in ("ringback", "echo")), strict=True))
        return cls(
            statistics.median(ours.per_s / echo.per_s for ours, echo in runs),
            statistics.median(ours.cpu_us / echo.cpu_us for ours, echo in runs),
        )

    def show(self, told: Self) -> str:
        return (
            f"{self.per_echo:.2f} ({told.per_echo:.2f}) creates ÷ echoes per s, "
            f"{self.cpu_echoes:.2f} ({told.cpu_echoes:.2f}) echoes of CPU"
        )


# By calls in flight.
ByLoad = Mapping[int, BesideEcho]


@dataclass(frozen=True, slots=True)
class Loss:
    """One figure that is worse than it may be."""

    in_flight: int
    figure: str
    told: float
    bound: float
    now: float

    def __str__(self) -> str:
        bound = "at least" if self.bound < self.told else "at most"
        return (
            f"{self.in_flight} in flight, {self.figure}: {self.now:.2f}; "
            f"docs/performance.md says {self.told:.2f}, and {bound} {self.bound:.2f} is needed"
        )


def losses(told: ByLoad, now: ByLoad) -> Sequence[Loss]:
    """Return what is left behind by more than it may be."""
    found: list[Loss] = []
    for in_flight, page in told.items():
        here = now[in_flight]
        if here.per_echo < (least := page.per_echo * LEFT):
            found.append(Loss(in_flight, "creates ÷ echoes per s", page.per_echo, least, here.per_echo))
        if here.cpu_echoes > (most := page.cpu_echoes / LEFT):
            found.append(Loss(in_flight, "CPU of a create ÷ an echo's", page.cpu_echoes, most, here.cpu_echoes))
    return found


def lasting(earlier: Sequence[Loss], later: Sequence[Loss]) -> Sequence[Loss]:
    """Return the later ones, of figures that were too bad earlier, too."""
    known = {(loss.in_flight, loss.figure) for loss in earlier}
    return [loss for loss in later if (loss.in_flight, loss.figure) in known]


async def _measure(rounds: int) -> ByLoad:
    runs: list[Sequence[Run]] = []
    async with contest(("echo", "ringback")) as entrants:
        for number in range(rounds):
            in_turns = list(entrants.values())[:: 1 if number % 2 else -1]
            runs.append([await one.run(in_flight, _SECONDS) for in_flight in IN_FLIGHT for one in in_turns])
    return medians(runs)


def medians(rounds: Rounds) -> ByLoad:
    return {in_flight: BesideEcho.of(rounds, in_flight) for in_flight in IN_FLIGHT}


def main() -> None:
    if not CLIENT.exists():
        sys.exit("not measured: no Go to build the client with")
    figures: dict[str, Any] = json.loads(FIGURES.read_text())
    told = medians(rounds_of(figures["creates"]["measured"]))
    found: Sequence[Loss] = ()
    for rounds in _ROUNDS:
        now = asyncio.run(_measure(rounds))
        print(f"medians of {rounds} rounds, and in brackets what docs/performance.md says")
        for in_flight, here in now.items():
            print(f"{in_flight:4} in flight: {here.show(told[in_flight])}", flush=True)
        seen = losses(told, now)
        found = lasting(found, seen) if found else seen
        if not found:
            return
    sys.exit("each time they were measured, creates were slower than they may be:\n" + "\n".join(map(str, found)))


if __name__ == "__main__":
    main()
