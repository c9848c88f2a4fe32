"""The parts of a fuzz, each of which runs for a time, or for a number of steps."""

import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from tests.fuzz.files import FileFuzz
from tests.fuzz.frames import FrameFuzz
from tests.fuzz.messages import SERVICES
from tests.fuzz.rpcs import RpcFuzz
from tests.fuzz.server import Fuzzed, fuzzed_server
from tests.fuzz.tally import FuzzTally
from tests.fuzz.web import WebFuzz
from tests.hunts.report import Report


class Length(NamedTuple):
    """How long a part goes on."""

    seconds: float
    # In place of the seconds.
    steps: int | None = None

    def is_over(self, step: int, since_s: float) -> bool:
        if self.steps is not None:
            return step >= self.steps
        return time.monotonic() - since_s >= self.seconds


class Stepping(Protocol):
    """A part, as it goes on."""

    @property
    def tally(self) -> FuzzTally: ...

    async def step(self, number: int) -> None: ...


Part: TypeAlias = Callable[[Path, int, Length], Coroutine[Any, Any, Report]]


async def go_on(fuzz: Stepping, length: Length) -> None:
    """Make one step after the other."""
    since_s = time.monotonic()
    while not length.is_over(fuzz.tally.steps, since_s):
        await fuzz.step(fuzz.tally.steps)
        fuzz.tally.steps += 1


async def fuzz_server(server: Fuzzed, kind: type[RpcFuzz | FrameFuzz | WebFuzz], seed: int, length: Length) -> Report:
    """Fuzz a server that runs, and look at it afterwards."""
    await server.add_services(*SERVICES)
    async with kind(server, seed) as fuzz:
        await go_on(fuzz, length)
    tally = fuzz.tally
    return Report(tally.facts(), [*tally.findings, *await server.faults(tally.calls)])


def _of_server(kind: type[RpcFuzz | FrameFuzz | WebFuzz]) -> Part:
    async def fuzz(folder: Path, seed: int, length: Length) -> Report:
        async with fuzzed_server(folder) as server:
            return await fuzz_server(server, kind, seed, length)

    return fuzz


async def _files(folder: Path, seed: int, length: Length) -> Report:
    fuzz = FileFuzz(folder, seed)
    await go_on(fuzz, length)
    return Report(fuzz.tally.facts(), fuzz.tally.findings)


PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {"rpcs": _of_server(RpcFuzz), "frames": _of_server(FrameFuzz), "web": _of_server(WebFuzz), "files": _files}
)
