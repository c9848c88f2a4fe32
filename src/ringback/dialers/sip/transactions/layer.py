"""Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3)."""

import logging
from collections.abc import Callable
from typing import Final

from ringback.dialers.sip.messages.message import (
    Message,
    Request,
    Response,
    call_id,
    cseq,
    from_,
    response_to,
    to,
    top_via,
)
from ringback.dialers.sip.transactions.client_transaction import MAGIC_COOKIE, ClientTry
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transactions.transaction import Timers
from ringback.dialers.sip.transport.destination import Destination
from ringback.dialers.sip.transport.faults import FaultKind

_log = logging.getLogger(__name__)

# Each is held for 32 s, an INVITE under two keys. Requests beyond are dropped: a real client sends its request again.
MAX_SERVER_KEYS: Final = 10_000
# Those of no dialog of ours may be no more than these, so that a flood of them ends the signalling of no call.
MAX_OUTSIDE_DIALOGS: Final = 1000
MAX_BYTES_OUTSIDE_DIALOGS: Final = 8 * 2**20

ServerKey = tuple[str, ...]


class TransactionLayer:
    """The table of all transactions. It is empty when the longest timer has fired."""

    def __init__(self, timers: Timers, send: Callable[[Message, Destination], None]) -> None:
        self.timers = timers
        self.on_request: Callable[[ServerTransaction], None] | None = None
        self.has_dialog: Callable[[Request], bool] | None = None
        self.send = send
        self._clients: dict[tuple[str, str], ClientTry] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._outside_dialogs = 0
        self._bytes_outside_dialogs = 0

    @property
    def is_empty(self) -> bool:
        held = self._outside_dialogs or self._bytes_outside_dialogs
        return not (self._clients or self._servers or held)

    def add_client(self, attempt: ClientTry) -> None:
        self._clients[attempt.key] = attempt

    def forget_client(self, attempt: ClientTry) -> None:
        if self._clients.get(attempt.key) is attempt:
            del self._clients[attempt.key]

    def receive(self, message: Message, source: Destination, size: int) -> None:
        """Take a message, and how many bytes it has. Its Via, From, To, Call-ID and CSeq are well-formed."""
        if isinstance(message, Response):
            if len(message.headers.values("Via")) > 1:  # it was not for this client (section 8.1.3.3)
                return
            attempt = self._clients.get((top_via(message).branch, cseq(message).method))
            if attempt is not None:
                attempt.receive(message)
        elif message.method == "ACK":
            self._receive_ack(message)
        elif message.method == "CANCEL":
            self._receive_cancel(message, source, size)
        else:
            self._receive_request(message, source, size)

    def fail(self, destination: Destination, kind: FaultKind, text: str, *, may_have_arrived: bool = False) -> None:
        """Tell all requests under way to this destination that it cannot be reached."""
        for attempt in [attempt for attempt in self._clients.values() if attempt.destination == destination]:
            attempt.fail(kind, text, may_have_arrived=may_have_arrived)

    def stop(self) -> None:
        for attempt in [*self._clients.values()]:
            attempt.stop()
        for server in [*self._servers.values()]:
            server.stop()
        self._clients.clear()
        self._servers.clear()
        self._outside_dialogs = self._bytes_outside_dialogs = 0

    def _receive_request(self, request: Request, source: Destination, size: int) -> None:
        known = self._servers.get(_key(request, request.method))
        if known is not None:
            known.receive_again()
        elif (server := self._begin(request, source, size)) is not None and self.on_request is not None:
            try:
                self.on_request(server)
            except Exception:  # noqa: BLE001 - a bug in what serves one request ends neither the others nor the socket
                _log.exception("SIP: a request was not handled: %s", request.method)
                server.respond(response_to(request, 500, to_tag=server.to_tag))

    def _receive_ack(self, ack: Request) -> None:
        server = self._servers.get(_key(ack, "INVITE")) or self._servers.get(_ack_key(ack))
        if server is not None:
            server.receive_ack(ack)

    def _receive_cancel(self, cancel: Request, source: Destination, size: int) -> None:
        """Answer a CANCEL, and refuse the INVITE that it cancels (section 9.2)."""
        known = self._servers.get(_key(cancel, "CANCEL"))
        invite = self._servers.get(_key(cancel, "INVITE"))
        if known is not None:
            known.receive_again()
        elif (server := self._begin(cancel, source, size)) is not None:
            if invite is None:
                server.respond_once(response_to(cancel, 481, to_tag=server.to_tag))
            else:
                server.respond(response_to(cancel, 200, to_tag=server.to_tag))
                invite.cancel()

    def _begin(self, request: Request, source: Destination, size: int) -> ServerTransaction | None:
        is_outside = not to(request).tag or not (self.has_dialog is None or self.has_dialog(request))
        if len(self._servers) >= MAX_SERVER_KEYS or (is_outside and not self._has_room_outside(size)):
            return None
        keys = [_key(request, request.method)]
        is_merged = False
        if request.method == "INVITE":
            # The ACK of a 2xx has a branch of its own, and is found by this key.
            is_merged = _ack_key(request) in self._servers
            keys += [] if is_merged else [_ack_key(request)]
        size = size if is_outside else 0
        server = ServerTransaction(
            request, source, self.timers, self.send, lambda: self._forget(keys, size, is_outside=is_outside)
        )
        for key in keys:
            self._servers[key] = server
        self._outside_dialogs += is_outside
        self._bytes_outside_dialogs += size
        if is_merged:  # the same INVITE by another way (section 8.2.2.2)
            server.respond(response_to(request, 482, to_tag=server.to_tag))
            return None
        return server

    def _has_room_outside(self, size: int) -> bool:
        return (
            self._outside_dialogs < MAX_OUTSIDE_DIALOGS
            and self._bytes_outside_dialogs + size <= MAX_BYTES_OUTSIDE_DIALOGS
        )

    def _forget(self, keys: list[ServerKey], size: int, *, is_outside: bool) -> None:
        for key in keys:
            del self._servers[key]
        self._outside_dialogs -= is_outside
        self._bytes_outside_dialogs -= size


def _key(request: Request, method: str) -> ServerKey:
    """Return what makes a request one transaction with an earlier one of this method."""
    via = top_via(request)
    if via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
        return (via.branch, via.host.lower(), str(via.port or ""), method)
    # Of RFC 2543: section 17.2.3. To is left out: the one of an ACK has the tag of the response.
    return (request.uri, call_id(request), str(cseq(request).number), from_(request).tag, str(via), method)


def _ack_key(request: Request) -> ServerKey:
    """Return what an INVITE and the ACK of its 2xx have in common: the dialog's id but for our tag, and the CSeq."""
    return ("ACK of 2xx", call_id(request), str(cseq(request).number), from_(request).tag)
