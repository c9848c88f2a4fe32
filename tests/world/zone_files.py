"""A folder of zone files that is looked into before the machine's own."""

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from ringback.domain.time_zone import zone_named

ZURICH = files("tzdata").joinpath("zoneinfo", "Europe", "Zurich").read_bytes()


@contextmanager
def zone_file(folder: Path, name: str, data: bytes) -> Iterator[None]:
    """Let this machine have such a file for a zone, as after a restart."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    before = zoneinfo.TZPATH
    try:
        _look_in(folder)
        yield
    finally:
        zoneinfo.reset_tzpath(before)
        _forget()


def _look_in(folder: Path) -> None:
    zoneinfo.reset_tzpath([str(folder)])
    _forget()


def _forget() -> None:
    ZoneInfo.clear_cache()
    zone_named.cache_clear()
