"""A checkout that is measured beside this one has to run its own code."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.checkout import Checkout


def test_a_checkout_is_its_python_and_its_commit(tmp_path: Path) -> None:
    (tmp_path / "src/ringback").mkdir(parents=True)
    (tmp_path / "src/ringback/__init__.py").touch()
    python = _environment(tmp_path, f'PYTHONPATH="{tmp_path}/src" exec "{sys.executable}" "$@"')
    commit = _commit(tmp_path)
    assert Checkout.at(tmp_path) == Checkout(str(python), commit)


def test_a_checkout_without_an_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no \.venv"):
        Checkout.at(tmp_path)


def test_a_checkout_whose_environment_runs_our_code_is_refused(tmp_path: Path) -> None:
    """It would be compared with itself."""
    _environment(tmp_path, f'exec "{sys.executable}" "$@"')
    with pytest.raises(ValueError, match="runs other code"):
        Checkout.at(tmp_path)


def _environment(folder: Path, runs: str) -> Path:
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{runs}\n")
    python.chmod(0o755)
    return python


def _commit(folder: Path) -> str:
    git = ("git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@cc.example")
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "before"], check=True)
    told = subprocess.run([*git, "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True)
    return told.stdout.strip()
