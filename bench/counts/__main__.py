"""Counts what a create, a life and an event cost, and fails when one of them has come to cost more.

    python -m bench.counts               compare with counts.json; exit 1 when something grew, or a plan is bad
    python -m bench.counts --write       put the counts into counts.json
    python -m bench.counts --statements  list what a life alone says to the database

Times differ from run to run; these counts do not, so that CI can hold the code to them.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.counts.counters import Counters
from bench.counts.plans import bad_plans, general_of
from bench.counts.scenarios import Counts, bytes_per_callback, count, live
from bench.counts.subject import Subject
from bench.counts.tour import tour
from bench.tables import table

COMMITTED: Final = Path(__file__).with_name("counts.json")
_STORED: Final = "a callback that waits, stored"


class Difference(NamedTuple):
    """A count that is not the committed one; None where there is none."""

    name: str
    kind: str
    committed: int | None
    now: int | None

    @property
    def is_worse(self) -> bool:
        """Return whether it grew, or is known on one side only: counts.json has to be what is counted."""
        return self.committed is None or self.now is None or self.now > self.committed


async def counted() -> tuple[Counts, Sequence[str]]:
    """Return all counts, and the plans that must not be."""
    with tempfile.TemporaryDirectory() as folder, Counters.on() as counters:
        database = Path(folder) / "counts.db"
        async with Subject.on(database) as subject:
            await tour(subject)
            counts = await count(counters, subject)
        plans = sorted(set(bad_plans(database, counters.statements)))
    return {**counts, _STORED: {"bytes": await bytes_per_callback()}}, plans


def differences(committed: Counts, now: Counts) -> Iterator[Difference]:
    for name in {**committed, **now}:
        before, after = committed.get(name, {}), now.get(name, {})
        for kind in {**before, **after}:
            difference = Difference(name, kind, before.get(kind), after.get(kind))
            if difference.committed != difference.now:
                yield difference


def compare(now: Counts, plans: Sequence[str]) -> bool:
    """Print what is different. Return whether all is at least as good."""
    found = list(differences(json.loads(COMMITTED.read_text()), now))
    worse = [difference for difference in found if difference.is_worse]
    if found:
        print(table(["", "", "committed", "now"], found), end="\n\n")
    for plan in plans:
        print(f"a bad plan: {plan}")
    if worse or plans:
        print("Worse than committed. When it has to be: run with --write, and say why in the commit.")
    elif found:
        print("Better: run with --write.")
    else:
        print("As committed.")
    return not worse and not plans


async def list_statements() -> None:
    with tempfile.TemporaryDirectory() as folder, Counters.on() as counters:
        async with Subject.on(Path(folder) / "counts.db") as subject:
            await live(subject)  # what is done for the first time is not what is asked for
            before = len(counters.statements)
            await live(subject)
            statements = Counter(map(general_of, counters.statements[before:]))
    for statement, times in statements.items():
        print(f"{times:3} {statement}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.counts", description="Counts that must not grow.")
    parser.add_argument("--write", action="store_true", help=f"put them into {COMMITTED.name}")
    parser.add_argument("--statements", action="store_true", help="list the statements of a life")
    options = parser.parse_args()
    if options.statements:
        asyncio.run(list_statements())
        return
    now, plans = asyncio.run(counted())
    if options.write:
        COMMITTED.write_text(json.dumps(now, indent=1) + "\n")
    sys.exit(0 if compare(now, plans) else 1)


if __name__ == "__main__":
    main()
