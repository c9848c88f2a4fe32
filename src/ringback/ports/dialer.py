"""What a built-in dialer does, for one call: `dialers/runner.py` does what is the same for all of them.

Dialers of the user's own are programs that speak DialerService; they don't see this port.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from ringback.domain.callback import Callback
from ringback.domain.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeReport:
    """How an attempt ended, in the words of its dialer."""

    outcome: Outcome
    sip_status: int = 0
    q850_cause: int = 0
    detail: str = ""


class Call(Protocol):
    """The call that a dialer is to place: what it reports on the way, and what it is told.

    A report raises `LeaseRefused` when the call is no longer the dialer's, and `StorageUnavailable` when it could
    not be recorded. The dialer lets either pass, as `Dialer.place` says.
    """

    @property
    def hang_up(self) -> asyncio.Event:
        """Set as soon as the call is to be hung up: its callback was cancelled. Never cleared."""
        ...

    async def ringing(self) -> None:
        """Report that the target's phone rings."""
        ...

    async def connected(self) -> None:
        """Report that the target has answered. A cancelled callback counts as answered first, then."""
        ...


class Dialer(Protocol):
    """Places calls, any number of them at once."""

    async def place(self, callback: Callback, call: Call) -> OutcomeReport:
        """Dial `callback.dial_target`, and return how the call has ended, once it has: minutes later, often.

        DIALING is recorded, as the last of `callback.attempts`, and the lease is kept for as long as this takes.
        When `call.hang_up` is set, the dialer ends the call and returns soon, with what became of it: the callback
        was perhaps answered first.

        This is cancelled when the lease is lost or cannot be extended, and when the server stops without waiting
        any longer. However it is left, by an exception or by cancellation too, the call must have been hung up.

        Raises nothing but what `call` raises. What the network says, a fault included, is an outcome; any other
        exception is a bug, which ends the server rather than leave it with calls that it knows nothing of.
        """
        ...
