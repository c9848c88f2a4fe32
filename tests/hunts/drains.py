"""Stops a loaded server again and again, and looks at how each call ends.

    python tests/hunts/drains.py --stops 30

Over several connections, clients create, get, list, poll for leases and watch without a pause, some of them over a
new connection for each call, until the server has gone. What the server refuses because it stops, it refuses as
UNAVAILABLE with SERVER_DRAINING and RetryInfo, and it has not stored it. A call that went down with its connection is
UNAVAILABLE, too. No call ends as CANCELLED, and no stream and no poll that was open before ends otherwise than OK.
"""

import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import click
import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.rpc.requests import DETAILS_KEY
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.hunts.report import Report
from tests.hunts.server import DRAIN_S, ServerProcess, serving
from tests.hunts.setting import ONE_SERVER
from tests.world.api import Api, refusal_of
from tests.world.requests import from_now
from tests.world.statuses import details_of

# Connections, and the calls of each kind that are in progress on each.
_CONNECTIONS: Final = 4
_CALLS: Final = 2
# A connection of its own for each channel; no call is repeated, so that all ends are seen.
_OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)
# How long clients call before the server is told to stop.
_LOAD_S: Final = (0.1, 0.5)
# Far longer than any call takes once the server has gone.
_PATIENCE_S: Final = 30.0


class End(NamedTuple):
    """How calls end, as a caller sees it."""

    kind: str
    code: str
    reason: str
    retry_info: bool = False

    def is_allowed(self) -> bool:
        """Return whether the contract allows it for a call to a server that stops."""
        if self.reason:
            return self[1:] == ("UNAVAILABLE", "SERVER_DRAINING", True)
        return self.code in {"OK", "UNAVAILABLE"}

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.code, self.reason)))


class Load:
    """Clients that call one life of a server until it has gone."""

    def __init__(self, port: int, service_id: str, life: int, known_id: str) -> None:
        self.ends: Counter[End] = Counter()
        # How each create ended, by its external_task_id.
        self.creates: dict[str, End] = {}
        self._port = port
        self._service_id = service_id
        self._life = life
        self._known_id = known_id
        self._gone = False
        self._calls: dict[str, Callable[[Api], Awaitable[object]]] = {
            "get": lambda api: api.get(self._known_id),
            "list": lambda api: api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=5)),
            "poll": lambda api: api.dialers.LeaseCallbacks(_POLL),
            "watch": _watch,
        }

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_CONNECTIONS):
                tasks.create_task(self._connected())
            tasks.create_task(self._reconnecting())

    async def _connected(self) -> None:
        async with self._channel() as api, asyncio.TaskGroup() as tasks:
            for kind in ("create", *self._calls) * _CALLS:
                tasks.create_task(self._repeat(api, kind))

    async def _repeat(self, api: Api, kind: str) -> None:
        while not self._gone:
            if kind == "create":
                await self._create(api)
            else:
                await self._end_of(kind, self._calls[kind](api))

    async def _reconnecting(self) -> None:
        while not self._gone:
            async with self._channel() as api:
                await self._end_of("get", api.get(self._known_id))

    async def _create(self, api: Api) -> None:
        task_id = f"{self._life}-{len(self.creates)}"
        self.creates[task_id] = End("create", "", "")
        creating = api.create(external_task_id=task_id, due_date=from_now(days=1))
        self.creates[task_id] = await self._end_of("create", creating)

    async def _end_of(self, kind: str, call: Awaitable[object]) -> End:
        try:
            await call
            end = End(kind, "OK", "")
        except grpc.aio.AioRpcError as error:
            end = End(kind, error.code().name, refusal_of(error).reason, _has_retry_info(error))
            self._gone = self._gone or "Connection refused" in (error.details() or "")
        self.ends[end] += 1
        return end

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[Api]:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", options=_OPTIONS) as channel:
            yield Api.on(channel, self._service_id)


_POLL: Final = dialer_pb.LeaseCallbacksRequest(dialer_id="hunt", wait_duration=Duration(seconds=20))


async def _watch(api: Api) -> None:
    async for response in api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest()):
        assert response.resume_token


def _has_retry_info(error: grpc.aio.AioRpcError) -> bool:
    details = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    return isinstance(details, bytes) and any(
        isinstance(detail, RetryInfo) for detail in details_of(Status.FromString(details))
    )


class Drains:
    """The lives of a server, each of which ends under load."""

    def __init__(self, server: ServerProcess, dice: random.Random) -> None:
        self.ends: Counter[End] = Counter()
        self.findings: list[str] = []
        self.seconds: list[float] = []
        self._server = server
        self._dice = dice

    async def run(self, stops: int) -> None:
        async with self._api() as api:
            service_id = await api.add_service()
            known_id = (await api.create(due_date=from_now(days=1))).callback_id
        for life in range(stops):
            load = Load(self._server.port, service_id, life, known_id)
            calling = asyncio.create_task(load.run())
            await asyncio.sleep(self._dice.uniform(*_LOAD_S))
            drain = await self._server.drain(self._dice.choice((signal.SIGTERM, signal.SIGINT)))
            if drain.exit_code != 0 or drain.seconds > DRAIN_S:
                self.findings.append(f"stop {life}: exit code {drain.exit_code} after {drain.seconds:.1f} s")
            self.seconds.append(drain.seconds)
            async with asyncio.timeout(_PATIENCE_S):
                await calling
            self.ends += load.ends
            await self._server.start()
            await self._compare(load)
        self.findings += [f"{count} calls ended as {end}" for end, count in self.ends.items() if not end.is_allowed()]
        self.findings += self._server.complaints()

    async def _compare(self, load: Load) -> None:
        """Compare what creates were told with what is stored."""
        async with self._api() as api:
            stored = {callback.callback_request.external_task_id for callback in await api.list_all()}
        for task_id, end in load.creates.items():
            if end.code == "OK" and task_id not in stored:
                self.findings.append(f"{task_id} was acknowledged, and is not stored")
            if end.reason and task_id in stored:
                self.findings.append(f"{task_id} was refused with {end.reason}, and is stored")

    @asynccontextmanager
    async def _api(self) -> AsyncIterator[Api]:
        async with Api.connect(self._server.port) as api:
            yield api

    def facts(self) -> dict[str, object]:
        return {
            "stops": len(self.seconds),
            "seconds for a stop": f"{min(self.seconds):.2f} to {max(self.seconds):.2f}",
            **{str(end): count for end, count in sorted(self.ends.items())},
        }


async def hunt(folder: Path, *, stops: int, seed: int) -> Report:
    """Run one hunt on a fresh database in `folder`."""
    begun = time.monotonic()
    async with serving(folder, ONE_SERVER, "--dialer", "none") as [server]:
        drains = Drains(server, random.Random(seed))
        await drains.run(stops)
    seconds = round(time.monotonic() - begun, 1)
    return Report({"seed": seed, **drains.facts(), "seconds": seconds}, drains.findings)


@click.command()
@click.option("--stops", default=30, show_default=True, help="How often to stop the server.")
@click.option("--seed", type=int, help="Repeats the dice of an earlier hunt (its timing is the machine's).")
def main(stops: int, seed: int | None) -> None:
    """Stop a loaded server again and again, and look at how each call ends."""
    seed = random.randrange(2**32) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="ringback-drains-") as folder:
        asyncio.run(hunt(Path(folder), stops=stops, seed=seed)).show()


if __name__ == "__main__":
    main()
