"""Every scenario in Python, against a server of its own. `make conformance` plays them in all languages."""

import re
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.player import Outcome, play
from tests.conformance.scenario import Scenario, load

DRIVER: Final = Path(__file__).parents[2] / "clients/python/conformance/driver.py"


@pytest.mark.long
@pytest.mark.parametrize("scenario", load(), ids=str)
async def test_in_python(scenario: Scenario, tmp_path: Path) -> None:
    assert (await played(scenario, tmp_path)).failure == ""


async def test_the_example_of_the_readme(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", (Path(__file__).parent / "README.md").read_text(), re.DOTALL)
    (tmp_path / "example.yaml").write_text(example)
    [scenario] = load(tmp_path)
    assert (await played(scenario, tmp_path)).failure == ""


async def played(scenario: Scenario, folder: Path) -> Outcome:
    databases = (folder / f"{number}.db" for number in range(9))
    return await play(scenario, [sys.executable, str(DRIVER)], lambda: next(databases))
