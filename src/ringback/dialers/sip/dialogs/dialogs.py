"""All dialogs of an endpoint: which leg a request belongs to, and what becomes of one that belongs to none."""

from collections import deque
from typing import Final, Protocol

from ringback.dialers.sip.dialogs.responses import refuse_extensions, respond_once, respond_outside
from ringback.dialers.sip.messages.message import MalformedMessage, Request, call_id, to
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction

# Requests that wait for their leg after a start. A peer sends each again.
_MAX_WAITING: Final = 256


class InDialog(Protocol):
    """What takes the requests of a dialog: a leg."""

    call_id: str
    local_tag: str

    def on_request(self, transaction: ServerTransaction) -> None: ...


class Dialogs:
    """The registry of legs, and all that the endpoint receives.

    While `restoring`, a request of an unknown dialog waits: its leg may be one of an earlier process. Until that is
    restored, or `restored()` is called, it is not answered.
    """

    def __init__(self, endpoint: Endpoint, *, restoring: bool = False) -> None:
        self._legs: dict[tuple[str, str], InDialog] = {}
        self._waiting: deque[ServerTransaction] | None = deque(maxlen=_MAX_WAITING) if restoring else None
        endpoint.on_request = self._on_request
        endpoint.know_dialogs(self._has)

    def __len__(self) -> int:
        return len(self._legs)

    def add(self, leg: InDialog) -> None:
        self._legs[leg.call_id, leg.local_tag] = leg
        if self._waiting:
            waiting, self._waiting = self._waiting, deque(maxlen=_MAX_WAITING)
            for transaction in waiting:
                self._on_request(transaction)

    def remove(self, leg: InDialog) -> None:
        self._legs.pop((leg.call_id, leg.local_tag), None)

    def restored(self) -> None:
        """Refuse requests of unknown dialogs from now on, those that wait, too."""
        waiting, self._waiting = self._waiting, None
        for transaction in waiting or ():
            self._on_request(transaction)

    def hold(self) -> None:
        """Answer no request of an unknown dialog any more: it may be one that the next process goes on with."""
        if self._waiting is None:
            self._waiting = deque(maxlen=_MAX_WAITING)

    def _has(self, request: Request) -> bool:
        """Return whether a request is of a dialog, so far as that is known."""
        return self._waiting is not None or (call_id(request), to(request).tag) in self._legs

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        try:
            tag = to(request).tag
        except MalformedMessage:
            respond_once(transaction, 400)
            return
        leg = self._legs.get((call_id(request), tag)) if tag else None
        if tag and leg is None:
            self._take_unknown(transaction)
        elif request.method != "BYE" and refuse_extensions(transaction, in_dialog=leg is not None):
            return
        elif leg is None:
            respond_outside(transaction)
        else:
            leg.on_request(transaction)

    def _take_unknown(self, transaction: ServerTransaction) -> None:
        if self._waiting is None:
            respond_once(transaction, 481)
        else:
            self._waiting.append(transaction)
