"""The timer of a transaction, on the loops that a server may run on."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from ringback.dialers.sip.transactions.driver import Driver
from ringback.dialers.sip.transactions.transaction import Actions

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [uvloop.new_event_loop, asyncio.new_event_loop]


class Alarm:
    """A machine that is to be woken once."""

    def __init__(self, wake_at: float) -> None:
        self.wake_at: float | None = wake_at
        self.woken = asyncio.Event()

    def wake(self, now: float) -> Actions:
        self.wake_at = None
        self.woken.set()
        return []


@pytest.mark.parametrize("delay_s", [-40.0, 0.0, 0.000_1, 0.01])
@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_message_comes_when_a_timer_is_due(new_loop: Callable[[], asyncio.AbstractEventLoop], delay_s: float) -> None:
    """As after a pause of the process: both the message and the timer have waited."""

    async def run() -> None:
        alarm = Alarm(asyncio.get_running_loop().time() + delay_s)
        driver = Driver(alarm, lambda _: None)
        driver.carry_out([])
        driver.carry_out([])
        async with asyncio.timeout(10):
            await alarm.woken.wait()
        driver.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())
