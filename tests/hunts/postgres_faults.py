"""Breaks the network and the primary of several servers in every way it can, and looks for anything lost or doubled.

    python tests/hunts/postgres_faults.py --blows 30

Between the servers and each PostgreSQL is a network that loses the response to a COMMIT, delivers a COMMIT late or
never, cuts connections, and falls silent without closing anything. PostgreSQL itself crashes, and ends sessions. In the
middle of it all the standby takes over, and the former primary comes back as if nothing had happened: first in the
URL, and glad to take writes. Every promise has to be kept, once, and the former primary has to get nothing.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from tests.hunts.calls import PATIENCE_S
from tests.hunts.database import Durable
from tests.hunts.failover import Pair, replicated
from tests.hunts.kill_storm import Storm, storm
from tests.hunts.report import Report
from tests.hunts.setting import Setting
from tests.world.postgres import USER
from tests.world.proxy import Proxy

# A COMMIT may come while its server still waits for it, or after it has given up, and its session was ended.
_LATEST_COMMIT_S: Final = 5.0
# The time that a server gives to a write is in the middle of it.
_SILENCES_S: Final = (0.5, 7.0)
# How long to wait for a COMMIT to be caught; servers write several times a second.
_CATCH_S: Final = 5.0
_PAUSE_S: Final = 0.5
_LOOK_INTERVAL_S: Final = 0.05
# What servers say of the former primary, as they should.
_EXPECTED: Final = "is a former primary"
_EVENTS: Final = "SELECT max(number) FROM event"

Fault = Callable[[], Awaitable[None]]


class Faults:
    """What can happen between servers and their database, and how often it did."""

    def __init__(self, raging: Storm, pair: Pair, networks: Sequence[Proxy], dice: random.Random) -> None:
        self.struck = Counter[str]()
        self.findings: list[str] = []
        self._storm = raging
        self._pair = pair
        self._networks = networks
        self._dice = dice
        self._failed_over = False

    def schedule(self, count: int) -> list[Fault]:
        """Return so many faults in the order of the dice, with a failover in the middle."""
        kinds: list[Fault] = [
            self._lose_response,
            self._deliver_late,
            self._cut,
            self._fall_silent,
            self._end_sessions,
            self._crash,
            self._kill_server,
        ]
        chosen = [kinds[number % len(kinds)] for number in range(count)]
        self._dice.shuffle(chosen)
        chosen.insert(count // 2, self._fail_over)
        return [lambda fault=fault: self._strike(fault) for fault in chosen]  # type: ignore[misc]

    async def _strike(self, fault: Fault) -> None:
        """Wait until callbacks go on, so that each fault meets some; then let it happen."""
        await asyncio.sleep(self._dice.uniform(0, _PAUSE_S))
        enough = self._storm.checker.events + self._dice.randint(1, 60)
        async with asyncio.timeout(2 * PATIENCE_S):
            await self._storm.watchers[0].until(lambda: self._storm.checker.events >= enough)
        await fault()
        self.struck[fault.__name__.strip("_").replace("_", " ")] += 1

    @property
    def _network(self) -> Proxy:
        return self._networks[self._failed_over]

    @property
    def _primary(self) -> Durable:
        return self._pair.standby if self._failed_over else self._pair.primary

    # --- The network -----------------------------------------------------------------------------------------------

    async def _lose_response(self) -> None:
        self._network.swallow_next_commit()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CATCH_S):
                await self._network.swallowed.wait()
        self._network.cut()

    async def _deliver_late(self) -> None:
        """Cut its server off before or after, or let it wait: it has to make sense of it in any case."""
        self._network.hold_next_commit()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CATCH_S):
                await self._network.held.wait()
        if self._dice.random() < 0.5:
            self._network.cut_clients()
        await asyncio.sleep(self._dice.uniform(0, _LATEST_COMMIT_S))
        self._network.release()

    async def _cut(self) -> None:
        for _ in range(self._dice.randint(1, 10)):
            self._network.cut()
            await asyncio.sleep(self._dice.uniform(0, 0.1))

    async def _fall_silent(self) -> None:
        self._network.silence()
        await asyncio.sleep(self._dice.uniform(*_SILENCES_S))
        if self._dice.random() < 0.5:
            self._network.cut()
        self._network.speak()

    # --- The database, and its servers --------------------------------------------------------------------------

    async def _end_sessions(self) -> None:
        await self._primary.cut_connections(self._dice)

    async def _crash(self) -> None:
        await self._primary.restart()

    async def _kill_server(self) -> None:
        await self._storm.kill()

    async def _fail_over(self) -> None:
        """Let the standby take over; then let the former primary come back, alone, and lose all connections."""
        former = self._pair.primary
        await asyncio.to_thread(_until_followed, former)
        await self._pair.fail_over()
        self._failed_over = True
        former.forget_standby()
        await asyncio.to_thread(former.up)
        [(self._left,)] = await asyncio.to_thread(former.execute, _EVENTS)
        await asyncio.sleep(_PAUSE_S)
        for network in self._networks:
            network.cut()

    async def judge(self) -> None:
        """Look for anything that the former primary was given."""
        if self._failed_over:
            [(found,)] = await asyncio.to_thread(self._pair.primary.execute, _EVENTS)
            if found != self._left:
                self.findings.append(f"the former primary was given {found - self._left} events")


def _until_followed(primary: Durable) -> None:
    """Return when the standby has all that is committed; after a crash there may be commits that it has not."""
    while primary.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
        time.sleep(_LOOK_INTERVAL_S)


@asynccontextmanager
async def networks(pair: Pair) -> AsyncIterator[tuple[Proxy, Proxy]]:
    async with Proxy(pair.primary.port) as one, Proxy(pair.standby.port) as other:
        yield one, other


async def hunt(folder: Path, pair: Pair, *, blows: int, seed: int, servers: int = 3) -> Report:
    """Run one schedule of faults, with logs in `folder`."""
    begun, dice = time.monotonic(), random.Random(seed)
    async with networks(pair) as between:
        places = ",".join(f"127.0.0.1:{network.port}" for network in between)
        # A COMMIT is found in what goes by only as long as it is sent as text.
        url = f"postgresql://{USER}@{places}/postgres?prepared_statements=off"
        async with storm(folder, Setting(servers, url), dice) as raging:
            faults = Faults(raging, pair, between, dice)
            try:
                await raging.rage(faults.schedule(blows))
                await raging.settle()
                await raging.judge()
                await faults.judge()
            except Exception as fault:  # noqa: BLE001 - what was found until then explains it
                raging.findings.append(f"the hunt could not go on: {fault!r}")
            facts: dict[str, object] = {
                "seed": seed,
                "servers": servers,
                "faults": ", ".join(f"{count} {name}" for name, count in sorted(faults.struck.items())),
                **raging.facts(),
                "seconds": round(time.monotonic() - begun, 1),
            }
            found = [finding for finding in raging.all_findings() if _EXPECTED not in finding]
            return Report(facts, [*faults.findings, *found])


@click.command()
@click.option("--blows", default=28, show_default=True, help="How many faults to strike, beside one failover.")
@click.option("--servers", default=3, show_default=True, help="How many servers share the PostgreSQL.")
@click.option("--seed", type=int, help="Repeats the dice of an earlier hunt (its timing is the machine's).")
def main(blows: int, servers: int, seed: int | None) -> None:
    """Break the network and the primary in every way, and look for anything lost or doubled."""
    seed = random.randrange(2**32) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="ringback-faults-") as folder, replicated() as pair:
        asyncio.run(hunt(Path(folder), pair, blows=blows, seed=seed, servers=servers)).show()


if __name__ == "__main__":
    main()
