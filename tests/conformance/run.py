"""Plays all scenarios in all languages, and compares.

    python tests/conformance/run.py --languages python,go --only watch

A language whose driver cannot be built is skipped, or is a failure where the environment says CI=true. Exits with 1
on failure.
"""

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it reads this once, and tells of each handshake that fails

from ringback.ports.location import PostgresUrl
from tests.conformance.agreement import disagreements
from tests.conformance.languages import LANGUAGES, Language, build, find
from tests.conformance.player import Outcome, play
from tests.conformance.report import Report
from tests.conformance.scenario import Scenario, load
from tests.conformance.server import Databases
from tests.world.postgres import Cluster

# The machine has to carry this many servers and drivers at a time.
_AT_ONCE: Final = 2


@contextmanager
def _sqlite() -> Iterator[Databases]:
    with tempfile.TemporaryDirectory(prefix="ringback-conformance-") as folder:
        yield lambda: Path(folder) / f"{uuid4()}.db"


@contextmanager
def _postgresql() -> Iterator[Databases]:
    cluster = Cluster.start()
    try:
        yield lambda: PostgresUrl(cluster.new_schema())
    finally:
        cluster.destroy()


# Where the servers keep their data: a new, empty database for each.
_DATABASES: Final[Mapping[str, Callable[[], AbstractContextManager[Databases]]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}


@click.command()
@click.option("--languages", default=",".join(LANGUAGES), show_default=True, help="Which, separated by commas.")
@click.option("--only", default="", metavar="TEXT", help="Scenarios with this text in their theme or name.")
@click.option("--database", type=click.Choice(list(_DATABASES)), default="sqlite", show_default=True)
@click.option("--build/--no-build", "builds", default=False, help="Build the drivers first.")
def main(languages: str, only: str, database: str, builds: bool) -> None:
    """Play the scenarios in each language, and tell which fail or differ."""
    logging.basicConfig(level=logging.ERROR)  # what the servers warn of is what the scenarios are about
    report = asyncio.run(_run(languages.split(","), only, database, builds))
    for line in report.lines():
        click.echo(line)
    sys.exit(1 if report.failed else 0)


async def _run(names: Sequence[str], only: str, database: str, builds: bool) -> Report:
    languages = [await build(name) if builds else find(name) for name in names]
    scenarios = [scenario for scenario in load() if only.casefold() in str(scenario).casefold()]
    with _DATABASES[database]() as databases:
        outcomes = await _play_all(scenarios, languages, databases)
    for scenario in scenarios:
        _compare(scenario, languages, outcomes)
    return Report(scenarios, languages, outcomes, strict=os.environ.get("CI") == "true")


async def _play_all(
    scenarios: Sequence[Scenario], languages: Sequence[Language], databases: Databases
) -> dict[tuple[str, str], Outcome]:
    outcomes: dict[tuple[str, str], Outcome] = {}
    places = asyncio.Semaphore(_AT_ONCE)

    async def play_one(scenario: Scenario, language: Language) -> None:
        async with places:
            outcomes[str(scenario), language.name] = await play(
                scenario, language.command, databases, over_http=language.over_http
            )

    async with asyncio.TaskGroup() as group:
        for scenario in scenarios:
            for language in languages:
                if not language.missing:
                    group.create_task(play_one(scenario, language))
    return outcomes


def _compare(scenario: Scenario, languages: Sequence[Language], outcomes: Mapping[tuple[str, str], Outcome]) -> None:
    """Fail where what the expectations leave open differs from what the first language that passed has seen."""
    passed = [
        (language.name, outcome)
        for language in languages
        if (outcome := outcomes.get((str(scenario), language.name))) and not outcome.failure
    ]
    for name, outcome in passed[1:]:
        reference, expected = passed[0]
        if lines := disagreements(expected.seen, outcome.seen):
            outcome.failure = "\n".join([f"{reference} and {name} saw different things", *lines])


if __name__ == "__main__":
    main()
