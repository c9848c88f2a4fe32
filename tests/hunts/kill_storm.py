"""Kills a loaded server again and again, and looks for anything lost or doubled.

    python tests/hunts/kill_storm.py --kills 50 --drains 5
    python tests/hunts/kill_storm.py --kills 50 --drains 5 --postgres --servers 3

Clients create, repeat, cancel and reschedule without a pause while the server is killed with SIGKILL at random
moments, those of its start included, and now and then stopped with SIGTERM. A watch sees all of it, resuming each
time. In the end every promise has to be kept, once.

Of many servers, one also hangs for longer than its dialer's leases, their PostgreSQL crashes, and their connections
to it are cut.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import click
import grpc
from google.protobuf.duration_pb2 import Duration

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1.directory_service_pb2 import ListServicesRequest, Service
from tests.hunts import counts
from tests.hunts.calls import connect
from tests.hunts.checker import EXPIRED, FAILED, QUEUED, SCHEDULED, Checker, Fold
from tests.hunts.clients import Client
from tests.hunts.database import Durable
from tests.hunts.ledger import Ledger
from tests.hunts.report import Report, fates
from tests.hunts.server import DRAIN_S, ServerProcess, hanging, ports_of, serving
from tests.hunts.setting import ONE_SERVER, Setting, chosen, setting_options
from tests.hunts.watcher import Watcher
from tests.world.api import Api

CLIENTS: Final = 6
# How many callbacks the load stays ahead of the dialling.
BACKLOG: Final = 300
# The longest time a server lives, and how often that time includes its start.
_LIFE_S: Final = 1.8
_EARLY_SHARE: Final = 0.25
# Longer than the leases of the dialer that is built into the servers.
_FROZEN_S: Final = 31.0
# Every callback is through its retries long before this, once the storm is over; leases of the dead included.
_SETTLE_S: Final = 120.0
_CATCH_UP_S: Final = 30.0
_CAPACITIES: Final = (1, 5, 50)
# States that callbacks enter and leave, and in which some of them stay: what a filter has to keep up with.
_FILTERED: Final = (SCHEDULED, QUEUED, FAILED, EXPIRED)


Blow = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Blows:
    """How often each blow is struck. The last three take many servers on one PostgreSQL."""

    kills: int
    drains: int
    freezes: int = 1
    crashes: int = 3
    cuts: int = 10


class Storm:
    """The servers, their clients, and two watches: of everything, and through a filter."""

    def __init__(
        self,
        servers: Sequence[ServerProcess],
        api: Api,
        services: Sequence[Service],
        cluster: Durable | None,
        dice: random.Random,
    ) -> None:
        self.api = api
        self.ports = ports_of(servers)
        self.services = services
        self.checker = Checker(services)
        self.ledger = Ledger()
        self.fold = Fold()
        self.watchers = (
            Watcher(self.ports, self.checker, dice, cb.CallbackFilter(), hanging(servers)),
            Watcher(self.ports, self.fold, dice, cb.CallbackFilter(states=_FILTERED), hanging(servers)),
        )
        self.findings: list[str] = []
        self._servers = servers
        self._cluster = cluster
        self._dice = dice
        self._calm = False

    async def strike(self, blows: Blows) -> None:
        """Stop servers this many times, under clients that go on regardless."""
        sequence = [self.kill] * blows.kills + [self._drain] * blows.drains
        frozen: list[ServerProcess] = []
        if (cluster := self._cluster) is not None:
            sequence += [lambda: self._after_a_while(cluster.restart)] * blows.crashes
            sequence += [lambda: self._after_a_while(lambda: cluster.cut_connections(self._dice))] * blows.cuts
            frozen = self._dice.sample(self._servers, min(blows.freezes, len(self._servers) - 1))
        self._dice.shuffle(sequence)
        async with asyncio.TaskGroup() as thaws:
            for server in frozen:
                server.freeze()
                thaws.create_task(server.thaw_after(_FROZEN_S))
            await self.rage(sequence)

    async def rage(self, blows: Sequence[Blow]) -> None:
        """Strike one blow after the other, while clients ask for callbacks."""
        loads = {service.service_id: service.max_concurrent_calls for service in self.services}
        clients = [
            Client(f"caller-{n}", self.api, self.ledger, loads, self._dice, hanging(self._servers))
            for n in range(CLIENTS)
        ]
        async with asyncio.TaskGroup() as load:
            for client in clients:
                load.create_task(self._keep_busy(client))
            for number, blow in enumerate(blows, start=1):
                await blow()
                if number % 10 == 0:
                    click.echo(f"struck {number} times, {self.checker.events} events", err=True)
            for server in self._servers:
                await server.listening()
            self._calm = True

    async def settle(self) -> None:
        """Wait until every callback has ended."""
        try:
            async with asyncio.timeout(_SETTLE_S):
                await self.watchers[0].until(self._is_settled)
        except TimeoutError:
            self.findings += [f"{callback_id} has not ended" for callback_id in sorted(self.checker.open)]

    async def judge(self) -> None:
        """Compare what was told, what was watched and what is stored."""
        listed = await self.api.list_all()
        self.checker.compare(listed)
        self.checker.confirm(self.ledger.returned)
        self.findings += self.ledger.verdict(listed)
        self.findings += await counts.differences(self.api, listed)
        filtered = await self.api.list_all(states=_FILTERED)
        with suppress(TimeoutError):  # the other watch was quicker
            async with asyncio.timeout(_CATCH_UP_S):
                await self.watchers[1].until(lambda: not any(self.fold.differences(filtered)))
        self.findings += self.fold.differences(filtered)

    def facts(self) -> dict[str, object]:
        """Return what happened, for the report."""
        return {
            **fates(self.checker.callbacks.values()),
            "answers compared": len(self.ledger.returned),
            "events checked": self.checker.events,
            "events delivered again": self.checker.redelivered,
            "streams": sum(len(watcher.ends) for watcher in self.watchers),
        }

    def all_findings(self) -> list[str]:
        watched = chain.from_iterable(watcher.findings for watcher in self.watchers)
        complaints = chain.from_iterable(server.complaints() for server in self._servers)
        return [*self.checker.findings, *self.ledger.findings, *self.findings, *watched, *complaints]

    async def _keep_busy(self, client: Client) -> None:
        while not self._calm:
            await client.act()
            await self.watchers[0].until(lambda: self._calm or len(self.checker.open) < BACKLOG)

    async def _after_a_while(self, blow: Blow) -> None:
        await asyncio.sleep(self._dice.uniform(0, _LIFE_S))
        await blow()

    def _any_server(self) -> ServerProcess:
        return self._dice.choice([server for server in self._servers if not server.frozen])

    async def kill(self) -> None:
        await asyncio.sleep(self._dice.uniform(0, _LIFE_S))
        server = self._any_server()
        await server.kill()
        await server.spawn()
        if self._dice.random() >= _EARLY_SHARE:
            await server.listening()

    async def _drain(self) -> None:
        """Drain a server: its streams end with OK, its process with 0, and soon."""
        server = self._any_server()
        await server.listening()
        for watcher in self.watchers:
            await watcher.streaming.wait()
        await asyncio.sleep(self._dice.uniform(0, _LIFE_S))
        watchers = [watcher for watcher in self.watchers if watcher.port == server.port]
        ended = [len(watcher.ends) for watcher in watchers]
        drain = await server.drain()
        if drain.exit_code != 0 or drain.seconds > DRAIN_S:
            self.findings.append(f"SIGTERM: exit code {drain.exit_code} after {drain.seconds:.1f} s")
        for watcher, count in zip(watchers, ended, strict=True):
            await watcher.until(lambda: len(watcher.ends) > count)  # noqa: B023 - called at once
            if watcher.ends[count : count + 1] != [grpc.StatusCode.OK]:
                self.findings.append(f"SIGTERM: a watch ended with {watcher.ends[count:]}")
        await server.start()

    def _is_settled(self) -> bool:
        known = self.checker.callbacks
        return not self.checker.open and all(
            promise.callback_id in known for promise in self.ledger.promises if promise.callback_id
        )


async def hunt(folder: Path, *, blows: Blows, seed: int, setting: Setting = ONE_SERVER) -> Report:
    """Run one storm on a fresh database: in `folder`, or that of the setting."""
    begun = time.monotonic()
    async with storm(folder, setting, random.Random(seed)) as raging:
        try:
            await raging.strike(blows)
            await raging.settle()
            await raging.judge()
        except Exception as fault:  # noqa: BLE001 - what was found until then explains it
            raging.findings.append(f"the storm could not go on: {fault!r}")
        facts: dict[str, object] = {"seed": seed, "servers": setting.servers, "blows": blows}
        return Report({**facts, **raging.facts(), "seconds": round(time.monotonic() - begun, 1)}, raging.all_findings())


@asynccontextmanager
async def storm(folder: Path, setting: Setting, dice: random.Random) -> AsyncIterator[Storm]:
    """Run servers with some services, and watches that see everything from the first event on."""
    options = ("--simulated-ring", "0.02", "--simulated-talk", "0.02")
    async with serving(folder, setting, *options) as servers, connect(ports_of(servers)) as api:
        for capacity in _CAPACITIES:
            await api.add_service(
                f"sip:capacity-{capacity}@cc.example", max_concurrent_calls=capacity, ring_timeout=Duration(seconds=1)
            )
        services = (await api.directory.ListServices(ListServicesRequest())).services
        storm = Storm(servers, api, services, setting.cluster, dice)
        tasks = [asyncio.create_task(watcher.run()) for watcher in storm.watchers]
        for watcher in storm.watchers:
            await watcher.streaming.wait()
        try:
            yield storm
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@click.command()
@click.option("--kills", default=50, show_default=True, help="How often to kill a server.")
@click.option("--drains", default=5, show_default=True, help="How often to stop one with SIGTERM instead.")
@click.option("--seed", type=int, help="Repeats the dice of an earlier storm (its timing is the machine's).")
@setting_options
def main(kills: int, drains: int, seed: int | None, *, postgres: bool, servers: int) -> None:
    """Kill a loaded server again and again, and look for anything lost or doubled."""
    seed = random.randrange(2**32) if seed is None else seed
    with (
        tempfile.TemporaryDirectory(prefix="ringback-storm-") as folder,
        chosen(postgres=postgres, servers=servers) as setting,
    ):
        asyncio.run(hunt(Path(folder), blows=Blows(kills, drains), seed=seed, setting=setting)).show()


if __name__ == "__main__":
    main()
