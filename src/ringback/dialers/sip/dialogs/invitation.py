"""The INVITE that begins a leg, from its first transmission to the last 2xx (RFC 3261 section 13.2)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ringback.dialers.sip.dialogs.dialog import Dialog, remote_tag
from ringback.dialers.sip.dialogs.failure import is_authorized, q850_of, refused, unanswered
from ringback.dialers.sip.dialogs.inquiry import take_info, take_notify
from ringback.dialers.sip.dialogs.leg_events import Failed, Failure, HungUp, LegProgress
from ringback.dialers.sip.dialogs.leg_state import PendingInvite
from ringback.dialers.sip.dialogs.line import LegLine, is_challenge
from ringback.dialers.sip.dialogs.responses import ALLOW, refuse_method, respond, respond_options
from ringback.dialers.sip.messages.body import session_of
from ringback.dialers.sip.messages.message import CSeq, Request, Response, call_id, cseq, from_, number_of
from ringback.dialers.sip.transactions.client_transaction import ClientTransaction, new_branch
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.faults import TransactionFailed

_log = logging.getLogger(__name__)

# A caller that lets a proxy fork its call gets one dialog per phone. More come of no real network, and each 2xx costs
# an ACK and a BYE to wherever it points.
MAX_FORKS: Final = 32
# As long as a 2xx is repeated at least twice: what is not kept by then is not waited for.
KEEP_TIMEOUT_S: Final = 4.0
RELIABLE: Final = "100rel"


@dataclass(slots=True)
class _Fork:
    """What a phone has said before it answers."""

    dialog: Dialog
    sdp: bytes | None = None
    # Of the last reliable provisional response (RFC 3262 section 4).
    rseq: int | None = None


class Invitation:
    def __init__(
        self,
        line: LegLine,
        request: Request,
        *,
        pending: PendingInvite | None = None,
        keep: Callable[[], Awaitable[None]] | None = None,
        answered: Callable[[Dialog, bytes | None], None],
    ) -> None:
        self.rang = False
        self.winner: Dialog | None = None
        """The dialog of the first 2xx, from before that is acknowledged."""
        self.sent = asyncio.Event()
        """Set when the first INVITE is sent, or will not be."""
        self._line = line
        self._request = request
        # As it is kept before it is sent; what is kept of one that an earlier process may have sent.
        self._planned = pending or PendingInvite.of(request, new_branch(), None)
        self._keep = keep
        self._answered = answered
        self._sending: asyncio.Task[ClientTransaction] | None = None
        self._transaction: ClientTransaction | None = None
        self._ring_timer: asyncio.TimerHandle | None = None
        self._is_pending = True
        # Nobody waits for an answer any more: what comes is ended.
        self._is_withdrawn = False
        self._forks: dict[str, _Fork] = {}
        self._accepted: set[str] = set()
        # The peers that have sent BYE before their 2xx was here.
        self._left: dict[str, HungUp] = {}

    @property
    def pending(self) -> PendingInvite | None:
        if not self._is_pending:
            return None
        sent = self._transaction
        if sent is None or not sent.branch:  # its destination is still being looked up
            return self._planned
        return PendingInvite.of(sent.request, sent.branch, sent.destination)

    async def run(self, ring_timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._ring_timer = loop.call_later(ring_timeout_s, self._stop_ringing)
        request: Request | None = self._request
        try:
            while request is not None and not self._is_withdrawn:
                request = await self._try(request)
        except TransactionFailed as failed:
            self._fail(unanswered(self._request, failed, rang=self.rang))
        except Exception:
            self.withdraw()
            raise
        finally:
            self._end()

    async def resume(self) -> None:
        """Go on with an INVITE that an earlier process may have sent."""
        pending = self._planned
        restored = self._line.endpoint.restore(
            self._request, pending.destination, branch="" if pending.via else pending.branch, judge=self._line.judge
        )
        try:
            await self._follow(self._request, restored)
        except TransactionFailed as failed:
            self._fail(unanswered(self._request, failed, rang=self.rang))
        finally:
            self._end()

    def withdraw(self) -> None:
        """Cancel the INVITE, in whatever state it is. What answers all the same gets ACK and BYE."""
        self._is_withdrawn = True
        if self._transaction is not None:
            self._transaction.cancel()
        elif self._sending is not None:
            self._sending.cancel()

    def has_met(self, tag: str) -> bool:
        """Return whether a dialog with this peer was answered by us, and ended."""
        return tag in self._accepted

    def on_request(self, transaction: ServerTransaction) -> None:
        """Take a request of a peer whose 2xx is not acknowledged yet. Its dialog is there: a 481 would end it."""
        match transaction.request.method:
            case "BYE":
                self._take_bye(transaction)
            case _ if not self._is_pending:
                respond(transaction, 481)
            case "UPDATE" if not transaction.request.body:
                self._refresh(transaction)
            case "INVITE" | "UPDATE":
                respond(transaction, 491)  # our offer has no answer yet (RFC 3311 section 5.2)
            case "OPTIONS":
                respond_options(transaction)
            case "INFO":
                take_info(transaction)  # nobody is there yet whom digits could reach
            case "NOTIFY":
                take_notify(transaction, has_referred=False)
            case _:
                refuse_method(transaction)

    def _take_bye(self, transaction: ServerTransaction) -> None:
        """End an early dialog, which section 15 forbids to a callee; or the BYE has overtaken the 2xx."""
        if len(self._left) < MAX_FORKS:
            self._left[from_(transaction.request).tag] = HungUp(by_peer=True, q850=q850_of(transaction.request))
        respond(transaction, 200)
        if self._transaction is not None and not self._forks.keys() - self._left.keys():
            self._transaction.cancel()

    def _refresh(self, transaction: ServerTransaction) -> None:
        if (fork := self._forks.get(from_(transaction.request).tag)) is not None:
            fork.dialog.refresh(transaction.request)
        respond(transaction, 200, [("Contact", self._request.headers.get("Contact") or ""), ("Allow", ALLOW)])

    async def _try(self, request: Request) -> Request | None:
        """Send an INVITE. Return the next one, if the peer wants it otherwise."""
        self._request, self._transaction = request, None
        self._planned = PendingInvite.of(request, new_branch(), None)
        await self._have_kept()
        transaction = None if self._is_withdrawn else await self._send(request)
        self.sent.set()
        return None if transaction is None else await self._follow(request, transaction)

    async def _send(self, request: Request) -> ClientTransaction | None:
        """Send the INVITE, unless the leg is hung up while its destination is looked up."""
        endpoint, judge = self._line.endpoint, self._line.judge
        self._sending = self._line.start(endpoint.send(request, judge=judge, branch=self._planned.branch))
        await asyncio.wait({self._sending})
        return None if self._sending.cancelled() else self._sending.result()

    async def _follow(self, request: Request, transaction: ClientTransaction) -> Request | None:
        self._transaction = transaction
        if self._is_withdrawn:
            transaction.cancel()
        is_first = True
        while (response := await transaction.response()).status < 200:
            if is_first and self._line.endpoint.literal(request, None) != transaction.destination:
                # A look-up by another process could lead elsewhere.
                self._line.start(self._have_kept())
            is_first = False
            self._provisional(response)
        if response.status < 300:
            await self._accept(request, response, transaction, may_win=True)
        self._line.start(self._await_forks(request, transaction))
        if response.status < 300 or self._is_withdrawn:
            return None
        again = self._again(request, response)
        if again is None:
            self._fail(refused(request, response, rang=self.rang))
        return again

    async def _await_forks(self, request: Request, transaction: ClientTransaction) -> None:
        """Take each further 2xx. One may come even after a refusal (section 16.7 step 5)."""
        with suppress(TransactionFailed):
            while True:
                response = await transaction.response()
                if 200 <= response.status < 300:
                    await self._accept(request, response, transaction, may_win=False)

    async def _accept(
        self, request: Request, response: Response, transaction: ClientTransaction, *, may_win: bool
    ) -> None:
        """Acknowledge a 2xx (section 13.2.2.4). The first one wins, the others get BYE."""
        tag = remote_tag(response)
        if len(self._accepted) >= MAX_FORKS or tag in self._accepted:
            return
        self._accepted.add(tag)
        fork = self._forks.get(tag)
        dialog = fork.dialog if fork else Dialog.begin(request, response)
        dialog.confirm(request, response)
        wins = may_win and not self._is_withdrawn
        if wins:
            self._stop_timer()
            self.winner = dialog
            await self._have_kept()
        transaction.acknowledge(response, dialog.ack(request), next_hop=dialog.next_hop)
        if not wins or self._is_withdrawn:
            self._line.bye(dialog)
            return
        self._is_pending = False
        self._answered(dialog, session_of(response) or (fork.sdp if fork else None))
        if tag in self._left:
            self._line.emit(self._left[tag])

    def _provisional(self, response: Response) -> None:
        if response.status == 100:
            return
        sdp, tag = session_of(response), remote_tag(response)
        if tag not in self._forks and len(self._forks) < MAX_FORKS:
            self._forks[tag] = _Fork(Dialog.begin(self._request, response))
        fork = self._forks.get(tag)
        if fork is not None:
            if not self._is_new(fork, response):
                return
            fork.sdp = sdp or fork.sdp
        self.rang = self.rang or response.status == 180 or (response.status == 183 and sdp is not None)
        self._line.emit(LegProgress(response.status, sdp))

    def _is_new(self, fork: _Fork, response: Response) -> bool:
        """Acknowledge a reliable provisional response (RFC 3262 section 4). Return False for a repetition."""
        number = number_of(response.headers, "RSeq")
        if number is None or RELIABLE not in _options(response, "Require"):
            return True
        if fork.rseq is not None and number != fork.rseq + 1:
            return False
        fork.rseq = number
        acknowledged = ("RAck", f"{number} {cseq(response)}")
        self._line.start(self._acknowledge(fork.dialog, fork.dialog.request("PRACK", [acknowledged])))
        return True

    async def _acknowledge(self, dialog: Dialog, prack: Request) -> None:
        try:
            await self._line.transact(dialog, prack)
        except TransactionFailed as failed:
            _log.info("the PRACK of call %s got no response: %s", dialog.call_id, failed.text)

    def _again(self, request: Request, response: Response) -> Request | None:
        """Return the INVITE as the peer wants it: with credentials, or with 100rel; None for any other refusal."""
        if not request.body:  # of an earlier process, which has kept no body
            return None
        if is_challenge(response):
            return self._line.digest.answer(request, response)
        wanted = _options(response, "Require")
        if response.status != 421 or wanted != {RELIABLE} or RELIABLE in _options(request, "Supported"):
            return None
        again = Request(request.method, request.uri, request.headers.copy(), request.body)
        again.headers.set("Supported", RELIABLE)
        again.headers.set("CSeq", str(CSeq(cseq(request).number + 1, request.method)))
        return again

    async def _have_kept(self) -> None:
        if self._keep is None:
            return
        try:
            async with asyncio.timeout(KEEP_TIMEOUT_S):
                await self._keep()
        except Exception as fault:  # noqa: BLE001 - a call that is not kept is better than one that is not ended
            why = str(fault) or type(fault).__name__
            _log.warning("call %s goes on without being kept: %s", call_id(self._request), why)

    def _stop_ringing(self) -> None:
        """Report at the deadline. The peer may take as long again until the CANCEL has ended the INVITE."""
        self.withdraw()
        self._fail(Failure(ring_timed_out=True, rang=self.rang, authorized=is_authorized(self._request)))

    def _fail(self, failure: Failure) -> None:
        self._is_withdrawn = True
        self._line.emit(Failed(failure))

    def _end(self) -> None:
        self._is_pending = False
        self._stop_timer()
        self.sent.set()

    def _stop_timer(self) -> None:
        if self._ring_timer is not None:
            self._ring_timer.cancel()


def _options(message: Request | Response, name: str) -> set[str]:
    return {value.lower() for value in message.headers.values(name)}
