"""Our re-INVITEs (RFC 3261 section 14.1): one at a time, and never against an offer of the peer."""

import asyncio
import secrets
from contextlib import suppress
from typing import Final

from ringback.dialers.sip.dialogs.dialog import Dialog
from ringback.dialers.sip.dialogs.failure import refused, unanswered
from ringback.dialers.sip.dialogs.leg_events import Failure
from ringback.dialers.sip.dialogs.line import LegLine, final
from ringback.dialers.sip.dialogs.responses import ALLOW
from ringback.dialers.sip.messages.body import SDP, session_of
from ringback.dialers.sip.messages.message import Request, Response
from ringback.dialers.sip.transactions.client_transaction import ClientTransaction
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed

# The leg is over.
GONE: Final = Failure(status=481, reason="Call/Transaction Does Not Exist")
# An offer of the peer waits for its answer.
PENDING: Final = Failure(status=491, reason="Request Pending")
_MAX_TRIES: Final = 5
# How long the answer to an offer of the peer may take: it may have to come from the other leg's peer.
_PATIENCE_S: Final = 5.0
# Section 14.1: who has made the Call-ID waits for 2.1 to 4 s, in steps of 10 ms.
_SHORTEST_PAUSE_MS: Final = 2100
_PAUSE_STEPS: Final = 191
_STEP_MS: Final = 10
# Section 14.2: the longest that a peer with an offer under way may say.
_LONGEST_PAUSE_S: Final = 10


class Renegotiation:
    def __init__(self, line: LegLine, dialog: Dialog, contact: str) -> None:
        self._line = line
        self._dialog = dialog
        self._contact = contact
        self._turn = asyncio.Lock()
        self._is_offering = False
        # A 2xx of ours to the peer's INVITE that has no ACK yet.
        self._unacknowledged: asyncio.Task[None] | None = None
        self._ack_answers = False
        self._peer_offers = asyncio.Event()
        self._peer_is_answered = asyncio.Event()
        self._peer_is_answered.set()

    @property
    def is_offering(self) -> bool:
        """Whether an offer of ours has no answer yet."""
        awaits_ack = self._unacknowledged is not None and not self._unacknowledged.done()
        return self._is_offering or (awaits_ack and self._ack_answers)

    def wait_for(self, acknowledged: "asyncio.Task[None]", *, with_answer: bool) -> None:
        """Make no offer before our 2xx to the peer's INVITE is acknowledged; `with_answer`: the 2xx has our offer."""
        self._unacknowledged, self._ack_answers = acknowledged, with_answer

    def yield_to_peer(self) -> None:
        """Offer nothing while an offer of the peer waits for its answer."""
        self._peer_offers.set()
        self._peer_is_answered.clear()

    def go_on(self) -> None:
        self._peer_offers.clear()
        self._peer_is_answered.set()

    async def offer(self, offer: bytes) -> bytes | Failure:
        """Return the answer to an offer. Where both sides offer at the same time, it is made again later."""
        async with self._turn:
            outcome: bytes | Failure = GONE
            for _ in range(_MAX_TRIES):
                await self._wait_for_peer()
                if self._line.over.is_set():
                    return GONE
                if self._peer_offers.is_set():
                    return PENDING
                outcome = await self._offer_once(offer)
                if not isinstance(outcome, Failure) or (pause_s := _pause_s(outcome)) is None:
                    return outcome
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._peer_offers.wait(), pause_s)
            return outcome

    async def _wait_for_peer(self) -> None:
        """Wait until what the peer offers is answered and acknowledged; if nobody answers it, not without end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._peer_is_answered.wait(), _PATIENCE_S)
        if self._unacknowledged is not None:
            await asyncio.wait({self._unacknowledged})

    async def _offer_once(self, offer: bytes) -> bytes | Failure:
        headers = [("Contact", self._contact), ("Allow", ALLOW), ("Content-Type", SDP)]
        request = self._dialog.request("INVITE", headers, offer)
        self._line.digest.authorize(request)
        self._is_offering = True
        try:
            return await self._negotiate(request)
        except TransactionFailed as failed:
            return unanswered(request, failed)
        finally:
            self._is_offering = False

    async def _negotiate(self, request: Request) -> bytes | Failure:
        while True:
            transaction = await self._line.send(self._dialog, request)
            try:
                async with asyncio.timeout(self._line.give_up_s):
                    response = await final(transaction)
            except TimeoutError:  # the peer is there, and says no more than 1xx
                transaction.cancel()
                self._line.start(self._acknowledge_late(request, transaction))
                return Failure(fault=FaultKind.TIMEOUT, fault_text="no final response to a re-INVITE")
            if response.status < 300:
                return self._acknowledge(request, transaction, response)
            again = self._line.authorized(self._dialog, request, response)
            if again is None:
                return refused(request, response)
            request = again

    def _acknowledge(self, request: Request, transaction: ClientTransaction, response: Response) -> bytes | Failure:
        self._dialog.refresh(response)
        transaction.acknowledge(response, self._dialog.ack(request), next_hop=self._dialog.next_hop)
        answer = session_of(response)
        return Failure(status=response.status, reason="An answer has no SDP") if answer is None else answer

    async def _acknowledge_late(self, request: Request, transaction: ClientTransaction) -> None:
        with suppress(TransactionFailed):
            response = await final(transaction)
            if response.status < 300:
                self._acknowledge(request, transaction, response)


def _pause_s(failure: Failure) -> float | None:
    """Return after which time an offer is to be made again; None where it was refused for another reason than glare."""
    if failure.status == 491:
        return (_SHORTEST_PAUSE_MS + _STEP_MS * secrets.randbelow(_PAUSE_STEPS)) / 1000
    if failure.status == 500 and failure.retry_after_s is not None and failure.retry_after_s <= _LONGEST_PAUSE_S:
        return float(failure.retry_after_s)
    return None
