"""Many dialers with every kind of bad manners, and a referee that sees everything.

    python tests/hunts/dialers.py --callbacks 5000
    python tests/hunts/dialers.py --callbacks 10000 --postgres --servers 3

The dialers are processes (dialer.py). While they empty the queues of three services, some are killed, some are
frozen until their leases have lapsed, callbacks are cancelled, and the server itself is killed. Every callback has
to end exactly once, within the capacity of its service at every moment. Before that the shares of the priorities
are counted (shares.py).

Of many servers, each call goes to the next one, so that a lease of one is reported on to another. Then servers
hang, too, until leases have lapsed; their PostgreSQL crashes, and their connections to it are cut.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import grpc
from google.protobuf.duration_pb2 import Duration

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.directory_service_pb2 import ListServicesRequest, Service
from tests.hunts import shares
from tests.hunts.calls import connect, insist
from tests.hunts.checker import Checker
from tests.hunts.database import Durable
from tests.hunts.dialer import LEASE_S
from tests.hunts.fleet import Fleet
from tests.hunts.report import Report, fates
from tests.hunts.server import ServerProcess, hanging, ports_of, serving
from tests.hunts.setting import ONE_SERVER, Setting, chosen, setting_options
from tests.hunts.watcher import Watcher
from tests.world.api import Api, by_id

# A service's share of the callbacks, by its capacity: a lapse blocks a whole small service.
_SHARES: Final = {1: 0.03, 5: 0.17, 50: 0.8}
# How many call one of a few phones.
_SHARED: Final = 0.05
_BATCH: Final = 500
_CANCELLED_AT_ONCE: Final = 5
# Nothing may stand still for longer than a few leases.
_STANDSTILL_S: Final = 30.0
# Long enough that everything which was leased has lapsed.
_FROZEN_S: Final = LEASE_S + 1.0


@dataclass(frozen=True)
class Mischief:
    """How much goes wrong while the queues are emptied. The last three take many servers on one PostgreSQL."""

    dialers: int = 20
    kills: int = 15
    freezes: int = 10
    cancels: int = 30
    server_kills: int = 3
    server_freezes: int = 0
    crashes: int = 0
    cuts: int = 0


ONE_SERVER_MISCHIEF: Final = Mischief()
MANY_SERVERS_MISCHIEF: Final = Mischief(dialers=30, server_kills=20, server_freezes=3, crashes=2, cuts=10)


class Hunt:
    """The servers, their dialers, and a watch of everything."""

    def __init__(
        self,
        servers: Sequence[ServerProcess],
        api: Api,
        services: Sequence[Service],
        cluster: Durable | None,
        dice: random.Random,
    ) -> None:
        self.checker = Checker(services)
        self.watcher = Watcher(ports_of(servers), self.checker, dice, cb.CallbackFilter(), hanging(servers))
        self.fleet = Fleet(ports_of(servers), [service.service_id for service in services], dice)
        self.returned: list[cb.Callback] = []
        self.findings: list[str] = []
        self._servers = servers
        self._api = api
        self._services = services
        self._cluster = cluster
        self._dice = dice

    async def fill(self, count: int) -> None:
        """Ask for all callbacks, due at once."""
        shares_of = [_SHARES[service.max_concurrent_calls] for service in self._services]
        chosen = self._dice.choices(self._services, shares_of, k=count)
        for start in range(0, count, _BATCH):
            requests = [self._request(service) for service in chosen[start : start + _BATCH]]
            batch = pb.BatchCreateCallbacksRequest(requests=requests, include_callbacks=True)
            results = (await insist(self._api.callbacks.BatchCreateCallbacks, batch)).results
            self.returned += [result.callback for result in results]

    async def empty(self, count: int, mischief: Mischief) -> None:
        """Let the dialers work until every callback has ended, and do the mischief evenly along the way."""
        async with asyncio.TaskGroup() as freezes:
            for _ in range(mischief.dialers):
                await self.fleet.add()
            deeds: list[Callable[[], Awaitable[None]]] = [
                *[self.fleet.kill_one] * mischief.kills,
                *[self._cancel_some] * mischief.cancels,
                *[self._restart_server] * mischief.server_kills,
                *[lambda: _begin(freezes, self.fleet.freeze_one)] * mischief.freezes,
                *[lambda: _begin(freezes, self._freeze_server)] * mischief.server_freezes,
            ]
            if (cluster := self._cluster) is not None:
                deeds += [cluster.restart] * mischief.crashes
                deeds += [lambda: cluster.cut_connections(self._dice)] * mischief.cuts
            self._dice.shuffle(deeds)
            for number, deed in enumerate(deeds, start=1):
                # The last deeds leave time for their effects to be seen.
                await self._progress_to(count * 9 // 10 * number // len(deeds))
                await deed()
            await self._progress_to(count)
        await self.fleet.stop()

    async def judge(self) -> None:
        listed = await self._api.list_all()
        self.checker.compare(listed)
        self.checker.confirm(self.returned)
        self.findings += self.fleet.compare(listed)

    def all_findings(self) -> Iterator[str]:
        yield from self.checker.findings
        yield from self.watcher.findings
        yield from self.fleet.findings
        yield from self.findings
        for server in self._servers:
            yield from server.complaints()

    async def _progress_to(self, ended: int) -> None:
        while (before := self._ended()) < ended:
            async with asyncio.timeout(_STANDSTILL_S):
                await self.watcher.until(lambda: self._ended() > before)

    def _ended(self) -> int:
        return len(self.checker.callbacks) - len(self.checker.open)

    async def _cancel_some(self) -> None:
        some = self._dice.sample(sorted(self.checker.open), min(_CANCELLED_AT_ONCE, len(self.checker.open)))
        for callback_id in some:
            request = pb.CancelCallbackRequest(key=by_id(callback_id), reason="mischief")
            try:
                self.returned.append((await insist(self._api.callbacks.CancelCallback, request)).callback)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                    self.findings.append(f"cancel {callback_id}: {error.code().name} {error.details()}")

    async def _restart_server(self) -> None:
        server = self._any_server()
        await server.kill()
        await server.start()

    async def _freeze_server(self) -> None:
        if len(self._awake()) > 1:  # one dialer has to go on
            server = self._any_server()
            server.freeze()
            await server.thaw_after(_FROZEN_S)

    def _any_server(self) -> ServerProcess:
        return self._dice.choice(self._awake())

    def _awake(self) -> Sequence[ServerProcess]:
        return [server for server in self._servers if server.up.is_set() and not server.frozen]

    def _request(self, service: Service) -> pb.CreateCallbackRequest:
        return pb.CreateCallbackRequest(
            callback_request=self._api.request(
                self._target(),
                service_id=service.service_id,
                priority=self._dice.choice(cb.Priority.values()[1:]),
                max_retries=self._dice.randint(0, 3),
                seconds_between_retries=self._dice.randint(0, 1),
            )
        )

    def _target(self) -> str:
        """Return a phone of its own or, in one of many spellings, one that others share."""
        number = self._dice.randrange(10)
        spellings = (
            f"sip:shared-{number}@hunt.example",
            f"sips:shared-{number}@hunt.example;transport=tcp",
            f"tel:+41 (0)44 668 18 0{number}",
            f"sip:+4144668180{number}@gateway.example;user=phone",
        )
        if self._dice.random() < _SHARED:
            return self._dice.choice(spellings)
        return f"sip:anna-{self._dice.getrandbits(48):x}@hunt.example"


async def _begin(group: asyncio.TaskGroup, deed: Callable[[], Coroutine[Any, Any, None]]) -> None:
    group.create_task(deed())


async def hunt(folder: Path, *, callbacks: int, mischief: Mischief, seed: int, setting: Setting = ONE_SERVER) -> Report:
    """Run one hunt on a fresh database: in `folder`, or that of the setting."""
    begun = time.monotonic()
    async with _hunt(folder, setting, random.Random(seed)) as hunting:
        try:
            await hunting.fill(callbacks)
            await hunting.empty(callbacks, mischief)
            await hunting.judge()
        except Exception as fault:  # noqa: BLE001 - what was found until then explains it
            hunting.findings.append(f"the hunt could not go on: {fault!r}")
        facts: dict[str, object] = {
            "seed": seed,
            "servers": setting.servers,
            "mischief": mischief,
            **fates(hunting.checker.callbacks.values()),
            "events checked": hunting.checker.events,
            "events delivered again": hunting.checker.redelivered,
            "refused reports": dict(hunting.fleet.refusals),
            "seconds": round(time.monotonic() - begun, 1),
        }
        return Report(facts, list(hunting.all_findings()))


@asynccontextmanager
async def _hunt(folder: Path, setting: Setting, dice: random.Random) -> AsyncIterator[Hunt]:
    async with serving(folder, setting, "--dialer", "none") as servers, connect(ports_of(servers)) as api:
        for capacity in _SHARES:
            await api.add_service(
                f"sip:capacity-{capacity}@cc.example", max_concurrent_calls=capacity, ring_timeout=Duration(seconds=1)
            )
        services = (await api.directory.ListServices(ListServicesRequest())).services
        hunting = Hunt(servers, api, services, setting.cluster, dice)
        watching = asyncio.create_task(hunting.watcher.run())
        await hunting.watcher.streaming.wait()
        try:
            yield hunting
        finally:
            await hunting.fleet.clear()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _both(folder: Path, callbacks: int, seed: int, setting: Setting) -> Report:
    (folder / "shares").mkdir()
    counted = await shares.hunt(folder / "shares", depth=400, rounds=10, setting=setting)
    mischief = ONE_SERVER_MISCHIEF if setting.cluster is None else MANY_SERVERS_MISCHIEF
    hunted = await hunt(folder, callbacks=callbacks, mischief=mischief, seed=seed, setting=setting.afresh())
    return Report({**counted.facts, **hunted.facts}, [*counted.findings, *hunted.findings])


@click.command()
@click.option("--callbacks", default=5000, show_default=True, help="How many callbacks the dialers have to end.")
@click.option("--seed", type=int, help="Repeats the dice of an earlier hunt (its timing is the machine's).")
@setting_options
def main(callbacks: int, seed: int | None, *, postgres: bool, servers: int) -> None:
    """Let many bad dialers empty three queues, and look for anything lost, doubled or out of turn."""
    seed = random.randrange(2**32) if seed is None else seed
    with (
        tempfile.TemporaryDirectory(prefix="ringback-dialers-") as folder,
        chosen(postgres=postgres, servers=servers) as setting,
    ):
        asyncio.run(_both(Path(folder), callbacks, seed, setting)).show()


if __name__ == "__main__":
    main()
