"""Which built-in dialer the settings name, and what it has to have open while it is at work."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from ringback.config import Settings
from ringback.dialers.simulated import SimulatedDialer
from ringback.ports.dialer import Dialer


class Loop(Protocol):
    """Something that goes on beside the calls, until it is cancelled; what it raises is a bug, and ends the server."""

    async def run(self) -> None: ...


class BuiltIn(NamedTuple):
    dialer: Dialer
    loops: Sequence[Loop] = ()


@asynccontextmanager
async def built_in_dialer(settings: Settings) -> AsyncIterator[BuiltIn | None]:
    """Open the dialer of the settings; None: only the user's own dialers place calls."""
    if settings.dialer == "none":
        yield None
    else:
        yield BuiltIn(SimulatedDialer(ring=settings.simulated_ring, talk=settings.simulated_talk))
