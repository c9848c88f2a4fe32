#!/usr/bin/env python3
"""Draws the floors of the server from the imports between its packages, as Mermaid text.

    docs/diagrams/floors.py                                print them
    docs/diagrams/floors.py --check docs/architecture.md   fail when the page shows other ones
    docs/diagrams/floors.py --write docs/architecture.md   put them into the page

The order of the floors is that of the contract in pyproject.toml; the arrows are what the code does.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import block
import grimp

_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
_ROOT = "ringback"
_CONTRACT = "Imports point down"


def diagram() -> str:
    return "\n".join(["flowchart TD", *(f"    {line}" for line in _lines())])


def _lines() -> Iterator[str]:
    floors = _floors()
    graph = _packages(floors)
    yield from floors
    for importer in floors:
        direct = graph.find_modules_directly_imported_by(importer)
        for imported in [floor for floor in floors if floor in direct]:
            if not _is_implied(graph, importer, imported):
                yield f"{importer} --> {imported}"


def _floors() -> list[str]:
    """Return the packages of the contract, from the highest floor down."""
    contracts = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["name"] == _CONTRACT]
    return [package for layer in layers for package in layer.split(" | ")]


def _packages(floors: list[str]) -> grimp.ImportGraph:
    """Return who imports whom, by package: what is in one counts as the package itself."""
    modules = grimp.build_graph(_ROOT, cache_dir=None)
    packages = grimp.ImportGraph()
    for floor in floors:
        packages.add_module(floor)
        inside = {f"{_ROOT}.{floor}"} | modules.find_descendants(f"{_ROOT}.{floor}")
        imported = {name for module in inside for name in modules.find_modules_directly_imported_by(module)}
        for name in imported - inside - {_ROOT}:
            packages.add_import(importer=floor, imported=name.split(".")[1])
    return packages


def _is_implied(graph: grimp.ImportGraph, importer: str, imported: str) -> bool:
    """Return whether a longer way leads there, too: without such arrows the picture can be read."""
    others = graph.find_modules_directly_imported_by(importer) - {imported}
    return any(imported in graph.find_upstream_modules(other) for other in others)


if __name__ == "__main__":
    sys.exit(block.main("floors", diagram()))
