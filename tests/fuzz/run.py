"""Fuzz a server: every RPC, its frames, the HTTP port, and the files that operators write.

    make fuzz                                        a minute, with a seed of its own
    make fuzz FUZZ_S=3600                            an hour
    python tests/fuzz/run.py --seed 7 --steps 400    the same steps again, up to a finding

What is looked for: a call that ends as a bug, or not at all; a refused call that has stored something; a file that is
neither read nor refused in plain lines; and a server that is then not healthy, or has errors in its log.
"""

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from tests.fuzz.parts import PARTS, Length
from tests.hunts.report import Report

_SEEDS: Final = 1_000_000


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="How long to go on, with all parts together.")
@click.option("--steps", type=int, default=None, help="Do so many steps of each part, however long that takes.")
@click.option("--seed", type=int, default=None, help="Make the same steps again.")
@click.option("--parts", default=",".join(PARTS), show_default=True, help="What to fuzz.")
def main(seconds: float, steps: int | None, seed: int | None, parts: str) -> None:
    """Fuzz one part after the other, and print what was done and found."""
    chosen = parts.split(",")
    if unknown := set(chosen) - PARTS.keys():
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    seed = secrets.randbelow(_SEEDS) if seed is None else seed
    click.echo(f"seed {seed}")
    facts: dict[str, object] = {"seed": seed}
    findings: list[str] = []
    for part in chosen:
        with tempfile.TemporaryDirectory() as folder:
            length = Length(seconds / len(chosen), steps)
            report = asyncio.run(PARTS[part](Path(folder), seed, length))
        facts |= report.facts
        findings += report.findings
    Report(facts, findings).show()


if __name__ == "__main__":
    main()
