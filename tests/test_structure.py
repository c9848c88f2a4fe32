"""What is shared between tests lies in `tests/world`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src/ringback"


def imports_of_tests(source: str) -> list[str]:
    """Return what a module imports from modules of tests or of fixtures."""
    return [name for name in imported(source) if any(is_test_module(part) for part in name.split("."))]


def imported(source: str) -> Iterator[str]:
    """Yield the full names of what a module imports: modules, and what is taken out of them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def is_test_module(name: str) -> bool:
    return name.startswith("test_") or name == "conftest"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from tests.rpc.test_watch import far_ahead", ["tests.rpc.test_watch.far_ahead"]),
        ("from tests.rpc import test_watch as watch", ["tests.rpc.test_watch"]),
        ("from . import conftest", [".conftest"]),
        ("import tests.rpc.test_watch", ["tests.rpc.test_watch"]),
        ("def f():\n    from tests.cli.conftest import run", ["tests.cli.conftest.run"]),
        ("from tests.world.api import Api", []),
    ],
)
def test_an_import_of_a_test_is_seen(source: str, found: list[str]) -> None:
    assert imports_of_tests(source) == found


def test_no_module_imports_a_test() -> None:
    """What two tests need is a helper: it lies in `tests/world`, and moves with neither."""
    found = {str(path.relative_to(TESTS)): imports_of_tests(path.read_text()) for path in TESTS.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_two_classes_have_one_name() -> None:
    """A name says which class it is, wherever it is read: in a traceback, in a search, in a review."""
    places: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE)
        if module.parts[0] == "v1":  # generated
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(module))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
