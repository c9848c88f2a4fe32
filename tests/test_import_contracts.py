"""The contracts of pyproject.toml refuse what they say: every forbidden import is planted in a copy, and found.

A contract with a hole looks exactly like one that is kept. So what may be imported is written here once more, by
package; all the rest is planted, one module for each import, and `lint-imports` has to name each of them.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import grimp
import pytest

ROOT: Final = Path(__file__).parents[1]

# From the lowest floor up. `client` and `v1` stand apart.
_MAY_IMPORT: Final[Mapping[str, set[str]]] = {
    "domain": set(),
    "ports": {"domain"},
    "clocks": {"domain", "ports"},
    "application": {"domain", "ports", "clocks"},
    "identity": {"domain", "ports", "clocks", "application"},
    "config": {"domain", "ports", "clocks", "application", "identity", "dialers"},
    "storage": {"domain", "ports"},
    "dialers": {"domain", "ports", "clocks", "application"},
    "wire": {"domain", "ports", "clocks", "application", "v1"},
    "entry": {"domain", "ports", "clocks", "application", "identity", "config"},
    "metrics": {"domain", "ports", "clocks", "application", "identity", "dialers", "config"},
    "listening": {"domain", "ports", "clocks", "application", "identity", "config"},
    "rpc": {"domain", "ports", "clocks", "application", "identity", "config", "wire", "v1", "entry", "listening"}
    | {"metrics"},
    "web": {"domain", "ports", "clocks", "application", "identity", "config", "wire", "v1", "entry", "listening"}
    | {"metrics"},
    "tracing": {"domain", "ports", "clocks", "application", "identity", "config", "wire", "v1"}
    | {"entry", "listening", "metrics", "storage"},
    "app": {"domain", "ports", "clocks", "application", "identity", "config", "wire", "v1"}
    | {"storage", "dialers", "rpc", "tracing", "web", "entry", "listening", "metrics"},
    "cli": {"domain", "ports", "clocks", "application", "identity", "config", "wire", "v1"}
    | {"storage", "dialers", "rpc", "tracing", "web", "entry", "listening", "metrics", "app", "client"},
    "client": {"v1"},
    "v1": set(),
}

# Packages from elsewhere, and which of ours may import them.
_AT_THE_EDGE: Final = {"wire", "rpc", "tracing", "web", "app", "cli", "client", "v1"}
_FROM_ELSEWHERE: Final = [
    (("sqlite3", "aiosqlite", "psycopg", "psycopg_pool"), {"storage"}),
    (("grpc", "google.protobuf", "grpc_health", "grpc_reflection"), _AT_THE_EDGE),
    (("connectrpc", "protobuf"), {"web", "v1"}),
    (("prometheus_client",), {"metrics"}),
    (("hypercorn", "h2", "starlette"), {"web"}),
    (("opentelemetry",), {"tracing", "cli"}),
    (("asyncio", "logging", "socket", "time"), _MAY_IMPORT.keys() - {"domain"}),
]


class Probe(NamedTuple):
    """A module of `package` that imports `imported`, which is refused."""

    package: str
    imported: str

    def __str__(self) -> str:
        return f"{self.package} -> {self.imported}"

    @property
    def name(self) -> str:
        return f"planted_{self.imported.replace('.', '_')}"

    @property
    def edge(self) -> str:
        """Return the import, as `lint-imports` names it."""
        imported = self.imported if self.imported.startswith("ringback") else self.imported.partition(".")[0]
        return f"ringback.{self.package}.{self.name} -> {imported}"


# Finer than by package: modules within one.
_INSIDE: Final = [
    Probe("dialers", "ringback.application.callbacks"),
    Probe("dialers", "ringback.application.directory"),
    Probe("dialers", "ringback.application.events"),
    Probe("dialers", "ringback.application.optimistic"),
    Probe("dialers", "ringback.application.scheduling"),
    Probe("dialers.sip.messages", "ringback.dialers.sip.transport"),
    Probe("dialers.sip.transport", "ringback.dialers.sip.transactions"),
    Probe("dialers.sip.transactions", "ringback.dialers.sip.trunk"),
    Probe("dialers.sip.trunk", "ringback.dialers.sip.dialogs"),
    Probe("dialers.sip.dialogs", "ringback.dialers.sip.calls"),
    Probe("dialers.sip.calls", "ringback.dialers.sip.sip_dialer"),
    Probe("application.events", "ringback.application.dispatch"),
    Probe("application.directory", "ringback.application.events"),
    Probe("application.access", "ringback.application.directory"),
    Probe("application.dispatch", "ringback.application.callbacks"),
    Probe("application.callbacks", "ringback.application.scheduling"),
    Probe("application.scheduling", "ringback.application.dispatch"),
    Probe("application.directory", "ringback.application.callbacks"),
    Probe("storage.sqlite", "ringback.storage.postgres"),
    Probe("storage.postgres", "ringback.storage.sqlite"),
    Probe("storage.postgres", "ringback.storage.transfer"),
]

PROBES: Final = [
    *(
        Probe(package, f"ringback.{other}")
        for package, allowed in _MAY_IMPORT.items()
        for other in sorted(_MAY_IMPORT.keys() - allowed - {package})
    ),
    *(
        Probe(package, imported)
        for names, allowed in _FROM_ELSEWHERE
        for imported in names
        for package in sorted(_MAY_IMPORT.keys() - allowed)
    ),
    *_INSIDE,
]

# Each closes a circle in the package that is named.
CIRCLES: Final = [
    (Probe("domain", "ringback.ports"), "ringback"),
    (Probe("application.events", "ringback.application.dispatch"), "ringback.application"),
    (Probe("storage.migrations", "ringback.storage.sqlite"), "ringback.storage"),
    (Probe("storage.sqlite.schema", "ringback.storage.sqlite.store"), "ringback.storage.sqlite"),
]


def _copy(folder: Path, probes: Iterable[Probe]) -> Path:
    """Copy the package and its contracts to `folder`, and plant the probes there."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyi")
    shutil.copytree(ROOT / "src/ringback", folder / "ringback", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for probe in probes:
        place = folder.joinpath("ringback", *probe.package.split("."))
        if not place.is_dir():  # a module, which becomes a package so that there is room in it
            place.mkdir()
            place.with_suffix(".py").rename(place / "__init__.py")
        (place / f"{probe.name}.py").write_text(f"import {probe.imported}\n")
    return folder


def _lint(folder: Path) -> tuple[int, str]:
    """Return how `lint-imports` ends, and what it prints, of the copy in `folder`: not of the installed package."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = {"PYTHONPATH": str(folder), "COLUMNS": "1000"}  # no line is broken
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the imports that are refused for themselves, not for what stands behind them."""
    ended, printed = _lint(_copy(tmp_path_factory.mktemp("planted"), PROBES))
    assert ended == 1, printed
    # A chain of imports begins with a dash; one that goes on, on an indented line, is refused for what comes later.
    return set(re.findall(r"^- +(\S+ -> \S+) \(l\.1\)$(?!\n +\S)", printed, re.MULTILINE))


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_a_forbidden_import_is_refused(probe: Probe, refused: set[str]) -> None:
    assert probe.edge in refused


@pytest.mark.long
@pytest.mark.parametrize(("probe", "package"), CIRCLES, ids=str)
def test_a_circle_is_refused(probe: Probe, package: str, tmp_path: Path) -> None:
    ended, printed = _lint(_copy(tmp_path, [probe]))
    assert ended == 1
    assert f"No cycles are allowed in {package}.\n" in printed


def test_without_a_probe_nothing_is_refused(tmp_path: Path) -> None:
    ended, printed = _lint(_copy(tmp_path, []))
    assert ended == 0, printed


def test_every_package_is_probed() -> None:
    there = {path.stem for path in (ROOT / "src/ringback").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__init__", "__main__", "__pycache__"} == set(_MAY_IMPORT)


def test_the_domain_needs_two_packages_from_elsewhere() -> None:
    """A contract can only name what is forbidden, not all there is."""
    graph = grimp.build_graph("ringback", include_external_packages=True, cache_dir=None)
    domain = {"ringback.domain"} | graph.find_descendants("ringback.domain")
    imported = {name.partition(".")[0] for module in domain for name in graph.find_modules_directly_imported_by(module)}
    assert imported - {"ringback"} - sys.stdlib_module_names <= {"msgspec", "phonenumbers"}
