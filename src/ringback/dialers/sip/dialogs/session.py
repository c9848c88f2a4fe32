"""The dialog of a leg that was answered: what the peer requests in it, and what is requested of the peer."""

import asyncio
import secrets
from typing import Final

from ringback.dialers.sip.dialogs.dialog import Dialog
from ringback.dialers.sip.dialogs.failure import q850_of, refused, unanswered
from ringback.dialers.sip.dialogs.inquiry import take_info, take_notify
from ringback.dialers.sip.dialogs.leg_events import Acknowledged, Failure, HungUp, Offered
from ringback.dialers.sip.dialogs.line import NORMAL_CLEARING, LegLine
from ringback.dialers.sip.dialogs.renegotiation import GONE, Renegotiation
from ringback.dialers.sip.dialogs.responses import ALLOW, refuse_method, respond, respond_options, session_interval
from ringback.dialers.sip.messages.body import SDP, session_of
from ringback.dialers.sip.messages.header_values import printable
from ringback.dialers.sip.messages.message import Request, Response, reason_cause
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed

# Section 14.2: when a second offer may be tried, which came before the first was answered.
_RETRY_AFTER_S: Final = 10
# What of a response ends a dialog (section 12.2.1.2).
_GONE: Final = frozenset({408, 481})
# A host on which nothing responds any more, or nothing listens.
_SILENT: Final = frozenset({FaultKind.TIMEOUT, FaultKind.REFUSED})


class LegSession:
    def __init__(self, line: LegLine, dialog: Dialog, contact: str) -> None:
        self.dialog = dialog
        self._line = line
        self._contact = contact
        self._ours = Renegotiation(line, dialog, contact)
        self._offered: Offered | None = None
        self._transaction: ServerTransaction | None = None
        self._has_referred = False

    def on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        is_in_order = self.dialog.receive(request)
        if request.method == "BYE":  # in whatever order: the peer has no dialog any more
            self._take_bye(transaction)
        elif not is_in_order:
            respond(transaction, 500)
        elif self._line.over.is_set():
            respond(transaction, 481)
        else:
            self._take(transaction)

    def answer(self, offered: Offered, sdp: bytes) -> bool:
        """Accept an offer; without one in the request, `sdp` is the offer. Return False if it was withdrawn."""
        transaction = self._taken(offered)
        if transaction is None:
            return False
        request = transaction.request
        self.dialog.refresh(request)
        self._line.note_origin(sdp)
        respond(transaction, 200, [*self._refreshing(request), ("Content-Type", SDP)], sdp)
        if request.method == "INVITE":
            acknowledged = self._line.start(self._await_ack(transaction, offered))
            self._ours.wait_for(acknowledged, with_answer=offered.sdp is None)
        return True

    def refuse(self, offered: Offered, status: int) -> None:
        transaction = self._taken(offered)
        if transaction is not None:
            respond(transaction, status)

    async def reinvite(self, offer: bytes) -> bytes | Failure:
        """Return the answer. Whoever waits for it may go away: what was begun is brought to its end."""
        self._line.note_origin(offer)
        work = self._line.start(self._ours.offer(offer))
        over = asyncio.ensure_future(self._line.over.wait())
        try:
            await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
        if not work.done() or work.cancelled():
            return GONE
        answer = work.result()
        if isinstance(answer, Failure):
            self._look_for_end(answer)
        return answer

    async def refer(self, refer_to: str) -> Failure | None:
        """Let the peer call another one (RFC 3515). Return None if it will."""
        self._has_referred = True
        headers = [("Refer-To", f"<{refer_to}>"), ("Referred-By", self._own_address()), ("Contact", self._contact)]
        response = await self._request("REFER", headers)
        return response if isinstance(response, Failure) else None

    async def probe(self) -> bool:
        """Return whether the peer responds and has this dialog. What keeps us from finding out says nothing of it."""
        try:
            response = await self._line.insist(self.dialog, "OPTIONS", [("Accept", SDP)])
        except TransactionFailed as failed:
            if failed.kind not in _SILENT:
                return True
            self._give_up(failed.text)
            return False
        if response.status in _GONE:
            self._give_up(f"{response.status} {printable(response.reason)}")
            return False
        return True

    def send_info(self, content_type: str, body: bytes) -> None:
        self._line.start(self._request("INFO", [("Content-Type", content_type)], body))

    def hang_up(self, *, q850: int = NORMAL_CLEARING, reason: str = "") -> None:
        self._drop_offer()
        self._line.emit(HungUp(by_peer=False, q850=q850, reason=reason))
        self._line.bye(self.dialog, q850=q850, reason=reason)

    def _take(self, transaction: ServerTransaction) -> None:
        match transaction.request.method:
            case "INVITE" | "UPDATE":
                self._take_offer(transaction)
            case "INFO":
                if (digits := take_info(transaction)) is not None:
                    self._line.emit(digits)
            case "NOTIFY":
                if (notified := take_notify(transaction, has_referred=self._has_referred)) is not None:
                    self._line.emit(notified)
            case "OPTIONS":
                respond_options(transaction)
            case _:
                refuse_method(transaction)

    def _take_offer(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.body and session_of(request) is None:
            respond(transaction, 415, [("Accept", SDP)])
        elif request.method == "UPDATE" and session_of(request) is None:
            self.dialog.refresh(request)
            respond(transaction, 200, self._refreshing(request))
        elif self._is_offered:
            respond(transaction, 500, [("Retry-After", str(secrets.randbelow(_RETRY_AFTER_S + 1)))])
        elif self._ours.is_offering:
            respond(transaction, 491)
        else:
            self._offered, self._transaction = Offered(session_of(request), transaction), transaction
            self._ours.yield_to_peer()
            self._line.emit(self._offered)

    def _take_bye(self, transaction: ServerTransaction) -> None:
        respond(transaction, 200)
        self._drop_offer()
        reason = reason_cause(transaction.request.headers)
        text = reason.text if reason is not None else ""
        self._line.emit(HungUp(by_peer=True, q850=q850_of(transaction.request), reason=text))

    @property
    def _is_offered(self) -> bool:
        """Whether an offer of the peer waits for its answer. A CANCEL withdraws it."""
        if self._transaction is not None and self._transaction.cancelled.is_set():
            self._close_offer()
        return self._offered is not None

    def _taken(self, offered: Offered) -> ServerTransaction | None:
        if not self._is_offered or self._offered is not offered:
            return None
        transaction = self._transaction
        self._close_offer()
        return transaction

    def _close_offer(self) -> None:
        self._offered = self._transaction = None
        self._ours.go_on()

    def _drop_offer(self) -> None:
        if self._is_offered and self._transaction is not None:
            respond(self._transaction, 487)
            self._close_offer()

    async def _await_ack(self, transaction: ServerTransaction, offered: Offered) -> None:
        ack = await transaction.acknowledged()
        if ack is None:
            self._give_up("no ACK of a re-INVITE")
        elif offered.sdp is None:
            self._line.emit(Acknowledged(offered, session_of(ack)))

    async def _request(self, method: str, headers: list[tuple[str, str]], body: bytes = b"") -> Response | Failure:
        """Return the 2xx to a request; else the failure, which may mean that the dialog is gone."""
        request = self.dialog.request(method, headers, body)
        try:
            response = await self._line.transact(self.dialog, request)
        except TransactionFailed as failed:
            failure = unanswered(request, failed)
        else:
            if response.status < 300:
                return response
            failure = refused(request, response)
        self._look_for_end(failure)
        return failure

    def _look_for_end(self, failure: Failure) -> None:
        if failure.status in _GONE or failure.fault is FaultKind.TIMEOUT:
            self._give_up(failure.fault_text or f"{failure.status} {failure.reason}")

    def _give_up(self, reason: str) -> None:
        """End a dialog that the peer seems to have no more. Should it have it, it gets a BYE."""
        if not self._line.over.is_set():
            self._drop_offer()
            self._line.emit(HungUp(by_peer=False, reason=reason))
            self._line.bye(self.dialog)

    def _refreshing(self, request: Request) -> list[tuple[str, str]]:
        return [("Contact", self._contact), ("Allow", ALLOW), *session_interval(request)]

    def _own_address(self) -> str:
        return self.dialog.local.partition(";tag=")[0]
