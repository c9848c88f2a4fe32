"""What moves a transaction on: the loop's clock, and somebody for what its steps say is to be done."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from ringback.dialers.sip.transactions.transaction import Action, Actions


class Machine(Protocol):
    """A transaction of `transaction` or `invite_transaction`."""

    @property
    def wake_at(self) -> float | None: ...

    def wake(self, now: float) -> Actions: ...


class Driver:
    """Has the steps of one transaction carried out, and sets its timer."""

    __slots__ = ("_is_stopped", "_loop", "_machine", "_perform", "_timer", "_wakes_at")

    def __init__(self, machine: Machine, perform: Callable[[Action], None]) -> None:
        self._machine = machine
        self._perform = perform
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        # Not the timer's own: uvloop has none for a time that has come.
        self._wakes_at: float | None = None
        self._is_stopped = False

    @property
    def now(self) -> float:
        return self._loop.time()

    def carry_out(self, actions: Actions) -> None:
        if self._is_stopped:
            return
        for action in actions:
            self._perform(action)
        self._set_timer()

    def stop(self) -> None:
        """Carry out nothing more, whatever still comes."""
        self._is_stopped = True
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        wake_at = self._machine.wake_at
        if self._timer is not None and self._wakes_at == wake_at:
            return
        self._cancel_timer()
        if wake_at is not None:
            self._wakes_at = wake_at
            self._timer = self._loop.call_at(wake_at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.carry_out(self._machine.wake(self.now))
