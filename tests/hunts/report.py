"""The result of a hunt."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click

from ringback.v1 import callback_pb2 as cb

# One fault can make a line at every event that follows.
_SHOWN: Final = 50


@dataclass(frozen=True)
class Report:
    """What was done, and every promise that was found broken."""

    facts: Mapping[str, object]
    findings: Sequence[str]

    def show(self) -> None:
        """Print it, and exit: with 0 when nothing was found."""
        for name, value in self.facts.items():
            click.echo(f"{name:>22}  {value}")
        for finding in self.findings[:_SHOWN]:
            click.echo(f"FOUND {finding}")
        if len(self.findings) > _SHOWN:
            click.echo(f"... and {len(self.findings) - _SHOWN} more")
        click.echo("nothing found" if not self.findings else f"{len(self.findings)} findings")
        raise SystemExit(1 if self.findings else 0)


def fates(callbacks: Iterable[cb.Callback]) -> dict[str, object]:
    """Return how callbacks and attempts ended, which shows whether a hunt went where it was meant to go."""
    states, outcomes = Counter[str](), Counter[str]()
    for callback in callbacks:
        states[cb.CallbackState.Name(callback.state).removeprefix("CALLBACK_STATE_")] += 1
        for attempt in callback.attempts:
            outcomes[cb.CallOutcome.Name(attempt.outcome).removeprefix("CALL_OUTCOME_")] += 1
    return {"callbacks": states.total(), "ended as": _listed(states), "attempts": _listed(outcomes)}


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())
