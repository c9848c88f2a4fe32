"""What an endpoint needs of the network; `sockets` has the real one."""

from collections.abc import Callable
from typing import Protocol

from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind

OnData = Callable[[bytes, Destination], None]


class OnFault(Protocol):
    """Takes note that what was sent to a destination has not arrived, or that its connection is gone."""

    def __call__(
        self, destination: Destination, kind: FaultKind, text: str, *, may_have_arrived: bool = False
    ) -> None: ...


class Network(Protocol):
    """Carries whole messages. What it reports, it reports from the loop, and never from within a call of `send`."""

    def attach(self, on_message: OnData, on_fault: OnFault) -> None:
        """Begin to report what comes. What came before is lost."""

    def port(self, transport: Transport) -> int | None:
        """Return the port on which peers reach this endpoint; None when the transport is not used."""

    def can_reach(self, address: str) -> bool:
        """Return whether there is a socket for addresses of this family."""

    def has_connection(self, destination: Destination) -> bool: ...

    def send(self, data: bytes, destination: Destination) -> None:
        """Send a message, on the connection to this destination or on a new one. Raise nothing of the network."""

    async def stop(self) -> None: ...
