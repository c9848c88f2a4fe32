"""How much of the machine is taken by what is none of the bench's."""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench.processes import Meter, ServerProcess

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """What has been spent up to some moment: by all, and by this process, clients that have ended, and servers."""

    moment_s: float
    all_s: float
    ours_s: float

    @classmethod
    def read(cls, servers: Sequence[ServerProcess]) -> Self:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        ours_s = Meter(servers, None).read().servers_s + sum(one.ru_utime + one.ru_stime for one in used)
        return cls(time.monotonic(), busy_s(Path("/proc/stat").read_text()), ours_s)

    def others_since(self, earlier: Self) -> float:
        """Return which part of all cores others have had meanwhile."""
        others_s = (self.all_s - earlier.all_s) - (self.ours_s - earlier.ours_s)
        return others_s / (self.moment_s - earlier.moment_s) / (os.cpu_count() or 1)


def busy_s(stat: str) -> float:
    """Return for how long cores have been busy, or were not to be had, by the first line of `/proc/stat`."""
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, stat.split()[1:9])
    return (user + nice + system + interrupts + soft_interrupts + stolen) * _TICK_S
