"""Reads scenarios: what a step may say, and nothing else. README.md explains the format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from ringback.cli.values import parse_span
from tests.conformance.identities import WAYS
from tests.conformance.messages import Json

SCENARIOS: Final = Path(__file__).parent / "scenarios"

_TIMEOUT: Final = timedelta(seconds=10)
# For each kind of step: what it may be followed by.
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "call": frozenset({"as", "request", "timeout", "background", "expect", "save"}),
    "create": frozenset({"as", "timeout", "background", "expect", "save"}),
    "error": frozenset({"expect"}),
    "stream": frozenset({"as", "request"}),
    "queues": frozenset({"as", "request"}),
    "watch": frozenset({"as", "request"}),
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
    # The client that does it, where the server has identities.
    client: str = ""

    def __str__(self) -> str:
        what = "" if self.kind == "create" else f" {self.subject}"
        who = f" as {self.client}" if self.client else ""
        return f"step {self.number}: {self.kind}{what}{who}"


@dataclass(frozen=True)
class Scenario:
    """One scenario, in which all languages must see the same."""

    theme: str
    name: str
    steps: Sequence[Step]
    # How its server is reached, which then has identities; empty where everybody may do everything.
    access: str = ""

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
        _check(where, item, {"name", "access", "steps"})
        access = item.get("access", "")
        if access not in ("", *WAYS):
            raise ScenarioError(f"{where}: access is one of {', '.join(WAYS)}")
        steps = [_step(where, number, written) for number, written in enumerate(item["steps"], start=1)]
        for step in steps:
            if "as" in _KINDS[step.kind] and bool(access) != bool(step.client):
                raise ScenarioError(f"{where}, {step}: a client is named if the server has identities, and only then")
        yield Scenario(file.stem, item["name"], steps, access)


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
        client=written.get("as", ""),
    )


def _check(where: str, written: Json, known: set[str] | frozenset[str]) -> None:
    if unknown := written.keys() - known:
        raise ScenarioError(f"{where}: {', '.join(sorted(unknown))} is not known here")
