"""A contestant, as its `peer.toml` describes it. README.md tells what its program does."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

HERE: Final = Path(__file__).parent
BUILT: Final = HERE.parents[1] / "build" / "bench" / "peers"


class Work(StrEnum):
    """What all contestants do; also the command of their programs."""

    ENQUEUE = "enqueue"
    RUN = "run"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Setup:
    """One way to do a work: in `peer.toml`, a table `[[enqueue]]`, `[[run]]` or `[[latency]]`."""

    # In a few words, for the table: "16 workers", "polls every 5 s, the default".
    setup: str
    # Why it is ahead, and what it gives up for that; said only where the figures say that it is ahead.
    ahead: str = ""
    # Added to the command.
    options: Sequence[str] = ()
    # No more jobs than these, for what would take minutes; a tenth of them in a short run.
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """All of `peer.toml`, in its order."""

    # The folder.
    name: str
    # With the version: "Procrastinate 3.2".
    title: str
    # What must be running: a kind of `infrastructure.py`.
    infrastructure: str
    # Which programs its build needs, such as "go"; the page says "not measured: no go" where one lacks.
    needs: Sequence[str]
    # What has happened when a job is acknowledged, and how it is set.
    durability: str
    # What a user of Ringback would miss: half a sentence each.
    gives_up: Sequence[str]
    setups: Mapping[Work, Sequence[Setup]]
    # The folder of its program, where that is another one's.
    program: str

    @classmethod
    def load(cls, folder: Path) -> Self:
        described: dict[str, Any] = tomllib.loads((folder / "peer.toml").read_text(encoding="utf-8"))
        setups = {work: [Setup(**setup) for setup in described.pop(work.value, [])] for work in Work}
        program = described.pop("program", folder.name)
        return cls(name=folder.name, setups=setups, program=program, **described)

    @property
    def command(self) -> Sequence[str]:
        """Return how its program is started, whatever its language."""
        script, built = HERE / self.program / "peer.py", BUILT / self.program
        if script.exists():
            return (str(built / "bin" / "python"), str(script))
        if (built / "peer.mjs").exists():
            return (str(built / "node_modules" / ".bin" / "node"), str(built / "peer.mjs"))
        return (str(built / "peer"),)


def contestants() -> Sequence[Peer]:
    """Return all that are described, Ringback first."""
    peers = [Peer.load(described.parent) for described in HERE.glob("*/peer.toml")]
    return sorted(peers, key=lambda peer: (not peer.name.startswith("ringback"), peer.name))
