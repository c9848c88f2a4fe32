"""What the README and the page about the architecture show is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_example_is_that_of_the_client() -> None:
    """The client runs its own."""
    assert example_in(README, "python") == example_in((ROOT / "clients/python/README.md").read_text(), "python")


@pytest.mark.parametrize("script", ["docs/cli/screens.py", "docs/sip/ladder.py"])
def test_the_pictures_in_the_documents_are_drawn_by_the_code(script: str) -> None:
    check = [sys.executable, str(ROOT / script)]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def example_in(page: str, language: str) -> str:
    example: str = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)[0]
    return example


@pytest.mark.parametrize(
    ("script", "page"),
    [
        ("states.py", "docs/architecture.md"),
        ("floors.py", "docs/architecture.md"),
        ("metrics.py", "docs/metrics.md"),
        ("settings.py", "docs/configuration.md"),
        ("roles.py", "docs/security.md"),
        ("access_file.py", "docs/security/access.md"),
    ],
)
def test_the_diagrams_and_tables_are_those_of_the_code(script: str, page: str) -> None:
    check = [sys.executable, str(ROOT / "docs/diagrams" / script), "--check", str(ROOT / page)]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
