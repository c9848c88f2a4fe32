"""An event loop whose clock skips ahead when nothing is ready: an hour of SIP timers passes in milliseconds.

For tests whose network is in memory (`sip_network`). Sockets and threads would be given no time to respond.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Result = TypeVar("Result")
Params = ParamSpec("Params")


class StuckError(AssertionError):
    """Everything waits, and no timer is set: it would wait forever."""


class _SkippingSelector(selectors.DefaultSelector):
    """Reports what is ready now. The time that it should have waited has passed when it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout is None:
            raise StuckError("nothing is ready, and nothing ever will be")
        if not ready and timeout is not None:
            self.now += max(timeout, 0.0)
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _SkippingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run_skipping(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on a loop of its own, from a test that is not a coroutine itself."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(work)


def skipping(test: Callable[Params, Coroutine[Any, Any, None]]) -> Callable[Params, None]:
    """Make a test of a coroutine, on a loop of its own."""

    @wraps(test)
    def run_test(*args: Params.args, **kwargs: Params.kwargs) -> None:
        run_skipping(test(*args, **kwargs))

    return run_test
