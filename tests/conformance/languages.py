"""The languages, and where their drivers are. One of them has a second driver, over Connect with JSON."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CONNECT_JSON: Final = "connect-json"
LANGUAGES: Final = ("python", "go", "typescript", "java", "rust", CONNECT_JSON)
# Whose client a driver is made with, where that is not its name.
_CLIENTS: Final = {CONNECT_JSON: "typescript"}


@dataclass(frozen=True)
class Language:
    """One language, and why its driver cannot be run, if so."""

    name: str
    missing: str = ""

    @property
    def over_http(self) -> bool:
        """Return whether it has to reach the port of HTTP."""
        return self.name == CONNECT_JSON

    @property
    def command(self) -> tuple[str, ...]:
        return (str(_driver(self.name)),)


def find(name: str) -> Language:
    """Return the language, with the reason when its driver has not been built."""
    if os.access(_driver(name), os.X_OK):
        return Language(name)
    return Language(name, f"its driver is not built: make -C clients/{_CLIENTS.get(name, name)} driver")


async def build(name: str) -> Language:
    """Build the driver, so that it is of these sources. When that fails, the end of make's output is the reason."""
    make = await asyncio.create_subprocess_exec(
        *("make", "--silent", "-C", str(ROOT / "clients" / _CLIENTS.get(name, name)), "driver"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await make.communicate()
    if make.returncode == 0:
        return find(name)
    return Language(name, f"its driver cannot be built: {output.decode(errors='replace').strip()[-500:]}")


def _driver(name: str) -> Path:
    return ROOT / "build" / "conformance" / name
