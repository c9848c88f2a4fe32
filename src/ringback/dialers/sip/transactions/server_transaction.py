"""A request of a peer, and the responses to it."""

import asyncio
import secrets
from collections.abc import Callable

from ringback.dialers.sip.messages.message import Message, Request, Response, response_to
from ringback.dialers.sip.transactions.driver import Driver
from ringback.dialers.sip.transactions.invite_transaction import InviteServer
from ringback.dialers.sip.transactions.transaction import (
    Action,
    DeliverMessage,
    EndTransaction,
    PlainServer,
    SendMessage,
    Timers,
    TransactionFault,
)
from ringback.dialers.sip.transport.destination import Destination


class ServerTransaction:
    """One server transaction. Made by the layer; the dialogs respond."""

    def __init__(
        self,
        request: Request,
        source: Destination,
        timers: Timers,
        send: Callable[[Message, Destination], None],
        on_end: Callable[[], None],
    ) -> None:
        self.request = request
        self.source = source
        self.to_tag = secrets.token_hex(8)
        """A To tag for responses outside of a dialog: the same in each of them."""
        self.cancelled = asyncio.Event()
        """Set when the peer has cancelled the INVITE; it has been refused with 487 then."""
        self._send = send
        self._on_end = on_end
        self._acknowledged: asyncio.Future[Request | None] = asyncio.get_running_loop().create_future()
        reliable = source.transport.is_reliable
        self._machine: InviteServer | PlainServer = (
            InviteServer(request, timers, reliable=reliable)
            if request.method == "INVITE"
            else PlainServer(timers, reliable=reliable)
        )
        self._driver = Driver(self._machine, self._perform)
        self._driver.carry_out(self._machine.start(self._driver.now))

    def respond(self, response: Response) -> None:
        """Send a response. After a final one, or the peer's CANCEL, nothing is sent any more."""
        self._driver.carry_out(self._machine.respond(response, self._driver.now))

    def respond_once(self, response: Response) -> None:
        """Send a final response, and forget the request: if it is repeated, it is a new one (section 8.2.7).

        For what belongs to no dialog. A flood of it takes no memory, and a forged source is sent one response for each
        request. A client that has had a provisional response does not repeat its request, so that one is kept.
        """
        self._driver.carry_out(self._machine.respond_once(response, self._driver.now))

    async def acknowledged(self) -> Request | None:
        """Return the ACK of the 2xx to an INVITE; None when none has come within 64*T1, or there was no 2xx."""
        return await asyncio.shield(self._acknowledged)

    def receive_again(self) -> None:
        """Take a repetition of the request."""
        self._driver.carry_out(self._machine.receive())

    def receive_ack(self, ack: Request) -> None:
        if isinstance(self._machine, InviteServer):
            self._driver.carry_out(self._machine.acknowledge(ack, self._driver.now))

    def cancel(self) -> None:
        """Take the peer's CANCEL. After a final response it has no effect (section 9.2)."""
        if isinstance(self._machine, InviteServer) and self._machine.is_pending:
            self.cancelled.set()
            self.respond(response_to(self.request, 487, to_tag=self.to_tag))

    def stop(self) -> None:
        """Send nothing more, whatever is still responded."""
        self._driver.stop()
        self._settle(None)

    def _perform(self, action: Action) -> None:
        match action:
            case SendMessage(message):
                self._send(message, self.source)
            case DeliverMessage(message) if isinstance(message, Request):
                self._settle(message)
            case TransactionFault():
                self._settle(None)
            case EndTransaction():
                self._settle(None)
                self._on_end()
            case _:
                pass

    def _settle(self, ack: Request | None) -> None:
        if not self._acknowledged.done():
            self._acknowledged.set_result(ack)
