"""Cuts the power between any two writes of a server, and looks for what was acknowledged.

    python tests/hunts/power_cuts.py --acts 100 --losses 2

Servers run on databases of all kinds, and all that they do to the files is logged (write_log.c), together with what
their clients were told. Then the log is played, and after every single change what a power cut would have left at that
moment is opened as a server does: everything that was written until then, and also less, where it was not flushed
(disk.py).
"""

import asyncio
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import click
from google.protobuf.timestamp_pb2 import Timestamp

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.storage.sqlite.private_files import OWNER_ONLY
from ringback.v1.directory_service_pb2 import EraseTargetRequest
from tests.hunts.calls import connect, insist
from tests.hunts.clients import Client
from tests.hunts.disk import Disk, Files
from tests.hunts.ledger import Ledger
from tests.hunts.remains import Promised, Remains, read
from tests.hunts.report import Report
from tests.hunts.server import ServerProcess
from tests.hunts.write_log import Record, Step, WriteLog, build_shim
from tests.world.api import Api
from tests.world.command_line import run
from tests.world.first_version import SAID, copy_of_database

NAME: Final = "ringback.db"
COPY: Final = "copy.db"
OLD: Final = "of version 0.1"
_CLIENTS: Final = 4
_ERASED: Final = 4
_QUICK: Final = ("--simulated-ring", "0.02", "--simulated-talk", "0.02")
# Where files are of memory, so that thousands of states are written quickly.
_IN_MEMORY: Final = Path("/dev/shm")
_LATER_S: Final = 3600


# --- What is done to a server while its writes are logged -----------------------------------------------------------


class Stage:
    """A server on a database of its own, its clients, and the log of all that it writes."""

    def __init__(self, folder: Path, shim: Path, dice: random.Random, options: Sequence[str]) -> None:
        data = folder / "data"
        self.disk = Disk(data)
        self.log = WriteLog(shim, folder / "writes", data)
        self.ledger = Ledger()
        self.dice = dice
        self._marked = 0
        self._names = (f"sip:service-{number}@cc.example" for number in count())
        self.database = f"sqlite:///{data / NAME}"
        self.server = ServerProcess(folder, "server", self.database, options, self.log.environment)

    async def act(self, acts: int) -> None:
        """Have clients ask for callbacks, repeat, cancel and update, while they are dialled."""
        async with connect([self.server.port]) as api:
            service_id = await self._add_service(api)
            clients = [Client(f"caller-{n}", api, self.ledger, {service_id: 1}, self.dice) for n in range(_CLIENTS)]
            left = iter(range(acts))
            await asyncio.gather(*(self._act(client, left) for client in clients))

    async def _act(self, client: Client, left: Iterator[int]) -> None:
        for _ in left:
            await client.act()
            self.mark()

    async def _add_service(self, api: Api) -> str:
        service_id = await api.add_service(next(self._names), max_concurrent_calls=5)
        self.log.mark(service=service_id)
        return service_id

    def mark(self) -> None:
        """Note what was returned since the last mark."""
        told = self.ledger.returned[self._marked :]
        self._marked += len(told)
        self.log.mark(holds={callback.callback_id: callback.revision for callback in told})

    async def erase(self, number: int) -> None:
        """Have a phone called some times, and erased."""
        target = f"tel:+4143555{number:04}"
        async with connect([self.server.port]) as api:
            service_id = await self._add_service(api)
            later = Timestamp(seconds=int(time.time()) + _LATER_S)
            made = [await api.create(target, service_id=service_id, due_date=later) for _ in range(_ERASED)]
            self.log.mark(holds={callback.callback_id: callback.revision for callback in made})
            ids = [callback.callback_id for callback in made]
            self.log.mark(erasing=ids)
            await insist(api.directory.EraseTarget, EraseTargetRequest(target=target))
            self.log.mark(erased=ids, target=target)

    async def back_up(self) -> None:
        """Make a backup beside the database, or replace it."""
        self.mark()
        since = {callback.callback_id: callback.revision for callback in self.ledger.returned}
        self.log.mark(copying=COPY)
        copy = self.log.folder / COPY
        ran = await run("backup", str(copy), "--force", "--database", self.database, **self.log.environment)
        if ran.code:
            raise RuntimeError(f"no backup: {ran.err}")
        self.log.mark(copied=COPY, since=since)


async def _a_new_database(stage: Stage, acts: int) -> None:
    """It is created, loaded, and its server is killed and started again."""
    await stage.server.start()
    await stage.act(acts)
    await stage.server.kill()
    await stage.server.start()
    await stage.act(acts)
    await stage.server.drain()


async def _an_old_database(stage: Stage, acts: int) -> None:
    """It is brought up to date, and what has ended is purged."""
    await stage.server.start()
    await stage.act(acts // 2)
    await stage.server.drain()


async def _a_backup(stage: Stage, acts: int) -> None:
    """It is made while callbacks are created, and later replaced."""
    await stage.server.start()
    for _ in range(2):
        await stage.act(acts // 4)
        await asyncio.gather(stage.act(acts // 4), stage.back_up())
    await stage.server.kill()


async def _an_erasure(stage: Stage, acts: int) -> None:
    """Phones are erased between other callbacks."""
    await stage.server.start()
    for number in range(3):
        await stage.act(acts // 4)
        await stage.erase(number)
    await stage.server.drain()


Deeds = Callable[[Stage, int], Awaitable[None]]

DATABASES: Final[Mapping[str, Deeds]] = {
    "new": _a_new_database,
    OLD: _an_old_database,
    "with a backup": _a_backup,
    "with erasures": _an_erasure,
}


# --- What a power cut would have left at each moment ------------------------------------------------------------------


@dataclass(frozen=True)
class Size:
    """How much is done to a database, and how closely it is looked at."""

    acts: int
    # How many states with losses are looked at per change: below 1, at that share of the changes.
    losses: float
    # On how many states a server is started.
    starts: int


@dataclass
class Cuts:
    """Plays a log, and judges what is left after each change."""

    disk: Disk
    promised: Promised
    folder: Path
    dice: random.Random
    # See `Size`.
    losses: float
    starts: int = 0
    whole: int = 0
    lossy: int = 0
    started: int = 0
    findings: list[str] = field(default_factory=list)
    # By database, and whether something was lost: what was found there last.
    _read: dict[tuple[str, bool], tuple[Files, Remains]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.whole:,} with all that was written, {self.lossy:,} with losses, {self.started} servers started"

    async def play(self, records: Sequence[Record], first: int = 0) -> None:
        """Play all, and judge what there would be after each from the `first` one on."""
        changes = sum(record.step is not Step.MARK for record in records)
        every = max(1, changes // (self.starts + 1)) if self.starts else changes + 1
        for number, record in enumerate(records):
            if record.step is Step.MARK:
                self.promised.take(json.loads(record.data))
            elif self.disk.take(record) and number >= first:
                self.whole += 1
                self._judge(self.disk.now(), f"after change {number}", lossy=False)
                for _ in range(self._losses_now()):
                    self.lossy += 1
                    self._judge(self.disk.remains(self.dice), f"after change {number}, with losses", lossy=True)
                if self.whole % every == 0:
                    self.started += 1
                    await self._start(self.disk.remains(self.dice), f"after change {number}")

    def _losses_now(self) -> int:
        certain, chance = divmod(self.losses, 1)
        return int(certain) + (self.dice.random() < chance)

    def _judge(self, files: Files, moment: str, *, lossy: bool) -> None:
        remains = self._remains(NAME, files, lossy=lossy)
        broken = [*self.promised.broken_by(remains), *self.promised.broken_by_files(files, NAME)]
        for name in self.promised.copies:
            copy = self._remains(name, files, lossy=lossy) if name in files else None
            broken += self.promised.broken_by_copy(name, copy)
        self.findings += [f"{moment}: {fault}" for fault in broken]

    def _remains(self, name: str, files: Files, *, lossy: bool) -> Remains:
        """Return what a store finds there; most states differ from the one before in one of the files only."""
        own = {file: content for file, content in files.items() if file.startswith(name)}
        known = self._read.get((name, lossy))
        if known is None or known[0] != own:
            known = self._read[name, lossy] = own, read(self._laid_out(own) / name)
        return known[1]

    def _laid_out(self, files: Files) -> Path:
        """Write the files into a folder that has nothing else."""
        folder = self.folder / "disk"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).touch(mode=OWNER_ONLY)
            (folder / name).write_bytes(content)
        return folder

    async def _start(self, files: Files, moment: str) -> None:
        """Start a server there, and stop it."""
        database = f"sqlite:///{self._laid_out(files) / NAME}"
        server = ServerProcess(self.folder, f"server-{self.started}", database, ("--dialer", "none"))
        try:
            await server.start()
            drain = await server.drain()
        except RuntimeError as fault:
            self.findings.append(f"{moment}: {fault}")
            return
        finally:
            await server.kill()
        if drain.exit_code:
            self.findings.append(f"{moment}: a server that was started there ended with {drain.exit_code}")
        self.findings += [f"{moment}: {complaint}" for complaint in server.complaints()]


async def hunt(folder: Path, names: Sequence[str], *, acts: int, losses: float, starts: int, seed: int) -> Report:
    """Cut the power at every moment in the life of each of these databases."""
    shim = build_shim(folder)
    facts: dict[str, object] = {"seed": seed, "databases": len(names)}
    findings: list[str] = []
    moments = states = 0
    for name in names:
        begun = time.monotonic()
        (own := folder / name).mkdir()
        cuts, found = await _hunt_in(own, shim, name, Size(acts, losses, starts), random.Random(seed))
        findings += [f"{name}: {fault}" for fault in found]
        moments += cuts.whole
        states += cuts.whole + cuts.lossy
        facts[name] = f"{cuts}, {time.monotonic() - begun:.0f} s"
    return Report({**facts, "power cuts": f"at {moments:,} moments, {states:,} states of the disk"}, findings)


async def _hunt_in(folder: Path, shim: Path, name: str, size: Size, dice: random.Random) -> tuple[Cuts, Sequence[str]]:
    promised = Promised()
    (data := folder / "data").mkdir()
    options: tuple[str, ...] = _QUICK
    if name == OLD:
        copy_of_database(data)
        open_ones = {each["callback_id"]: int(each["revision"]) for each in SAID["callbacks"] if "end_time" not in each}
        promised.take({"holds": open_ones})
        options += ("--keep-ended-days", "0.1")
    stage = Stage(folder, shim, dice, options)
    try:
        await DATABASES[name](stage, size.acts)
    finally:
        await stage.server.kill()
    cuts = Cuts(stage.disk, promised, folder, dice, size.losses, size.starts)
    await cuts.play(list(stage.log.records()))
    return cuts, [*stage.ledger.findings, *stage.server.complaints(), *cuts.findings]


@click.command()
@click.option("--acts", default=16, show_default=True, help="How much is done to each database.")
@click.option(
    "--losses", default=0.5, show_default=True, help="How many states with losses to look at for each change."
)
@click.option("--starts", default=3, show_default=True, help="On how many states of each database to start a server.")
@click.option("--seed", default=1, show_default=True, help="Repeats the same losses (the timing is the machine's).")
@click.option("--database", "names", multiple=True, type=click.Choice(list(DATABASES)), help="Only such ones.")
def main(acts: int, losses: float, starts: int, seed: int, names: Sequence[str]) -> None:
    """Cut the power between any two writes of a server, and look for what was acknowledged."""
    logging.getLogger("ringback").setLevel(logging.ERROR)  # of each backup that is opened it is told that it is one
    in_memory = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="ringback-power-", dir=in_memory) as folder:
        sought = hunt(Path(folder), names or tuple(DATABASES), acts=acts, losses=losses, starts=starts, seed=seed)
        asyncio.run(sought).show()


if __name__ == "__main__":
    main()
