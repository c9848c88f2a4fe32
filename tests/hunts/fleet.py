"""Many dialers, each a process of its own, and what they report."""

import asyncio
import json
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ringback.v1 import callback_pb2 as cb
from tests.hunts.calls import PATIENCE_S
from tests.hunts.dialer import LEASE_S

_SCRIPT: Final = Path(__file__).with_name("dialer.py")
# Long enough that everything which a frozen dialer held has lapsed.
_FROZEN_S: Final = LEASE_S + 1.0


class Fleet:
    """Starts, kills and freezes dialers; in the end compares what they did with what is stored."""

    def __init__(self, ports: Sequence[int], service_ids: Sequence[str], dice: random.Random) -> None:
        self.findings: list[str] = []
        # How often they were told that a lease is lost, by reason.
        self.refusals = Counter[str]()
        self._ports = ports
        self._service_ids = service_ids
        self._dice = dice
        self._processes: dict[str, Process] = {}
        self._frozen: set[str] = set()
        # Set once SIGTERM would end it well, or it has ended.
        self._up: dict[str, asyncio.Event] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}
        # By callback and number: which dialer made the attempt, and which had the lease.
        self._attempts: dict[tuple[str, int], str] = {}
        self._leases: dict[tuple[str, int], str] = {}

    @property
    def started(self) -> int:
        return len(self._readers)

    async def add(self) -> None:
        name = f"dialer-{self.started}"
        arguments = (",".join(map(str, self._ports)), name, str(self._dice.getrandbits(32)), *self._service_ids)
        process = await asyncio.create_subprocess_exec(sys.executable, _SCRIPT, *arguments, stdout=PIPE)
        self._processes[name] = process
        self._up[name] = asyncio.Event()
        self._readers[name] = asyncio.create_task(self._read(name, process))

    async def kill_one(self) -> None:
        """Kill one with SIGKILL in the middle of whatever it does; start another one, with a new name, in its place."""
        name = self._dice.choice(sorted(self._processes))
        self._signal(name, signal.SIGKILL)
        await self._processes.pop(name).wait()
        await self.add()

    async def freeze_one(self) -> None:
        """Stop one until its leases have lapsed; it does not notice, and goes on."""
        name = self._dice.choice(sorted(self._processes.keys() - self._frozen))
        self._frozen.add(name)
        self._signal(name, signal.SIGSTOP)
        await asyncio.sleep(_FROZEN_S)
        self._signal(name, signal.SIGCONT)
        self._frozen.discard(name)

    async def stop(self) -> None:
        """Send SIGTERM to all of them, and let them finish."""
        async with asyncio.timeout(PATIENCE_S):
            for name in self._processes:
                await self._up[name].wait()
                self._signal(name, signal.SIGTERM)
            for name, process in self._processes.items():
                if exit_code := await process.wait():
                    self.findings.append(f"{name} ended with exit code {exit_code}")
            await asyncio.gather(*self._readers.values())
        self._processes.clear()

    async def clear(self) -> None:
        """Leave nothing running, however the hunt has ended."""
        for name in self._processes:
            self._signal(name, signal.SIGKILL)
        await asyncio.gather(*self._readers.values(), *(process.wait() for process in self._processes.values()))

    def compare(self, stored: Iterable[cb.Callback]) -> Iterator[str]:
        """Yield each attempt that a dialer was allowed to make and that is not recorded under its name."""
        recorded = {
            (callback.callback_id, attempt.number): attempt.dialer_id
            for callback in stored
            for attempt in callback.attempts
        }
        for (callback_id, number), name in self._attempts.items():
            if (other := recorded.get((callback_id, number))) != name:
                yield f"{callback_id} attempt {number} was made by {name}, and recorded for {other}"

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process is not None and process.returncode is None:
            process.send_signal(number)

    async def _read(self, name: str, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if line.endswith(b"\n"):  # else it was killed while it wrote
                kind, *values = json.loads(line)
                self._hear(name, kind, values)
        self._up[name].set()

    def _hear(self, name: str, kind: str, values: list[Any]) -> None:
        match kind:
            case "up":
                self._up[name].set()
            case "leased":
                self._claim(self._leases, name, "lease", values)
            case "dialed":
                self._claim(self._attempts, name, "attempt", values)
            case "refused":
                self.refusals.update(values)
            case "finding":
                self.findings.append(f"{name}: {values[0]}")

    def _claim(self, claims: dict[tuple[str, int], str], name: str, what: str, values: list[Any]) -> None:
        callback_id, number = values
        if (first := claims.setdefault((callback_id, number), name)) != name:
            self.findings.append(f"{callback_id} {what} {number} was given to {first} and to {name}")
