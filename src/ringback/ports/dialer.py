"""What a built-in dialer does for one call: `dialers/runner.py` does what is common to all of them.

The user's own dialers are programs that use DialerService; they don't see this port.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from ringback.domain.callback import Callback
from ringback.domain.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeReport:
    """How an attempt ended, as its dialer reports it."""

    outcome: Outcome
    sip_status: int = 0
    q850_cause: int = 0
    detail: str = ""
    agent: str = ""
    disposition: str = ""
    # The SIP Call-IDs of the attempt, besides those that were reported with DIALING.
    call_ids: tuple[str, ...] = ()


class Call(Protocol):
    """The call that a dialer is to place: its reports of progress, and the signal to hang up.

    A report raises `LeaseRefused` when the call is no longer the dialer's, and `StorageUnavailable` when it could
    not be recorded. The dialer does not catch either, as `Dialer.place` says.
    """

    @property
    def hang_up(self) -> asyncio.Event:
        """Set as soon as the call is to be hung up: its callback was cancelled. Never cleared."""
        ...

    async def ringing(self) -> None:
        """Report that the target's phone rings."""
        ...

    async def connected(self) -> None:
        """Report that the target has answered. A cancelled callback then counts as answered first."""
        ...


class Dialer(Protocol):
    """A dialer, which places any number of calls at once."""

    async def place(self, callback: Callback, call: Call) -> OutcomeReport:
        """Dial `callback.dial_target`, and return how the call ended once it has ended, often minutes later.

        DIALING is recorded, as the last of `callback.attempts`, and the lease is kept for as long as this takes.
        When `call.hang_up` is set, the dialer ends the call and soon returns its outcome: the call may have been
        answered first.

        The coroutine is cancelled when the lease is lost or cannot be extended, and when the server stops without
        waiting any longer. However it ends, also by an exception or by cancellation, the call must have been hung up.

        Raise only what `call` raises. A response of the network, also a fault, is an outcome; any other exception
        is a bug, which ends the server rather than leave it with calls that it does not know of.
        """
        ...
