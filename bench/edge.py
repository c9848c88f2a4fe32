"""What the HTTP port costs those that call over gRPC: creates and watches, with and without `--http`, in turns."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from bench.part import Course, Measured, Part, Plots, Scale
from bench.processes import BUILD, CLIENT, Meter, ServerProcess, add_service, load_client, serving
from bench.rounds import Aim, Spread
from bench.tables import table, whole
from ringback.client import insecure_channel
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceStub

Who = Literal["grpc", "http"]
_OPTIONS: Final[dict[Who, Sequence[str]]] = {"grpc": (), "http": ("--http", "127.0.0.1:0")}

IN_FLIGHT: Final = (1, 16, 64)
WATCHERS: Final = 100
_BACKLOG: Final = 3_000
_BATCH: Final = 100
# What is looked for is small, so the turns are short and many. The one that begins changes with each.
_ROUNDS: Final = {Scale.SHORT: 6, Scale.FULL: 20}
_SECONDS: Final = 1.0
OF_WITHOUT: Final = Aim(least=0.97)
OF_ITS_CPU: Final = Aim(most=1.03)


@dataclass(frozen=True, slots=True)
class Turn:
    """One server under one load: creates in flight, or watchers that catch up. CPU time is per create or event."""

    who: Who
    what: str
    per_s: float
    cpu_us: float


async def measure(course: Course) -> Measured:
    if not CLIENT.exists():
        return {"missing": "no Go to build the client with"}
    async with _contestants() as contestants:
        turns = [await _round(contestants[:: 1 if number % 2 else -1]) for number in range(_ROUNDS[course.scale])]
    return {"seconds": _SECONDS, "rounds": [[asdict(turn) for turn in round_] for round_ in turns]}


async def _round(contestants: Sequence["_Contestant"]) -> Sequence[Turn]:
    turns: list[Turn] = []
    for in_flight in IN_FLIGHT:
        turns += [await one.create(in_flight) for one in contestants]
    return [*turns, *[await one.watch() for one in contestants]]


class _Contestant:
    """A server, with or without HTTP."""

    def __init__(self, who: Who, server: ServerProcess, service_id: str) -> None:
        self.who = who
        self._server = server
        self._service_id = service_id
        self._meter = Meter([server], None)

    async def warm_up(self) -> None:
        await self.create(IN_FLIGHT[-1])
        await self.watch()

    async def create(self, in_flight: int) -> Turn:
        before = self._meter.read()
        load = await self._load("-in-flight", str(in_flight), "-duration", f"{_SECONDS}s")
        spent = self._meter.read() - before
        per_s = load["count"] / (load["ended"] - load["begun"])
        return Turn(self.who, f"creates, {in_flight} in flight", per_s, spent.servers_s / load["count"] * 1e6)

    async def watch(self) -> Turn:
        """Have watchers catch up with callbacks that have just been created."""
        async with insecure_channel(self._server.address) as channel:
            stub: Any = CallbacksServiceStub(channel)
            token = str((await stub.ListCallbacks(pb.ListCallbacksRequest(page_size=1))).resume_token)
        await self._load("-batch", str(_BATCH), "-count", str(_BACKLOG // _BATCH), "-duration", "5m")
        before = self._meter.read()
        streams = ("-streams", str(WATCHERS), "-connections", "1", "-token", token, "-until", str(_BACKLOG))
        got = await load_client("watch", "-address", self._server.address, *streams)
        spent = self._meter.read() - before
        per_s = got["events"] / (got["ended"] - got["begun"])
        return Turn(self.who, f"events to {WATCHERS} watchers", per_s, spent.servers_s / got["events"] * 1e6)

    async def _load(self, *flags: str) -> dict[str, Any]:
        return await load_client(
            "load", "-address", self._server.address, "-service", self._service_id, "-due", "1h", *flags
        )


@asynccontextmanager
async def _contestants() -> AsyncIterator[list[_Contestant]]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD)))
        contestants: list[_Contestant] = []
        for who, options in _OPTIONS.items():
            database = f"sqlite:///{folder}/{who}.db"
            [server] = await stack.enter_async_context(serving(1, database, "--dialer", "none", *options))
            contestants.append(_Contestant(who, server, await add_service(server)))
        for one in contestants:
            await one.warm_up()
        yield contestants


def show(measured: Measured, _: Plots) -> str:
    if "missing" in measured:
        return f"Not measured: {measured['missing']}."
    rounds = [[Turn(**turn) for turn in turns] for turns in measured["rounds"]]
    rows = [_row(rounds, what) for what in dict.fromkeys(turn.what for turn in rounds[0])]
    head = ["without, per s", "with, per s", "÷ without", f"aim {OF_WITHOUT.show()}"]
    cpu = ["server CPU ÷ without", f"aim {OF_ITS_CPU.show()}"]
    return f"""
What calls over gRPC cost on a server that serves HTTP, too (`--http`), beside one that does not. Both take turns:
medians of {len(rounds)} rounds, {measured["seconds"]:g} s for each figure, and in brackets the lowest and the highest.

{table(["", *head, *cpu], rows)}
"""


def _row(rounds: Sequence[Sequence[Turn]], what: str) -> list[str]:
    without, with_http = (
        [turn for turns in rounds for turn in turns if (turn.who, turn.what) == (who, what)] for who in _OPTIONS
    )
    share = Spread.of_ratio([turn.per_s for turn in with_http], [turn.per_s for turn in without])
    cpu = Spread.of_ratio([turn.cpu_us for turn in with_http], [turn.cpu_us for turn in without])
    medians = [whole(Spread.of([turn.per_s for turn in turns]).median) for turns in (without, with_http)]
    return [what, *medians, share.show(), OF_WITHOUT.judge(share), cpu.show(), OF_ITS_CPU.judge(cpu)]


PART: Final = Part("edge", "The price of HTTP", measure, show)
