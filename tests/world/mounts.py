"""A folder at a second place, as containers have it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def bound(folder: Path, place: Path) -> Iterator[Path]:
    """Mount the folder at the place, too. Skips the test where that is not permitted."""
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "--bind", folder, place], capture_output=True, text=True, check=False)
    if mounted.returncode:
        assert not os.environ.get("CI"), mounted.stderr
        pytest.skip(f"no mount is permitted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
