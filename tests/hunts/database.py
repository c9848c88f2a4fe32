"""The PostgreSQL that the servers of a hunt share, set up as for production, and what happens to it."""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Final

from tests.world.postgres import Cluster

# The name of a server on its connections.
_APPLICATION: Final = "ringback"
_BACKENDS: Final = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{_APPLICATION}' ORDER BY pid"
# The share of the connections that is cut.
_CUT_SHARE: Final = 0.5


class Durable(Cluster):
    """A cluster that loses nothing that it has acknowledged, whatever happens to it."""

    async def restart(self) -> None:
        """Have it crash, and recover."""
        await asyncio.to_thread(self.down, "immediate")
        await asyncio.to_thread(self.up)

    async def cut_connections(self, dice: random.Random) -> None:
        """End some of the servers' connections, whatever runs on them."""
        backends = [pid for (pid,) in await asyncio.to_thread(self.execute, _BACKENDS)]
        chosen = dice.sample(backends, round(len(backends) * _CUT_SHARE))
        await asyncio.to_thread(self.execute, f"SELECT pg_terminate_backend(pid) FROM unnest(ARRAY{chosen}::int[]) pid")

    def lose_power(self) -> None:
        """Kill all its processes at one moment: none sees the death of another, nor writes a last line."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        self.suspend()
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        # The postmaster last: until then, none of its children that have ended can vanish.
        for pid in (*map(int, children), postmaster):
            os.kill(pid, signal.SIGKILL)
        (self.data / "postmaster.pid").unlink()
