"""What the README and the page about the architecture show is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(("client", "language"), [("python", "python"), ("go", "go"), ("typescript", "ts")])
def test_the_examples_are_those_of_the_clients(client: str, language: str) -> None:
    """Each client compiles or runs its own."""
    assert example_in(README, language) == example_in((ROOT / "clients" / client / "README.md").read_text(), language)


def test_the_terminals_in_the_documents_are_drawn_by_the_code() -> None:
    check = [sys.executable, str(ROOT / "docs/cli/screens.py")]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def example_in(page: str, language: str) -> str:
    example: str = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)[0]
    return example


@pytest.mark.parametrize(
    ("script", "page"),
    [("states.py", "README.md"), ("floors.py", "docs/architecture.md"), ("settings.py", "docs/configuration.md")],
)
def test_the_diagrams_and_tables_are_those_of_the_code(script: str, page: str) -> None:
    check = [sys.executable, str(ROOT / "docs/diagrams" / script), "--check", str(ROOT / page)]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
