"""Fills the disk of a loaded server, frees it, and looks for anything lost, doubled, or told wrongly.

    python tests/hunts/full_disk.py --rounds 6

The disk is a small one of memory (tmpfs; to mount it takes root). It is filled to the last byte, or nearly so, while
clients create, cancel and reschedule, and dialers call. Then the server is started on a full disk, and a backup is made
there.
"""

import asyncio
import errno
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import click
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.directory_service_pb2 import ListServicesRequest
from tests.hunts.calls import PATIENCE_S, connect
from tests.hunts.clients import Client
from tests.hunts.fleet import Fleet
from tests.hunts.kill_storm import Storm
from tests.hunts.report import Report
from tests.hunts.server import ServerProcess, ports_of, serving
from tests.hunts.setting import Setting
from tests.world.api import Api, refusal_of
from tests.world.command_line import Ran, run
from tests.world.mounts import in_memory
from tests.world.ports import free_port

# Several times what a hunt stores.
DISK_MIB: Final = 64
# How much is left of the disk: nothing, what a small write needs, and what many of them need.
LEFT: Final = (0, 4096, 16 * 1024, 64 * 1024, 256 * 1024)
# By how much more room each start has than the one before.
_MORE: Final = 64 * 1024
_FILLER: Final = "filler"
_CAPACITY: Final = 20
_DIALERS: Final = 3
# One transaction that does not fit into what is left.
_LARGE: Final = 60
_DESCRIPTION: Final = "x" * 150
_LABELS: Final = {f"label-{number}": "y" * 128 for number in range(15)}
# What the server promises: at once, and as soon as it has seen that the disk takes writes; it looks each second.
_NOTICED_S: Final = 1.0
_RECOVERED_S: Final = 5.0
# The one line that may come before an error.
_ANNOUNCED: Final = "there was no database"
_DOWN: Final = "the database does not take writes"
_TRYING: Final = ("cannot grant leases, trying again", "the scheduler cannot reach the database, trying again")
_UP: Final = "the database takes writes again"


class SmallDisk:
    """A file system with little room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / _FILLER

    def fill(self, left_bytes: int) -> None:
        """Fill it, but for so many bytes."""
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(1024 * 1024))
            except OSError as fault:
                if fault.errno != errno.ENOSPC:
                    raise
            filler.truncate(max(0, filler.tell() - left_bytes))

    def free(self) -> None:
        self._filler.unlink()


class Health:
    """What the server says of its health, as it turns."""

    def __init__(self) -> None:
        self.turns: list[bool] = []
        self._turned = asyncio.Event()

    async def follow(self, api: Api) -> None:
        stub: Any = health_pb2_grpc.HealthStub(api.channel)
        async for answer in stub.Watch(health_pb2.HealthCheckRequest()):
            self.turns.append(answer.status == health_pb2.HealthCheckResponse.SERVING)
            self._turned.set()

    async def until(self, serving: bool) -> float:
        """Return after how many seconds it was so."""
        begun = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            while self.turns[-1:] != [serving]:
                self._turned.clear()
                await self._turned.wait()
        return time.monotonic() - begun


class Flood:
    """A loaded server on a disk that is filled and freed."""

    def __init__(self, storm: Storm, disk: SmallDisk, health: Health, dice: random.Random) -> None:
        self.storm = storm
        self.noticed_s: list[float] = []
        self.recovered_s: list[float] = []
        self._disk = disk
        self._health = health
        self._dice = dice

    async def rise(self, left_bytes: int) -> None:
        """Fill the disk until a write is refused, and free it."""
        await self._health.until(serving=True)
        await asyncio.sleep(self._dice.uniform(0, 1))  # in the middle of anything
        self._disk.fill(left_bytes)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await self._is_taken(self._large()):
                    pass
            self.noticed_s.append(await self._health.until(serving=False))
            await asyncio.sleep(self._dice.uniform(0, 1))
        finally:
            self._disk.free()
        self.recovered_s.append(await self._health.until(serving=True))

    async def _is_taken(self, request: pb.BatchCreateCallbacksRequest) -> bool:
        """Send it once. Return whether it was stored; what is refused must be so for the right reason."""
        ledger = self.storm.ledger
        promises = [ledger.add(each) for each in request.requests]
        sent = pb.BatchCreateCallbacksRequest(requests=[each.sent for each in promises], include_callbacks=True)
        try:
            response = await self.storm.api.callbacks.BatchCreateCallbacks(sent, timeout=PATIENCE_S)
        except grpc.aio.AioRpcError as error:
            reason = refusal_of(error).reason
            if (error.code(), reason) != (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"):
                self.storm.findings.append(f"a full disk is told as {error.code().name} {reason} {error.details()}")
            return False
        for promise, result in zip(promises, response.results, strict=True):
            ledger.acknowledge(promise, result.callback, created=result.created)
        return True

    def _large(self) -> pb.BatchCreateCallbacksRequest:
        loads = {service.service_id: 1 for service in self.storm.services}
        client = Client("flood", self.storm.api, self.storm.ledger, loads, self._dice)
        request = pb.BatchCreateCallbacksRequest(requests=[client.new_request() for _ in range(_LARGE)])
        for each in request.requests:
            each.callback_request.description = _DESCRIPTION
            each.callback_request.labels.update(_LABELS)
            each.callback_request.ClearField("expire_time")
        return request

    def findings(self) -> Iterator[str]:
        yield from self.storm.all_findings()
        yield from (f"health turned {late:.1f} s after a refusal" for late in self.noticed_s if late > _NOTICED_S)
        yield from (
            f"health turned {late:.1f} s after the disk was freed" for late in self.recovered_s if late > _RECOVERED_S
        )

    def facts(self) -> dict[str, object]:
        return {
            "health turned after": f"{_most(self.noticed_s)} at most when full, {_most(self.recovered_s)} when freed",
            "outages": self._health.turns.count(False),
            **self.storm.facts(),
        }


def _most(times_s: list[float]) -> str:
    return f"{max(times_s, default=0):.2f} s"


def _faults_of_log(server: ServerProcess, outages: int) -> Iterator[str]:
    """Require that each outage is told once, and its end."""
    lines = server.log.read_text().splitlines()
    told = [_UP in line for line in lines if _DOWN in line or _UP in line]
    if told != [False, True] * outages:
        yield f"there were {outages} outages, and the log tells {len(told) - sum(told)} beginnings and {sum(told)} ends"
    again = Counter(what for line in lines if " WARNING " in line for what in _TRYING if what in line)
    yield from (
        f"{what!r} is told {times} times in {outages} outages" for what, times in again.items() if times > outages
    )


async def _flood(
    folder: Path, disk: SmallDisk, rounds: int, dice: random.Random
) -> tuple[dict[str, object], list[str]]:
    setting = Setting(database=f"sqlite:///{disk.folder / 'hunt.db'}")
    async with serving(folder, setting, "--dialer", "none") as servers, connect(ports_of(servers)) as api:
        await api.add_service("sip:full@cc.example", max_concurrent_calls=_CAPACITY, ring_timeout=Duration(seconds=1))
        services = (await api.directory.ListServices(ListServicesRequest())).services
        storm = Storm(servers, api, services, None, dice)
        fleet = Fleet(ports_of(servers), [service.service_id for service in services], dice)
        health = Health()
        flood = Flood(storm, disk, health, dice)
        async with _watched(storm, health):
            try:
                for _ in range(_DIALERS):
                    await fleet.add()
                levels = [LEFT[number % len(LEFT)] for number in range(rounds)]
                await storm.rage([_blow(flood, level) for level in levels])
                await storm.settle()
                await storm.judge()
                await fleet.stop()
                storm.findings += [*fleet.findings, *fleet.compare(await api.list_all())]
                storm.findings += _faults_of_log(servers[0], health.turns.count(False))
            except Exception as fault:  # noqa: BLE001 - what was found until then explains it
                storm.findings.append(f"the hunt could not go on: {fault!r}")
            finally:
                await fleet.clear()
        return flood.facts(), list(flood.findings())


def _blow(flood: Flood, left_bytes: int) -> Any:
    return lambda: flood.rise(left_bytes)


@asynccontextmanager
async def _watched(storm: Storm, health: Health) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(watcher.run()) for watcher in storm.watchers]
    tasks.append(asyncio.create_task(health.follow(storm.api)))
    for watcher in storm.watchers:
        await watcher.streaming.wait()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- Commands on a full disk ------------------------------------------------------------------------------------------


async def _starts(disk: SmallDisk) -> tuple[int, list[str]]:
    """Start a server on a new database with too little room, as much as it takes until it starts."""
    findings: list[str] = []
    refused, left_bytes = 0, 0
    database = disk.folder / "start.db"
    while (ran := await _start(disk, database, left_bytes)).code:
        refused += 1
        findings += [f"a server with {left_bytes} bytes: {fault}" for fault in _faults_of_refusal(ran)]
        left_bytes += _MORE
    return refused, findings


async def _start(disk: SmallDisk, database: Path, left_bytes: int) -> Ran:
    """Run a server that ends as soon as it listens: nothing else makes it end with 0."""
    server = ServerProcess(disk.folder.parent, "start", f"sqlite:///{database}", ("--dialer", "none"))
    disk.fill(left_bytes)
    try:
        try:
            await server.start()
        except RuntimeError:
            return Ran(1, "", server.log.read_text())
        drain = await server.drain()
        return Ran(drain.exit_code, "", "")
    finally:
        await server.kill()
        disk.free()
        (disk.folder.parent / "start.log").unlink(missing_ok=True)


async def _backups(disk: SmallDisk) -> list[str]:
    """Make a backup on a full disk, of a database that is elsewhere, and again when there is room."""
    source, copy = disk.folder.parent / "source.db", disk.folder / "copy.db"
    database = f"sqlite:///{source}"
    server = ServerProcess(disk.folder.parent, "source", database, ("--dialer", "none"))
    await server.start()
    await server.drain()
    before = set(disk.folder.iterdir())
    disk.fill(16 * 1024)
    try:
        full = await run("backup", str(copy), "--database", database)
    finally:
        disk.free()
    findings = [f"a backup on a full disk: {fault}" for fault in _faults_of_refusal(full)]
    if left := set(disk.folder.iterdir()) - before:
        findings.append(f"a backup on a full disk has left {sorted(path.name for path in left)}")
    if (ran := await run("backup", str(copy), "--database", database)).code:
        findings.append(f"a backup, when there is room again: {ran.err}")
    return findings


async def _goes_on_without_log(disk: SmallDisk) -> list[str]:
    """Run a server whose log is on a full disk, and its database is not."""
    port, database = free_port(), disk.folder.parent / "logged.db"
    with (disk.folder / "log").open("wb") as log:
        disk.fill(0)
        options = ("--listen", f"127.0.0.1:{port}", "--database", f"sqlite:///{database}", "--dialer", "none")
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "ringback", "serve", *options, stderr=log)
        try:
            async with asyncio.timeout(PATIENCE_S), connect([port]) as api:
                await api.directory.ListServices(ListServicesRequest(), wait_for_ready=True)
                process.terminate()
                exit_code = await process.wait()
        finally:
            disk.free()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return [f"a server whose log is on a full disk ends with {exit_code}"] if exit_code else []


def _faults_of_refusal(ran: Ran) -> Iterator[str]:
    lines = [line for line in ran.err.splitlines() if not line.startswith(_ANNOUNCED)]
    if ran.code != 1:
        yield f"ends with {ran.code}"
    if len(lines) != 1 or not lines[0].startswith("Error: "):
        yield f"says {lines}"


async def hunt(folder: Path, *, rounds: int, seed: int) -> Report:
    """Fill and free the disk so many times."""
    begun = time.monotonic()
    with in_memory(folder / "disk", DISK_MIB) as place:
        facts, findings = await _flood(folder, SmallDisk(place), rounds, random.Random(seed))
    with in_memory(folder / "disk", DISK_MIB) as place:
        refused, faults = await _starts(SmallDisk(place))
        findings += [*faults, *await _backups(SmallDisk(place)), *await _goes_on_without_log(SmallDisk(place))]
    more = {"starts refused": refused, "seconds": round(time.monotonic() - begun, 1)}
    return Report({"seed": seed, "rounds": rounds, **facts, **more}, findings)


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often to fill the disk.")
@click.option("--seed", type=int, help="Repeats the dice of an earlier hunt (its timing is the machine's).")
def main(rounds: int, seed: int | None) -> None:
    """Fill the disk of a loaded server, free it, and look for anything lost, doubled, or told wrongly."""
    seed = random.randrange(2**32) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="ringback-full-") as folder:
        try:
            report = asyncio.run(hunt(Path(folder), rounds=rounds, seed=seed))
        except pytest.skip.Exception as reason:
            click.echo(f"not run: {reason}")
            return
    report.show()


if __name__ == "__main__":
    main()
