"""Kills a loaded server again and again, and looks for anything lost or doubled.

    python tests/hunts/kill_storm.py --kills 50 --drains 5

Clients create, repeat, cancel and reschedule without a pause while the server is killed with SIGKILL at random
moments, those of its start included, and now and then stopped with SIGTERM. A watch sees all of it, resuming each
time. In the end every promise has to be kept, once.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import click
import grpc
from google.protobuf.duration_pb2 import Duration

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1.directory_service_pb2 import ListServicesRequest
from tests.api import Api
from tests.hunts.calls import connect
from tests.hunts.checker import EXPIRED, FAILED, QUEUED, SCHEDULED, Checker, Fold
from tests.hunts.clients import Client
from tests.hunts.ledger import Ledger
from tests.hunts.report import Report, fates
from tests.hunts.server import DRAIN_S, ONE_SERVER, ServerProcess, Setting, ports_of, serving
from tests.hunts.watcher import Watcher

CLIENTS: Final = 6
# The load stays ahead of the dialling by as many callbacks as this.
BACKLOG: Final = 300
# The longest time a server lives, and how often that time includes its start.
_LIFE_S: Final = 1.8
_EARLY_SHARE: Final = 0.25
# Every callback is through its retries long before this, once the storm is over.
_SETTLE_S: Final = 90.0
_CATCH_UP_S: Final = 5.0
_CAPACITIES: Final = (1, 5, 50)
# States that callbacks enter and leave, and in which some of them stay: what a filter has to keep up with.
_FILTERED: Final = (SCHEDULED, QUEUED, FAILED, EXPIRED)


class Storm:
    """The servers, their clients, and two watches: of everything, and through a filter."""

    def __init__(self, servers: Sequence[ServerProcess], api: Api, checker: Checker, dice: random.Random) -> None:
        self.checker = checker
        self.ledger = Ledger()
        self.fold = Fold()
        self.watchers = (
            Watcher(ports_of(servers), checker, dice, cb.CallbackFilter()),
            Watcher(ports_of(servers), self.fold, dice, cb.CallbackFilter(states=_FILTERED)),
        )
        self.findings: list[str] = []
        self._servers = servers
        self._api = api
        self._dice = dice
        self._calm = False

    async def rage(self, kills: int, drains: int, services: Mapping[str, int]) -> None:
        """Stop the server so many times, with clients who do not mind."""
        clients = [Client(f"caller-{n}", self._api, self.ledger, services, self._dice) for n in range(CLIENTS)]
        blows = [self._kill] * kills + [self._drain] * drains
        self._dice.shuffle(blows)
        async with asyncio.TaskGroup() as load:
            for client in clients:
                load.create_task(self._keep_busy(client))
            for number, blow in enumerate(blows, start=1):
                await blow()
                if number % 10 == 0:
                    click.echo(f"stopped {number} times, {self.checker.events} events", err=True)
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
        listed = await self._api.list_all()
        self.checker.compare(listed)
        self.checker.confirm(self.ledger.answers)
        self.findings += self.ledger.verdict(listed)
        filtered = await self._api.list_all(states=_FILTERED)
        with suppress(TimeoutError):  # the other watch was quicker
            async with asyncio.timeout(_CATCH_UP_S):
                await self.watchers[1].until(lambda: not any(self.fold.differences(filtered)))
        self.findings += self.fold.differences(filtered)

    def all_findings(self) -> Iterator[str]:
        yield from self.checker.findings
        yield from self.ledger.findings
        yield from self.findings
        for watcher in self.watchers:
            yield from watcher.findings
        for server in self._servers:
            yield from server.complaints()

    async def _keep_busy(self, client: Client) -> None:
        while not self._calm:
            await client.act()
            await self.watchers[0].until(lambda: self._calm or len(self.checker.open) < BACKLOG)

    async def _kill(self) -> None:
        await asyncio.sleep(self._dice.uniform(0, _LIFE_S))
        server = self._dice.choice(self._servers)
        await server.kill()
        await server.spawn()
        if self._dice.random() >= _EARLY_SHARE:
            await server.listening()

    async def _drain(self) -> None:
        """Streams end with OK, the process with 0, and soon."""
        server = self._dice.choice(self._servers)
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


async def hunt(folder: Path, *, kills: int, drains: int, seed: int, setting: Setting = ONE_SERVER) -> Report:
    """One storm on a fresh database in `folder`."""
    begun = time.monotonic()
    dice = random.Random(seed)
    async with _storm(folder, setting, dice) as (storm, services):
        try:
            await storm.rage(kills, drains, services)
            await storm.settle()
            await storm.judge()
        except Exception as fault:  # noqa: BLE001 - what was found until then explains it
            storm.findings.append(f"the storm could not go on: {fault!r}")
        checker = storm.checker
        facts: dict[str, object] = {
            "seed": seed,
            "kills": kills,
            "drains": drains,
            **fates(checker.callbacks.values()),
            "answers compared": len(storm.ledger.answers),
            "events checked": checker.events,
            "events delivered again": checker.redelivered,
            "streams": sum(len(watcher.ends) for watcher in storm.watchers),
            "seconds": round(time.monotonic() - begun, 1),
        }
        return Report(facts, list(storm.all_findings()))


@asynccontextmanager
async def _storm(folder: Path, setting: Setting, dice: random.Random) -> AsyncIterator[tuple[Storm, Mapping[str, int]]]:
    options = ("--simulated-ring", "0.02", "--simulated-talk", "0.02")
    async with serving(folder, setting, *options) as servers, connect(ports_of(servers)) as api:
        for capacity in _CAPACITIES:
            await api.add_service(
                f"sip:capacity-{capacity}@cc.example", max_concurrent_calls=capacity, ring_timeout=Duration(seconds=1)
            )
        services = (await api.directory.ListServices(ListServicesRequest())).services
        storm = Storm(servers, api, Checker(services), dice)
        tasks = [asyncio.create_task(watcher.run()) for watcher in storm.watchers]
        for watcher in storm.watchers:
            await watcher.streaming.wait()
        try:
            yield storm, {service.service_id: service.max_concurrent_calls for service in services}
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@click.command()
@click.option("--kills", default=50, show_default=True, help="How often to kill the server.")
@click.option("--drains", default=5, show_default=True, help="How often to stop it with SIGTERM instead.")
@click.option("--seed", type=int, help="Repeats the dice of an earlier storm (its timing is the machine's).")
def main(kills: int, drains: int, seed: int | None) -> None:
    """Kill a loaded server again and again, and look for anything lost or doubled."""
    with tempfile.TemporaryDirectory(prefix="ringback-storm-") as folder:
        chosen = random.randrange(2**32) if seed is None else seed
        asyncio.run(hunt(Path(folder), kills=kills, drains=drains, seed=chosen)).show()


if __name__ == "__main__":
    main()
