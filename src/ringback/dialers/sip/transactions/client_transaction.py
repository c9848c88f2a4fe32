"""A request of ours, and the responses to it."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, Protocol

from ringback.dialers.sip.messages.message import Message, Request, Response, contact_uri, to, top_via
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.transactions.driver import Driver
from ringback.dialers.sip.transactions.invite_transaction import InviteClient, cancellation
from ringback.dialers.sip.transactions.transaction import (
    Action,
    DeliverMessage,
    EndTransaction,
    PlainClient,
    RepeatAck,
    SendCancel,
    SendMessage,
    Timers,
    TransactionFault,
)
from ringback.dialers.sip.transport.destination import Destination
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed

_log = logging.getLogger(__name__)

MAGIC_COOKIE: Final = "z9hG4bK"
Judge = Callable[[str], str]


def new_branch() -> str:
    """Return a branch that nobody guesses: who has it could end or answer the request."""
    return MAGIC_COOKIE + secrets.token_hex(12)


class ClientTable(Protocol):
    """What a client transaction needs of the layer."""

    timers: Timers
    send: Callable[[Message, Destination], None]

    def add_client(self, attempt: "ClientTry") -> None: ...

    def forget_client(self, attempt: "ClientTry") -> None: ...


class Sender(Protocol):
    """What a client transaction needs of the endpoint."""

    def prepared(self, request: Request, destination: Destination, branch: str, sent_by: str = "") -> Request:
        """Return a copy of the request with its Via for this destination, by default that of this endpoint."""

    def literal(self, request: Request, next_hop: str | None) -> Destination | None:
        """Return where a request goes to if that is an IP address."""

    async def destinations(self, request: Request, next_hop: str | None, judge: Judge | None) -> list[Destination]:
        """Return where a request may go to, the best first. Raise `TransactionFailed` if nowhere."""

    def send_message(self, message: Message, destination: Destination) -> None: ...

    def note(self, destination: Destination, *, is_alive: bool) -> None:
        """Take note of whether a destination responds."""

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Run this in the background until the endpoint stops."""


class TryUser(Protocol):
    """Who is told what becomes of a request at one destination."""

    def delivered(self, response: Response) -> None: ...

    def failed(self, kind: FaultKind, text: str, *, may_have_arrived: bool) -> None: ...

    def repeat_ack(self, to_tag: str) -> None: ...

    def ended(self) -> None: ...


class ClientTry:
    """A request at one of its destinations: one client transaction of RFC 3261."""

    def __init__(self, table: ClientTable, request: Request, destination: Destination, user: TryUser | None) -> None:
        self.request = request
        self.destination = destination
        self.key = (top_via(request).branch, request.method)
        self._table = table
        self._user = user
        self._may_have_arrived = False
        self._was_repeated = False
        reliable = destination.transport.is_reliable
        self._machine: InviteClient | PlainClient = (
            InviteClient(request, table.timers, reliable=reliable)
            if request.method == "INVITE"
            else PlainClient(request, table.timers, reliable=reliable)
        )
        self._driver = Driver(self._machine, self._perform)

    def start(self) -> None:
        self._table.add_client(self)
        self._driver.carry_out(self._machine.start(self._driver.now))

    def resume(self) -> None:
        """Begin without sending: an earlier process has sent the INVITE."""
        self._table.add_client(self)
        if isinstance(self._machine, InviteClient):
            self._driver.carry_out(self._machine.resume(self._driver.now))

    def receive(self, response: Response) -> None:
        self._driver.carry_out(self._machine.receive(response, self._driver.now))

    def fail(self, kind: FaultKind, text: str, *, may_have_arrived: bool) -> None:
        """Take an error of the transport.

        A request whose connection was lost is sent once more, on a new one: the peer absorbs it if it has it already.
        """
        self._may_have_arrived = self._may_have_arrived or may_have_arrived
        if may_have_arrived and not self._was_repeated and self._machine.is_waiting:
            self._was_repeated = True
            self._table.send(self.request, self.destination)
        else:
            self._driver.carry_out(self._machine.fail(kind, text))

    def cancel(self) -> None:
        if isinstance(self._machine, InviteClient):
            self._driver.carry_out(self._machine.cancel(self._driver.now))

    def detach(self) -> None:
        """Tell nobody any more what becomes of it: the request goes to another destination."""
        self._user = None

    def stop(self) -> None:
        self._driver.stop()
        if self._user is not None:
            self._user.ended()

    def _perform(self, action: Action) -> None:
        match action:
            case SendMessage(message):
                self._table.send(message, self.destination)
            case SendCancel():
                ClientTry(self._table, cancellation(self.request), self.destination, None).start()
            case EndTransaction():
                self._table.forget_client(self)
        if self._user is None:
            return
        match action:
            case DeliverMessage(message) if isinstance(message, Response):
                self._user.delivered(message)
            case RepeatAck(to_tag):
                self._user.repeat_ack(to_tag)
            case TransactionFault(kind, text):
                self._user.failed(kind, text, may_have_arrived=self._may_have_arrived)
            case EndTransaction():
                self._user.ended()


class AckOf2xx:
    """The ACK of a 2xx finds its way by itself, and goes out again whenever that 2xx does (section 13.2.2.4)."""

    def __init__(self, sender: Sender, ack: Request, next_hop: str | None, judge: Judge | None) -> None:
        self._sender = sender
        self._ack = ack
        self._destination: Destination | None = None
        literal = sender.literal(ack, next_hop)
        if literal is not None and not (judge and judge(literal.address)):
            self._send_to(literal)
        else:
            sender.run(self._find_and_send(next_hop, judge))

    def send_again(self) -> None:
        if self._destination is not None:
            self._sender.send_message(self._ack, self._destination)

    async def _find_and_send(self, next_hop: str | None, judge: Judge | None) -> None:
        try:
            self._send_to((await self._sender.destinations(self._ack, next_hop, judge))[0])
        except TransactionFailed as failure:
            _log.warning("SIP: the ACK of an answer was not sent: %s", failure.text)

    def _send_to(self, destination: Destination) -> None:
        self._destination = destination
        self._ack = self._sender.prepared(self._ack, destination, new_branch())
        self._sender.send_message(self._ack, destination)


class ClientTransaction:
    """A request until its last response, at whatever destination it finds one (RFC 3263 section 4.3).

    `request`, `branch` and `destination` are those of the destination that is being tried.
    """

    def __init__(
        self,
        sender: Sender,
        table: ClientTable,
        request: Request,
        destinations: Sequence[Destination],
        judge: Judge | None,
    ) -> None:
        self.request = request
        self.branch = ""
        self._unsent = request
        self._sender = sender
        self._table = table
        self._judge = judge
        self._others = deque(destinations)
        self._try: ClientTry | None = None
        self._is_heard = False
        self._has_response = False
        self._is_cancelled = False
        self._acks: dict[str, AckOf2xx] = {}
        self._responses: deque[Response] = deque()
        self._failure: tuple[FaultKind, str] | None = None
        self._changed = asyncio.Event()

    @property
    def destination(self) -> Destination:
        if self._try is None:
            raise RuntimeError("not sent yet")
        return self._try.destination

    def start(self, branch: str = "") -> None:
        """Send the request to the first destination. The branch is a new one at each further one."""
        destination = self._others.popleft()
        self.branch = branch or new_branch()
        self.request = self._sender.prepared(self._unsent, destination, self.branch)
        self._try = ClientTry(self._table, self.request, destination, self)
        self._try.start()

    def resume(self, destination: Destination, branch: str = "") -> None:
        """Go on with an INVITE that an earlier process sent, with the Via that it has, or with this branch.

        A peer takes a CANCEL for one of this INVITE only if it was sent by the same host and port (section 17.2.3).
        """
        if branch:
            self.request = self._sender.prepared(self._unsent, destination, branch, _sender_of(self._unsent))
        self.branch = top_via(self.request).branch
        self._try = ClientTry(self._table, self.request, destination, self)
        self._try.resume()
        if self._is_cancelled:
            self._try.cancel()

    async def response(self) -> Response:
        """Return the next response: provisional ones, and the final one.

        An INVITE may have further 2xx: of other forks, each with a To tag of its own, and even after a refusal. All
        have to be acknowledged. Raise `TransactionFailed`, also when no more can come.
        """
        while not self._responses:
            if self._failure is not None:
                raise TransactionFailed(*self._failure)
            self._changed.clear()
            await self._changed.wait()
        return self._responses.popleft()

    def acknowledge(self, response: Response, ack: Request, next_hop: str | None = None) -> None:
        """Send the ACK of a 2xx, now and each time that this 2xx comes again."""
        self._acks[to(response).tag] = AckOf2xx(self._sender, ack, next_hop, self._judge)

    def cancel(self) -> None:
        """Cancel the INVITE as soon as there is a provisional response; after a final one nothing happens.

        If the INVITE has no final response within 64*T1 of its CANCEL, it fails with TIMEOUT.
        """
        self._is_cancelled = True
        if self._try is not None:
            self._try.cancel()

    def delivered(self, response: Response) -> None:
        self._is_heard = True
        self._sender.note(self.destination, is_alive=response.status != 503)
        if response.status == 503 and self._try_another("it responded 503"):
            return
        if response.status > 100:
            self._has_response = True
        self._responses.append(response)
        self._changed.set()

    def failed(self, kind: FaultKind, text: str, *, may_have_arrived: bool) -> None:
        if not self._is_heard:  # one that rings and gives no final response is alive
            self._sender.note(self.destination, is_alive=False)
        # What may ring a phone already is not sent to another place, too.
        if may_have_arrived or not self._try_another(text):
            self.fail(kind, text)

    def repeat_ack(self, to_tag: str) -> None:
        if to_tag in self._acks:
            self._acks[to_tag].send_again()

    def ended(self) -> None:
        self.fail(FaultKind.TIMEOUT, "no further response can come")

    def fail(self, kind: FaultKind, text: str) -> None:
        """Let `response()` raise this when all responses have been returned. The first reason counts."""
        self._failure = self._failure or (kind, text)
        self._changed.set()

    def _try_another(self, reason: str) -> bool:
        if self._try is None or not self._others or self._has_response or self._is_cancelled:
            return False
        self._try.detach()
        self._is_heard = False
        _log.info("SIP: %s goes on to another address, not %s: %s", self._unsent.method, self.destination, reason)
        self.start()
        return True


def _sender_of(invite: Request) -> str:
    """Return the host and port at which the process is reached that has made an INVITE."""
    return Uri.parse(contact_uri(invite) or "").hostport if "Contact" in invite.headers else ""
