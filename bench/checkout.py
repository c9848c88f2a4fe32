"""Another checkout of Ringback, whose server is measured beside this one's: the code before a change."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Checkout:
    # Of its own environment, made by `make venv` there.
    python: str
    commit: str

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Raise `ValueError` unless this folder has an environment that runs the code of this folder."""
        folder = folder.resolve()
        python = folder / ".venv/bin/python"
        if not python.exists():
            raise ValueError(f"{folder} has no .venv: make venv there")
        code = _output(str(python), "-c", "import ringback; print(ringback.__file__)")
        if not Path(code).resolve().is_relative_to(folder):
            raise ValueError(f"the environment of {folder} runs other code: {code}")
        return cls(str(python), _output("git", "-C", str(folder), "rev-parse", "--short", "HEAD"))


def _output(*command: str) -> str:
    # Elsewhere than here, lest Python takes a package of the working directory.
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()  # noqa: S603 - ours
