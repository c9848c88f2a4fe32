#!/usr/bin/env python3
"""Writes the table of all metrics from the one in the code.

docs/diagrams/metrics.py                         print it
docs/diagrams/metrics.py --check docs/metrics.md fail when the page shows another one
docs/diagrams/metrics.py --write docs/metrics.md put it into the page
"""

import sys
from collections.abc import Iterator

import block

from ringback.metrics.catalogue import ALL


def table() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| metric | type | labels | of | |"
    yield "| --- | --- | --- | --- | --- |"
    for metric in ALL:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.full_name}` | {metric.type} | {labels} | {metric.scope} | {metric.help} |"


if __name__ == "__main__":
    sys.exit(block.main("metrics", table(), language=""))
