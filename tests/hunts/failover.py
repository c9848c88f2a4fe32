"""Takes the power from the primary of a replicated PostgreSQL under load, and looks for anything lost or doubled.

    python tests/hunts/failover.py

The servers know a primary and a standby, which the primary waits for at each commit. Clients create, repeat, cancel
and reschedule without a pause (clients.py). Then the primary is gone, all at once; a little later the standby is
promoted, as an operator would do it. The servers have to go on by themselves, and every promise has to be kept, once.
In the end every server is asked to tell the whole story again, from a token that is older than the failover.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.calls import PATIENCE_S, connect
from tests.hunts.checker import Checker
from tests.hunts.database import Durable
from tests.hunts.kill_storm import Storm, storm
from tests.hunts.report import Report
from tests.hunts.setting import Setting
from tests.world.postgres import USER

# How long passes before the standby is promoted.
_OUTAGE_S: Final = 2.0
_LOOK_INTERVAL_S: Final = 0.05


@dataclass(frozen=True)
class Pair:
    """A primary, and the standby that has everything which the primary has acknowledged."""

    primary: Durable
    standby: Durable

    @property
    def url(self) -> str:
        """Return the URL of the primary, whichever of the two it is."""
        return f"postgresql://{USER}@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/postgres"

    async def fail_over(self) -> None:
        self.primary.lose_power()
        await asyncio.sleep(_OUTAGE_S)
        await asyncio.to_thread(self.standby.promote)


@contextmanager
def replicated() -> Iterator[Pair]:
    with ExitStack() as stack:
        primary = Durable.start({})  # PostgreSQL's defaults are safe
        stack.callback(primary.destroy)
        standby = primary.new_standby()
        stack.callback(standby.destroy)
        while primary.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            time.sleep(_LOOK_INTERVAL_S)
        yield Pair(primary, standby)


class Failover:
    """A storm whose main blow is one failover."""

    def __init__(self, raging: Storm, pair: Pair) -> None:
        self.seconds = 0.0
        self._storm = raging
        self._pair = pair

    async def run(self, events: int) -> None:
        """Fail over in the middle of this many events."""
        token = (await self._storm.api.callbacks.ListCallbacks(pb.ListCallbacksRequest())).resume_token
        await self._storm.rage(
            [
                lambda: self._progress_by(events // 2),
                self._fail_over,
                lambda: self._progress_by(events // 4),
                self._storm.kill,
                lambda: self._progress_by(events // 4),
            ]
        )
        await self._storm.settle()
        await self._storm.judge()
        listed = await self._storm.api.list_all()
        for port in self._storm.ports:
            replayed = await self._replay(port, token)
            replayed.compare(listed)
            self._storm.findings += [f"told again at port {port}: {finding}" for finding in replayed.findings]

    async def _fail_over(self) -> None:
        await self._pair.fail_over()
        promoted = time.monotonic()
        await self._progress_by(1)
        self.seconds = time.monotonic() - promoted

    async def _progress_by(self, events: int) -> None:
        """Wait for so many more events, however slow the machine is. Raise `TimeoutError` when none comes."""
        enough = self._storm.checker.events + events
        while (before := self._storm.checker.events) < enough:
            async with asyncio.timeout(PATIENCE_S):
                await self._storm.watchers[0].until(lambda: self._storm.checker.events > before)

    async def _replay(self, port: int, token: str) -> Checker:
        """Return the state of a client that was away from before the failover until now."""
        checker = Checker(self._storm.services)
        request = pb.WatchCallbacksRequest(resume_token=token, filter=cb.CallbackFilter())
        async with connect([port]) as api, asyncio.timeout(PATIENCE_S):
            stream = api.callbacks.WatchCallbacks(request, wait_for_ready=True)
            async for response in stream:
                for event in response.events:
                    checker.take(event)
                if checker.events >= self._storm.checker.events:
                    break
            stream.cancel()
        return checker


async def hunt(folder: Path, pair: Pair, *, events: int, seed: int, servers: int = 3) -> Report:
    """Run one failover, with logs in `folder`."""
    begun = time.monotonic()
    async with storm(folder, Setting(servers, pair.url), random.Random(seed)) as raging:
        failover = Failover(raging, pair)
        try:
            await failover.run(events)
        except Exception as fault:  # noqa: BLE001 - what was found until then explains it
            raging.findings.append(f"the hunt could not go on: {fault!r}")
        facts: dict[str, object] = {
            "seed": seed,
            "servers": servers,
            **raging.facts(),
            "recovered after": f"{failover.seconds:.1f} s",
            "seconds": round(time.monotonic() - begun, 1),
        }
        return Report(facts, raging.all_findings())


@click.command()
@click.option("--events", default=4000, show_default=True, help="For how many changes of callbacks the load goes on.")
@click.option("--servers", default=3, show_default=True, help="How many servers share the PostgreSQL.")
@click.option("--seed", type=int, help="Repeats the dice of an earlier hunt (its timing is the machine's).")
def main(events: int, servers: int, seed: int | None) -> None:
    """Have PostgreSQL fail over under load, and look for anything lost or doubled."""
    seed = random.randrange(2**32) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="ringback-failover-") as folder, replicated() as pair:
        asyncio.run(hunt(Path(folder), pair, events=events, seed=seed, servers=servers)).show()


if __name__ == "__main__":
    main()
