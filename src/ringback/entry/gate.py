"""The gate of the server: open until it drains."""

import asyncio
import logging
from typing import Any, Final

from ringback.domain.errors import ServerDraining

_log = logging.getLogger(__name__)

# The longest that the refusals of calls that are given up take to be sent.
_REFUSAL_S: Final = 0.5


class Gate:
    """A gate for calls, open until the server drains. It keeps those that it has let in until they are over."""

    def __init__(self) -> None:
        self._closed = False
        # The tasks of the calls, which end when the response is on its way.
        self._inside: set[asyncio.Task[Any]] = set()
        self._given_up: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        self._closed = True

    def enter(self) -> None:
        """Let the call of this task in. Raise `ServerDraining` once closed."""
        if self._closed:
            raise ServerDraining
        task = asyncio.current_task()
        assert task is not None
        self._inside.add(task)
        task.add_done_callback(self._inside.discard)

    async def empty(self, grace_s: float) -> None:
        """Wait until the calls inside are over. Cancel those that are not within the grace, which then refuse."""
        if not self._inside:
            return
        _, late = await asyncio.wait(self._inside, timeout=grace_s)
        if late:
            _log.warning("the grace is over, %d calls are given up", len(late))
            self._given_up |= late
            for task in late:
                task.cancel()
            await asyncio.wait(late, timeout=_REFUSAL_S)

    def gave_up(self) -> bool:
        """Return whether the call of this task was cancelled because the grace is over."""
        return asyncio.current_task() in self._given_up
