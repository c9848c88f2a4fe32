"""Mounts: a folder at a second place, as containers have it, and a disk with little room."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def bound(folder: Path, place: Path) -> Iterator[Path]:
    """Mount the folder at the place, too. Skips the test where that is not permitted."""
    with _mounted(place, "--bind", str(folder)):
        yield place


@contextmanager
def in_memory(place: Path, size_mib: int) -> Iterator[Path]:
    """Mount a disk of memory at the place. Skips the test where that is not permitted."""
    with _mounted(place, "-t", "tmpfs", "-o", f"size={size_mib}m", "none"):
        yield place


@contextmanager
def _mounted(place: Path, *arguments: str) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", *arguments, place], capture_output=True, text=True, check=False)
    if mounted.returncode:
        assert not os.environ.get("CI"), mounted.stderr
        pytest.skip(f"no mount is permitted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
