"""The tables of docs/debugging.md leave nothing out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ringback.v1.directory_service_pb2 import WaitingReason
from ringback.v1.error_reason_pb2 import ErrorReason

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/debugging.md").read_text(encoding="utf-8")
PROTO = (ROOT / "protos/ringback/v1/error_reason.proto").read_text(encoding="utf-8")


def rows(*headings: str) -> list[list[str]]:
    """Return the first cells of the rows of the table that begins with these headings, without their backticks."""
    heading = re.escape(f"| {' | '.join(headings)} |")
    [table] = re.findall(rf"^{heading}.*\n\|[- |]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip("` ") for cell in row.split("|")[1 : len(headings) + 1]] for row in table.splitlines()]


def test_every_error_reason_is_explained_with_its_code() -> None:
    codes = re.findall(r"^  // ([A-Z_]+): (?:[^\n]*\n  // )*[^\n]*\n  ERROR_REASON_([A-Z_]+) =", PROTO, re.MULTILINE)
    assert len(codes) == len(ErrorReason.DESCRIPTOR.values) - len(["UNSPECIFIED"])
    assert rows("reason", "code") == [[reason, code] for code, reason in codes]


def test_every_reason_to_wait_is_explained() -> None:
    reasons = [name.removeprefix("WAITING_REASON_") for name in WaitingReason.DESCRIPTOR.values_by_name]
    assert [reason for reason, _ in rows("reason", "why it waits")] == reasons[1:]


def test_every_line_of_the_log_is_explained() -> None:
    shown = rows("level", "line")
    said = {form for path in (ROOT / "src/ringback").rglob("*.py") for form in logged(path.read_text(encoding="utf-8"))}
    unexplained = {(level, form) for level, form in said if not any(fits(row, level, form) for row in shown)}
    invented = [row for row in shown if not any(fits(row, level, form) for level, form in said)]
    assert len(said) > 10
    assert (unexplained, invented) == (set(), [])


def logged(code: str) -> Iterator[tuple[str, str]]:
    """Yield the level and the format of every line that a piece of source logs."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(ast.Attribute(ast.Name("_log"), "log"), [_, ast.Constant(str(form)), *_]):
                yield "WARNING", form  # a line whose level depends; this is the higher one
            case ast.Call(ast.Attribute(ast.Name("_log"), level), [ast.Constant(str(form)), *_]):
                yield "ERROR" if level == "exception" else level.upper(), form


def fits(row: list[str], level: str, form: str) -> bool:
    text = ".+".join(re.escape(part) for part in re.split(r"%(?:\.\d)?[sdfg]", form))
    return row[0] == level and re.fullmatch(text, row[1]) is not None
