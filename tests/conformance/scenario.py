"""Reads scenarios: what a step may say, and nothing else. README.md explains the format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from ringback.cli.values import parse_span
from tests.conformance.messages import Json

SCENARIOS: Final = Path(__file__).parent / "scenarios"

_TIMEOUT: Final = timedelta(seconds=10)
# For each kind of step: what it may be followed by.
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "call": frozenset({"request", "timeout", "background", "expect", "save"}),
    "create": frozenset({"timeout", "background", "expect", "save"}),
    "error": frozenset({"expect"}),
    "stream": frozenset({"request"}),
    "watch": frozenset({"request"}),
    "receive": frozenset({"expect", "save"}),
    "result": frozenset({"expect", "save"}),
    "stop": frozenset(),
    "server": frozenset(),
}
_EXPECTATIONS: Final = frozenset({"code", "reason", "violations", "response"})


class ScenarioError(Exception):
    """A scenario is not written as the format asks for."""


@dataclass(frozen=True)
class Expectation:
    """What a step must see. An error is expected whole; of a response, only the fields that are named."""

    code: str = "OK"
    reason: str = ""
    violations: Sequence[str] = ()
    response: Any = None


@dataclass(frozen=True)
class Step:
    """One thing to do and what it must lead to; `subject` is what follows the kind."""

    number: int
    kind: str
    subject: Any
    request: Json = field(default_factory=dict)
    timeout: timedelta = _TIMEOUT
    background: str = ""
    expect: Expectation = field(default_factory=Expectation)
    save: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        what = "" if self.kind == "create" else f" {self.subject}"
        return f"step {self.number}: {self.kind}{what}"


@dataclass(frozen=True)
class Scenario:
    """One scenario, in which all languages must see the same."""

    theme: str
    name: str
    steps: Sequence[Step]

    def __str__(self) -> str:
        return f"{self.theme}: {self.name}"


def load(folder: Path = SCENARIOS) -> Sequence[Scenario]:
    """Read all scenarios, in the order of the files. Raise `ScenarioError`."""
    return [scenario for file in sorted(folder.glob("*.yaml")) for scenario in _read(file)]


def _read(file: Path) -> Iterator[Scenario]:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    _check(file.name, document, {"about", "given", "scenarios"})
    for item in document["scenarios"]:
        where = f"{file.name}, {item.get('name')}"
        _check(where, item, {"name", "steps"})
        steps = [_step(where, number, written) for number, written in enumerate(item["steps"], start=1)]
        yield Scenario(file.stem, item["name"], steps)


def _step(where: str, number: int, written: Json) -> Step:
    where = f"{where}, step {number}"
    kinds = written.keys() & _KINDS.keys()
    if len(kinds) != 1:
        raise ScenarioError(f"{where}: is not one of {', '.join(_KINDS)}")
    [kind] = kinds
    _check(where, written, {kind, *_KINDS[kind]})
    expect = written.get("expect", {})
    _check(where, expect, _EXPECTATIONS)
    return Step(
        number=number,
        kind=kind,
        subject=written[kind],
        request=written.get("request", {}),
        timeout=parse_span(written["timeout"]) if "timeout" in written else _TIMEOUT,
        background=written.get("background", ""),
        expect=Expectation(**expect),
        save=written.get("save", {}),
    )


def _check(where: str, written: Json, known: set[str] | frozenset[str]) -> None:
    if unknown := written.keys() - known:
        raise ScenarioError(f"{where}: {', '.join(sorted(unknown))} is not known here")
