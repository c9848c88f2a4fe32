"""Markdown tables of figures."""

from collections.abc import Sequence

Cells = Sequence[object]


def table(head: Cells, rows: Sequence[Cells]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def whole(number: float) -> str:
    return f"{number:,.0f}"
