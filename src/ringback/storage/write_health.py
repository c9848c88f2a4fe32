"""Whether the database can be used, as the server says it: the one source of health, of a metric and of the log.

A refused write shows at once that it cannot. That it can again is shown by a write that is no smaller, since a nearly
full disk still takes what fits into a free page. Nobody has to send requests for that: a server that is not serving
gets none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ringback.domain.errors import StorageFault, StorageUnavailable
from ringback.storage.errors import NOT_TAKEN

_log = logging.getLogger(__name__)

# More than the largest request that the server receives.
LARGEST_PROOF: Final = 32 * 1024 * 1024
# What a write takes beyond what it writes: pages of indexes.
_SLACK: Final = 64 * 1024
# A question or a write that takes longer hangs: each has a limit of its own, which is shorter, unless the disk hangs.
PATIENCE_S: Final = 6.0


class WriteHealth:
    """What the last writes have shown, and what has to be shown before the database counts as good again."""

    def __init__(self) -> None:
        self._fault: StorageUnavailable | None = None
        self._is_damaged = False
        self._faults = 0
        # How large a write was refused.
        self._refused_bytes = 0
        self._listeners: list[Callable[[bool], None]] = []

    @property
    def is_good(self) -> bool:
        return self._fault is None

    @property
    def proof_bytes(self) -> int:
        """How large a write has to be that shows that others are not refused any more."""
        return min(self._refused_bytes + _SLACK, LARGEST_PROOF)

    @property
    def faults(self) -> int:
        """How often the database has failed."""
        return self._faults

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` at once with whether the database is good, whenever that changes."""
        self._listeners.append(listener)

    def refuse(self, fault: StorageUnavailable, refused_bytes: int) -> None:
        """Note that writes of so many bytes together were refused."""
        if fault.fault is StorageFault.RIVALRY:
            return
        self._refused_bytes = max(self._refused_bytes, refused_bytes)
        if fault.fault is StorageFault.DAMAGE and not self._is_damaged:
            self._is_damaged = True
            _log.critical("the database is damaged: %s", _cause(fault))
        self._fail(fault, "does not take writes")

    def miss_answer(self, fault: StorageUnavailable) -> None:
        """Note that a question was not answered."""
        self._fail(fault, "does not answer")

    def prove(self, proof_bytes: int, faults: int) -> None:
        """Note that the database answers, and has taken a write of this size; there were so many faults before it."""
        if self._fault is None or self._is_damaged or faults != self._faults or proof_bytes < self.proof_bytes:
            return
        self._fault = None
        self._refused_bytes = 0
        _log.warning("the database takes writes again")
        self._tell()

    def _fail(self, fault: StorageUnavailable, what: str) -> None:
        self._faults += 1
        if self._fault is None:
            self._fault = fault
            _log.warning("the database %s: %s", what, _cause(fault))
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self.is_good)


class HealthCheck:
    """A look at the database: it has to answer a question and, after a fault, to take a write."""

    def __init__(
        self,
        health: WriteHealth,
        *,
        ask: Callable[[], Awaitable[object]],
        write: Callable[[int], Awaitable[object]],
        busy_s: Callable[[], float],
    ) -> None:
        """`write` writes so many bytes durably, and leaves nothing of them. Both raise `StorageUnavailable`.

        `busy_s` is for how many seconds the present write has been under way.
        """
        self._health = health
        self._ask = ask
        self._write = write
        self._busy_s = busy_s
        # What has not come back yet. It is waited for again: what hangs must not pile up.
        self._asking: asyncio.Task[object] | None = None
        self._writing: asyncio.Task[object] | None = None
        self._proof = (0, 0)

    async def run(self) -> None:
        """Look, and note what was seen. To be called once a second."""
        if self._busy_s() > PATIENCE_S:
            self._health.refuse(_hangs(), 0)
            return
        self._asking = asking = self._asking or _begin(self._ask())
        if (fault := await _fault_of(asking)) is not None:
            self._health.miss_answer(fault)
        if asking.done():
            self._asking = None
        if fault is None and (not self._health.is_good or self._writing is not None):
            await self._prove()

    async def _prove(self) -> None:
        if self._writing is None:
            self._proof = (self._health.proof_bytes, self._health.faults)
            self._writing = _begin(self._write(self._proof[0]))
        writing, proof = self._writing, self._proof
        # The health has heard of a refusal already, as of that of any write.
        fault = await _fault_of(writing)
        if writing.done():
            self._writing = None
        if fault is None:
            self._health.prove(*proof)


def _begin(answer: Awaitable[object]) -> "asyncio.Task[object]":
    task = asyncio.ensure_future(answer)
    # A server that stops does not wait for it, and closes the database: the fault is read here, lest asyncio logs it.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return task


async def _fault_of(task: "asyncio.Task[object]") -> StorageUnavailable | None:
    """Return why the task has failed, or that it hangs; None when it has succeeded. Raise what is a bug."""
    await asyncio.wait([task], timeout=PATIENCE_S)
    if not task.done():
        return _hangs()
    try:
        task.result()
    except StorageUnavailable as fault:
        return fault
    return None


def _hangs() -> StorageUnavailable:
    return StorageUnavailable(f"it hangs for more than {PATIENCE_S:g} s")


def _cause(fault: StorageUnavailable) -> str:
    """Return what happened: the first line, since the next ones may have values of rows."""
    return str(fault).removeprefix(f"{NOT_TAKEN}: ").partition("\n")[0]
