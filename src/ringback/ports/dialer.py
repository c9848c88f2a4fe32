"""What a built-in dialer does for one call: `dialers/runner.py` does what is common to all of them.

The user's own dialers are programs that use DialerService; they don't see this port.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from msgspec import Struct

from ringback.domain.callback import Callback
from ringback.domain.outcome import Outcome
from ringback.domain.service import Service


class CallProgress(Enum):
    """How far a call has come."""

    DIALING = auto()
    RINGING = auto()
    CONNECTED = auto()


class ProgressReport(Struct, frozen=True):
    """How far a call has come, as its dialer reports it."""

    progress: CallProgress
    # The SIP Call-IDs of the attempt that are known by now.
    call_ids: tuple[str, ...] = ()


class OutcomeReport(Struct, frozen=True, kw_only=True):
    """How an attempt ended, as its dialer reports it."""

    outcome: Outcome
    sip_status: int = 0
    q850_cause: int = 0
    detail: str = ""
    agent: str = ""
    disposition: str = ""
    # The SIP Call-IDs of the attempt, besides those that were reported with DIALING.
    call_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotDialled:
    """The call ended before DIALING: the lease is given back, no attempt is used, and the place is kept."""

    reason: str
    # The agents' side was busy or did not answer: the service is left alone for a while.
    agents_unavailable: bool = False


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The call goes on without this process: another one takes it over by what was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMessage:
    """One message of the signalling of a call, for people who look for a fault."""

    time: datetime
    # By this server; False: it was received.
    sent: bool
    # Where it went, or came from: `UDP 192.0.2.1:5060`.
    peer: str
    call_id: str
    # The whole message, without credentials, and with numbers masked.
    text: str


class Signalling(Protocol):
    """What a dialer has sent and received for its last calls."""

    def messages(self, call_ids: Sequence[str]) -> Iterator[CallMessage]:
        """Yield the messages of these calls, such as the legs of one, in the order in which they went and came.

        None of a call that is kept no more, or was another server's. Each takes time only when it is its turn.
        """
        ...

    def forget(self, call_ids: Sequence[str]) -> None:
        """Drop what is kept of these calls."""
        ...


class Call(Protocol):
    """The call that a dialer is to place: its reports, what is kept of it, and the signal to hang up.

    The dialer does not catch `LeaseRefused`, but to end what it has begun: the call is no longer the dialer's then.
    """

    @property
    def hang_up(self) -> asyncio.Event:
        """Set as soon as the call is to be hung up; never cleared.

        Its callback was cancelled, also while OFFERED, or has expired before DIALING, or the lease is lost.
        """
        ...

    @property
    def superseded(self) -> bool:
        """Whether another process has taken the call over, and this one must send nothing more for it."""
        ...

    async def dialing(self, call_ids: Sequence[str] = ()) -> Callback:
        """Record that the target is about to be dialled, which its phone must not notice earlier; return the callback.

        While the database is away this waits, as long as the lease lasts. Raise `LeaseRefused` when the target must
        not be dialled: the callback was cancelled, or its service was closed or paused, or a rule forbids it by now.
        """
        ...

    async def ringing(self) -> None:
        """Report that the target's phone rings. Recorded in the background, however long the database is away."""
        ...

    async def connected(self) -> None:
        """Report that the target has answered, in the background as well.

        A cancelled callback then counts as answered first.
        """
        ...

    async def keep(self, body: bytes) -> None:
        """Store what another process needs to take the call over, instead of what was kept before.

        Durable when it returns. Raise `StorageUnavailable` when it could not be stored yet, which is tried again in
        the background; and `LeaseRefused` when another process has the call.
        """
        ...

    def judge_address(self, address: str) -> str:
        """Return the dial rule that the target breaks if its host resolves to this IP address; "" when none."""
        ...


class Dialer(Protocol):
    """A dialer, which places any number of calls at once."""

    @property
    def name(self) -> str:
        """The kind of dialer, such as `sip`: only a dialer of the same name takes over what another one has kept."""
        ...

    @property
    def owner(self) -> str:
        """The name under which its calls are kept, the same after a restart; "" when it keeps none.

        It is the address that the network reaches the dialer at. No two processes on one database have the same.
        """
        ...

    @property
    def drain_timeout_s(self) -> float:
        """How long a server that stops waits for the calls to end, or to be handed over, after `drain()`."""
        ...

    async def place(self, callback: Callback, service: Service, call: Call) -> OutcomeReport | NotDialled | HandedOver:
        """Dial `callback.dial_target`, and return how the call ended once it has ended, often minutes later.

        The callback is OFFERED, and its lease is kept for as long as this takes. `call.dialing()` comes before the
        target's phone may ring; without it, the result is NotDialled. When `call.hang_up` is set, the dialer ends the
        call and soon returns its outcome: the call may have been answered first.

        The coroutine is cancelled when the call is superseded, and then leaves everything on the network as it is; and
        when the server stops without waiting any longer. However it ends otherwise, also by an exception or by
        cancellation, the call must have been hung up, or what was kept must let a successor do so.

        Raise only what `call` raises. A response of the network, also a fault, is an outcome; any other exception
        is a bug, which ends the server rather than leave it with calls that it does not know of.
        """
        ...

    async def resume(
        self, callback: Callback | None, service: Service | None, call: Call, body: bytes
    ) -> OutcomeReport | HandedOver:
        """Go on with a call that an earlier process kept, and return how it ended, as `place` does.

        The callback is in DIALING, CONNECTED or CANCELLING. None means that the lease is over: what is left on the
        network is ended, or tended until it ends, and the outcome is not recorded any more. `call.keep` is as before.
        """
        ...

    def drain(self) -> None:
        """The server stops: begin nothing, end what has not connected by and by, and hand over what has."""
        ...
