"""Fail when creates have become slower, beside the bare echo, than docs/performance.md says.

    python -m bench.guard

What counts is what can be carried to another machine: how many creates a second there are for each echo, and how many
echoes' CPU time a create takes, as medians of rounds in which both take turns. Rates of rounds in which others had much
of the cores say nothing, and do not count; CPU time says nearly the same. Nothing is written.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from bench import machine
from bench.contest import Rounds, Run, contest, pick, rounds_of
from bench.neighbours import Cores
from bench.page import FIGURES
from bench.processes import CLIENT

IN_FLIGHT: Final = (16, 64)
# So much of the speed that the page tells has to be left.
LEFT: Final = 0.75
# On a processor of another make than the page's: what is lost there by nobody's fault. Of two that were measured one
# had echoes of half the CPU time, and creates of nearly the same.
LEFT_ELSEWHERE: Final = 0.5
_SECONDS: Final = 1.0
# A round counts for rates while others have no more than this of all cores; fewer rounds than these are no median.
QUIET: Final = 0.1
ENOUGH_QUIET: Final = 3
# Measured again, for longer each time, as long as something seems slower: a busy machine is not so each time.
_ROUNDS: Final = (5, 9, 15)


@dataclass(frozen=True, slots=True)
class BesideEcho:
    """Where a create stands beside the echo: the creates for each echo, and the echoes of CPU in a create."""

    cpu_echoes: float
    # None: the machine was too busy for it.
    per_echo: float | None

    @classmethod
    def of(cls, rounds: Rounds, quiet: Rounds, in_flight: int) -> Self:
        return cls(
            cpu_echoes=statistics.median(ours.cpu_us / echo.cpu_us for ours, echo in _pairs(rounds, in_flight)),
            per_echo=statistics.median(ours.per_s / echo.per_s for ours, echo in _pairs(quiet, in_flight))
            if len(quiet) >= ENOUGH_QUIET
            else None,
        )

    def __str__(self) -> str:
        per_echo = "others had the cores" if self.per_echo is None else f"{self.per_echo:.2f} creates ÷ echoes per s"
        return f"{self.cpu_echoes:.2f} echoes of CPU, {per_echo}"


def _pairs(rounds: Rounds, in_flight: int) -> Sequence[tuple[Run, Run]]:
    return list(zip(*(pick(rounds, who, in_flight) for who in ("ringback", "echo")), strict=True))


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


def losses(told: ByLoad, now: ByLoad, left: float = LEFT) -> Sequence[Loss]:
    """Return the figures of which less than this share is left."""
    found: list[Loss] = []
    for in_flight, page in told.items():
        here = now[in_flight]
        if here.cpu_echoes > (most := page.cpu_echoes / left):
            found.append(Loss(in_flight, "CPU of a create ÷ an echo's", page.cpu_echoes, most, here.cpu_echoes))
        if page.per_echo is None or here.per_echo is None:
            continue
        if here.per_echo < (least := page.per_echo * left):
            found.append(Loss(in_flight, "creates ÷ echoes per s", page.per_echo, least, here.per_echo))
    return found


def lasting(earlier: Sequence[Loss], later: Sequence[Loss]) -> Sequence[Loss]:
    """Return the later ones, of figures that were too bad earlier, too."""
    known = {(loss.in_flight, loss.figure) for loss in earlier}
    return [loss for loss in later if (loss.in_flight, loss.figure) in known]


def by_load(rounds: Rounds, quiet: Rounds) -> ByLoad:
    return {in_flight: BesideEcho.of(rounds, quiet, in_flight) for in_flight in IN_FLIGHT}


async def _measure(count: int) -> ByLoad:
    rounds: list[Sequence[Run]] = []
    quiet: list[Sequence[Run]] = []
    async with contest(("echo", "ringback")) as entrants:
        servers = [one.server for one in entrants.values()]
        for number in range(count):
            before = Cores.read(servers)
            in_turns = list(entrants.values())[:: 1 if number % 2 else -1]
            rounds.append([await one.run(in_flight, _SECONDS) for in_flight in IN_FLIGHT for one in in_turns])
            if Cores.read(servers).others_since(before) <= QUIET:
                quiet.append(rounds[-1])
    print(f"{count} rounds, {len(quiet)} of them while others had at most {QUIET:.0%} of the cores:")
    return by_load(rounds, quiet)


def main() -> None:
    if not CLIENT.exists():
        sys.exit("not measured: no Go to build the client with")
    creates = json.loads(FIGURES.read_text())["creates"]
    page = rounds_of(creates["measured"])
    told = by_load(page, page)
    left = LEFT if machine.model() in creates["machine"] else LEFT_ELSEWHERE
    print(f"{left:.0%} of the speed that docs/performance.md tells is needed on this processor: {machine.model()}")
    found: Sequence[Loss] = ()
    for count in _ROUNDS:
        now = asyncio.run(_measure(count))
        for in_flight in IN_FLIGHT:
            print(f"{in_flight:4} in flight: {now[in_flight]}. docs/performance.md: {told[in_flight]}", flush=True)
        seen = losses(told, now, left)
        found = lasting(found, seen) if found else seen
        if not found:
            return
    sys.exit("each time they were measured, creates were slower than they may be:\n" + "\n".join(map(str, found)))


if __name__ == "__main__":
    main()
