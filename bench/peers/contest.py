"""The rounds: in each, every contestant does each work once, one after the other."""

import asyncio
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bench.part import Course, Measured, Scale
from bench.peers.infrastructure import Environment, Infrastructure, lacking
from bench.peers.peer import HERE, Peer, Setup, Work, contestants

_PATIENCE_S: Final = 300
_JOBS: Final = {Work.ENQUEUE: 5_000, Work.RUN: 10_000, Work.LATENCY: 100}


@dataclass(frozen=True, slots=True)
class _Size:
    rounds: int
    # How many at a time one client asks for.
    in_flight: Sequence[int]
    # Which part of the jobs: one half, one third, …
    part: int

    def jobs(self, work: Work, setup: Setup) -> int:
        return min(_JOBS[work], setup.most or _JOBS[work]) // self.part


_SIZES: Final = {Scale.SHORT: _Size(1, (16,), 10), Scale.FULL: _Size(3, (1, 16), 2)}


class Failed(Exception):  # noqa: N818 - what happened, for the page
    """A contestant could not be built, or has not done its work."""


@dataclass(frozen=True, slots=True)
class _Heat:
    """What one contestant does once in each round."""

    peer: Peer
    work: Work
    setup: Setup
    jobs: int
    in_flight: int | None

    @property
    def command(self) -> Sequence[str]:
        at_a_time = () if self.in_flight is None else ("--in-flight", str(self.in_flight))
        return (*self.peer.command, self.work.value, "--count", str(self.jobs), *at_a_time, *self.setup.options)

    def describe(self) -> dict[str, Any]:
        return {
            "peer": self.peer.name,
            "work": self.work.value,
            "setup": self.setup.setup,
            "jobs": self.jobs,
            "in_flight": self.in_flight,
        }


async def measure(course: Course) -> Measured:
    """Return all rounds of each contestant at each work; for those that could not be had, why."""
    size = _SIZES[course.scale]
    absent: dict[str, str] = {}
    present: list[Peer] = []
    for peer in contestants():
        try:
            await _build(peer)
            present.append(peer)
        except Failed as failed:
            absent[peer.name] = str(failed)
    heats = [heat for work in Work for heat in _heats(present, work, size)]
    entries = [{**heat.describe(), "rounds": [], "failures": []} for heat in heats]
    with Infrastructure() as infrastructure:
        for _ in range(size.rounds):
            for heat, entry in zip(heats, entries, strict=True):
                try:
                    async with infrastructure.fresh(heat.peer.infrastructure) as environment:
                        entry["rounds"].append(await _run(heat.command, environment))
                except Failed as failed:
                    entry["rounds"].append(None)
                    entry["failures"].append(str(failed))
    return {"absent": absent, "entries": entries}


def _heats(peers: Sequence[Peer], work: Work, size: _Size) -> Sequence[_Heat]:
    return [
        _Heat(peer, work, setup, size.jobs(work, setup), in_flight)
        for in_flight in (size.in_flight if work is Work.ENQUEUE else (None,))
        for peer in peers
        for setup in peer.setups[work]
    ]


async def _build(peer: Peer) -> None:
    """Build the contestant. Raise `Failed` where something lacks."""
    for program in peer.needs:
        if not shutil.which(program):
            raise Failed(f"no {program}")
    await _communicate(("make", "--no-print-directory", "-C", str(HERE), peer.program), {})
    if lacks := lacking(peer.infrastructure):
        raise Failed(f"no {lacks}")


async def _run(command: Sequence[str], environment: Environment) -> Mapping[str, Any]:
    """Return what the program prints in the last line of its output. Raise `Failed`."""
    lines = (await _communicate(command, environment)).splitlines()
    said: Mapping[str, Any] = json.loads(lines[-1])
    return said


async def _communicate(command: Sequence[str], environment: Environment) -> str:
    """Return the output of a command that leaves no process behind. Raise `Failed` when it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            output, errors = await process.communicate()
    except TimeoutError:
        raise Failed(f"took longer than {_PATIENCE_S} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode != 0:
        sys.stderr.write(errors.decode())
        raise Failed(f"failed: {errors.decode().strip().rpartition(chr(10))[2]}")
    return output.decode()
