"""A server whose wall clock a test sets, under way and while it is down. The monotonic clock goes on as it does."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.world.api import Api
from tests.world.server_process import ServerProcess, serving

# Debian's package `faketime` has it there.
_LIBRARY = "libfaketimeMT.so.1"
_FOLDERS = (Path("/usr/lib"), Path("/usr/local/lib"))


def require_faketime() -> Path:
    """Return the library that fakes the wall clock. Skip the test where it is missing, and fail it in CI."""
    for folder in _FOLDERS:
        for found in sorted(folder.glob(f"**/faketime/{_LIBRARY}")):
            return found
    reason = f"{_LIBRARY} is missing: install faketime"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class SetClock:
    """What the wall clock of servers shows, as the difference to that of this machine."""

    file: Path
    library: Path

    def set(self, ahead: timedelta) -> None:
        # Replaced at once, so that no half of it is ever read.
        new = self.file.with_suffix(".new")
        new.write_text(f"{ahead.total_seconds():+.0f}\n")
        new.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@asynccontextmanager
async def serving_by(clock: SetClock, database: str) -> AsyncIterator[tuple[ServerProcess, Api]]:
    """Run a server by this clock, without a dialer of its own; when the block ends, it is killed."""
    options = ("--database", database, "--listen", "127.0.0.1:0", "--dialer", "none")
    async with serving(*options, **clock.environment) as server, Api.at(await server.address()) as api:
        yield server, api
