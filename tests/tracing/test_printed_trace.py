"""`make trace` prints what docs/tracing.md shows, but for the times."""

import re
from pathlib import Path

import pytest

from docs.tracing.trace import record, tree

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PAGE = Path(__file__).parents[2] / "docs/tracing.md"


def without_times(line: str) -> str:
    return re.sub(r" +\d+\.\d+ (s|ms)", "", line).rstrip()


@pytest.mark.long
async def test_the_page_shows_a_trace_that_was_printed(tmp_path: Path) -> None:
    printed = list(tree(await record(str(tmp_path), TRACE, SPAN), SPAN))
    [shown] = re.findall(r"^```\ntrace .*\n\n((?:.+\n)+)```$", PAGE.read_text(), re.MULTILINE)
    assert [without_times(line) for line in printed] == [without_times(line) for line in shown.splitlines()]
    assert len(printed) == 7
