"""Plays histories by their seeds, and tells of each that breaks a promise.

    python tests/simulation/run.py --seeds 2000
    python tests/simulation/run.py --seed 17

The same seed is the same history, on every machine, as long as the code is the same. One that was found breaking a
promise becomes a row of `tests/simulation/test_seeds.py`.
"""

import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from tests.hunts.report import Report
from tests.simulation.chance import KINDS
from tests.simulation.history import Verdict, play

# The seeds of the usual run, so that a finding can be repeated by name. Other runs begin elsewhere.
_FIRST: Final = 0


def hunt(first: int, count: int) -> Report:
    """Play so many histories, from this seed on."""
    begun = time.monotonic()
    kinds: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    findings: list[str] = []
    steps = 0
    for seed in range(first, first + count):
        verdict = play(seed)
        kinds[verdict.kind] += 1
        steps += verdict.steps
        facts += verdict.facts
        findings += [f"seed {seed} ({verdict.kind}): {finding}" for finding in verdict.findings]
    seconds = time.monotonic() - begun
    return Report(
        {
            "seeds": f"{first} to {first + count - 1}",
            **{f"histories, {kind}": kinds[kind] for kind in KINDS},
            "steps": steps,
            **dict(sorted(facts.items())),
            "seconds": round(seconds, 1),
            "seeds per second": round(count / seconds, 1),
        },
        findings,
    )


def show(verdict: Verdict) -> None:
    """Print one history, and what it broke."""
    click.echo("\n".join(verdict.trace))
    facts = {"seed": verdict.seed, "kind": verdict.kind, "digest": verdict.digest, "steps": verdict.steps}
    Report({**facts, **dict(sorted(verdict.facts.items()))}, verdict.findings).show()


@click.command()
@click.option("--seeds", default=2000, show_default=True, help="How many histories to play.")
@click.option("--first", default=_FIRST, show_default=True, help="The first seed of them; -1 draws one.")
@click.option("--seed", type=int, help="Play the history of this seed alone, and print its course.")
def main(seeds: int, first: int, seed: int | None) -> None:
    """Play histories by their seeds, and tell of each that breaks a promise."""
    if seed is not None:
        show(play(seed))
    hunt(random.randrange(2**32) if first < 0 else first, seeds).show()


if __name__ == "__main__":
    main()
