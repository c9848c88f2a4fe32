"""Watchers of everything: a backlog and single events for many, what an idle one takes, and what stalled ones cost."""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from bench.part import Course, Measured, Part, Scale
from bench.processes import BUILD, CLIENT, Meter, ServerProcess, add_service, load_client, serving
from bench.watches.encode_counts import encodes
from bench.watches.figures import Backlog, Round, Single
from bench.watches.page import show
from ringback.client import insecure_channel
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceStub

# As many as proxies let share a connection.
STREAMS_PER_CONNECTION: Final = 100
STALLED: Final = 10
STALLED_BESIDE: Final = 100
# Times in a round, with and without stalled ones: what is looked for is small.
PAIRS: Final = 5
# Between single events: so long that each has come to all before the next.
GAP_S: Final = 0.2
_BATCH: Final = 100
_SETTLING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    watchers: Sequence[int]
    rounds: int
    backlog: int
    single: int


EXTENTS: Final = {
    Scale.SHORT: Extent(watchers=(1, 100, 300), rounds=2, backlog=3_000, single=10),
    Scale.FULL: Extent(watchers=(1, 100, 1_000), rounds=5, backlog=10_000, single=50),
}


async def measure(course: Course) -> Measured:
    if not CLIENT.exists():
        return {"missing": "no Go to build the client with"}
    extent = EXTENTS[course.scale]
    rounds = [await _round(extent) for _ in range(extent.rounds)]
    return {
        **asdict(extent),
        "measured": [asdict(one) for one in rounds],
        "per_connection": STREAMS_PER_CONNECTION,
        "stalled": {"count": STALLED, "beside": STALLED_BESIDE},
        "encodes": [asdict(one) for one in await encodes()],
    }


async def _round(extent: Extent) -> Round:
    idle_kb = await _idle_kb(max(extent.watchers))
    async with _serving() as server:
        subject = _Watched(server, await add_service(server))
        backlogs = await subject.backlogs(extent)
        singles = [await subject.single(watchers, extent.single) for watchers in extent.watchers]
    return Round(backlogs, singles, idle_kb)


async def _idle_kb(watchers: int) -> float:
    """Return the memory per watcher, in kB. The server has had none before: what it once took it may keep."""
    async with _serving() as server, _watching(server, 1):
        await asyncio.sleep(_SETTLING_S)
        before = _resident_kb(server)
        async with _watching(server, watchers):
            await asyncio.sleep(_SETTLING_S)
            return (_resident_kb(server) - before) / watchers


class _Watched:
    """A server that is watched, and creates callbacks for it to tell about."""

    def __init__(self, server: ServerProcess, service_id: str) -> None:
        self._server = server
        self._service_id = service_id
        self._meter = Meter([server], None)
        self._numbers = count(1)

    async def backlogs(self, extent: Extent) -> Sequence[Backlog]:
        """Measure with and without stalled ones in turns."""
        token = await self._token()
        creates = ("-batch", str(_BATCH), "-count", str(extent.backlog // _BATCH), "-duration", "5m", "-due", "1h")
        await load_client("load", "-address", self._server.address, "-service", self._service_id, *creates)
        kinds = PAIRS * [(STALLED_BESIDE, 0), (STALLED_BESIDE, STALLED)]
        kinds += [(watchers, 0) for watchers in extent.watchers if watchers != STALLED_BESIDE]
        await self._backlog(STALLED_BESIDE, 0, extent.backlog, token)  # to warm up
        return [await self._backlog(watchers, stalled, extent.backlog, token) for watchers, stalled in kinds]

    async def _backlog(self, watchers: int, stalled: int, events: int, token: str) -> Backlog:
        before = self._meter.read()
        flags = ("-token", token, "-until", str(events), "-stalled", str(stalled))
        got = await load_client("watch", *_streams(self._server, watchers), *flags)
        spent = self._meter.read() - before
        per_s = got["events"] / (got["ended"] - got["begun"])
        return Backlog(watchers, stalled, per_s, spent.servers_s / got["events"] * 1e6)

    async def single(self, watchers: int, events: int) -> Single:
        async with _watching(self._server, watchers, "-until", str(events), "-times") as watching:
            before = self._meter.read()
            async with insecure_channel(self._server.address) as channel:
                stub: Any = CallbacksServiceStub(channel)
                for _ in range(events):
                    await stub.CreateCallback(self._create())
                    await asyncio.sleep(GAP_S)
            got = json.loads((await watching.communicate())[0])
        spent = self._meter.read() - before
        cpu_us = spent.servers_s / got["events"] * 1e6
        return Single(watchers, got["p50_us"], got["p99_us"], got["max_us"], cpu_us)

    def _create(self) -> pb.CreateCallbackRequest:
        request = cb.CallbackRequest(
            target=f"sip:anna-{next(self._numbers)}@b.example",
            service_id=self._service_id,
            seconds_between_retries=60,
            priority=cb.PRIORITY_NORMAL,
        )
        request.due_date.GetCurrentTime()
        request.due_date.seconds += 3600
        return pb.CreateCallbackRequest(callback_request=request)

    async def _token(self) -> str:
        async with insecure_channel(self._server.address) as channel:
            stub: Any = CallbacksServiceStub(channel)
            return str((await stub.ListCallbacks(pb.ListCallbacksRequest(page_size=1))).resume_token)


@asynccontextmanager
async def _serving() -> AsyncIterator[ServerProcess]:
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        async with serving(1, f"sqlite:///{folder}/ringback.db", "--dialer", "none") as [server]:
            yield server


@asynccontextmanager
async def _watching(server: ServerProcess, watchers: int, *flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the Go client with all its streams open, as long as the block or until it has what it wants."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(str(CLIENT), "watch", *_streams(server, watchers), *flags), stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        assert process.stderr is not None
        if (said := await process.stderr.readline()) != b"ready\n":
            raise RuntimeError(f"client watch: {said.decode().strip()}")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _streams(server: ServerProcess, watchers: int) -> Sequence[str]:
    connections = -(-watchers // STREAMS_PER_CONNECTION)
    return ("-address", server.address, "-streams", str(watchers), "-connections", str(connections))


def _resident_kb(server: ServerProcess) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


PART: Final = Part("watches", "Watching", measure, show)
