"""A leg: one call of ours, from its INVITE to its BYE. The bridge joins two of them."""

import secrets
from collections.abc import Callable
from copy import copy
from math import inf
from typing import Final

from ringback.dialers.sip.dialogs.dialog import MAX_FORWARDS, Dialog
from ringback.dialers.sip.dialogs.dialogs import Dialogs
from ringback.dialers.sip.dialogs.invitation import Invitation
from ringback.dialers.sip.dialogs.leg_events import Failure, HungUp, LegAnswered, LegEvent, LegPlan, Offered
from ringback.dialers.sip.dialogs.leg_state import CSEQ_GAP, LegState, PendingInvite
from ringback.dialers.sip.dialogs.line import NORMAL_CLEARING, LegLine
from ringback.dialers.sip.dialogs.renegotiation import GONE
from ringback.dialers.sip.dialogs.responses import ALLOW, respond
from ringback.dialers.sip.dialogs.session import LegSession
from ringback.dialers.sip.messages.body import SDP
from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import CSeq, Headers, MalformedMessage, NameAddr, Request, from_
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.destination import Transport

_FIRST_SEQ: Final = 1


class Leg:
    """A call to one side. Made, then begun by `invite()`.

    Its events are LegProgress, then LegAnswered or Failed, then what the peer does, and at last HungUp. After Failed or
    HungUp nothing more comes, and what is left on the network is ended in the background.
    """

    def __init__(self, endpoint: Endpoint, dialogs: Dialogs, plan: LegPlan) -> None:
        local = plan.from_ if plan.from_.tag else plan.from_.with_tag(secrets.token_hex(8))
        self.call_id = plan.call_id
        self.local_tag = local.tag
        self.answered = False
        self._plan = plan
        self._local = str(local)
        self._dialogs = dialogs
        self._contact = f"<{endpoint.contact(plan.user, _transport(plan))}>"
        self._line = LegLine(
            endpoint,
            credentials=plan.credentials,
            judge=plan.judge,
            done=lambda: dialogs.remove(self),
        )
        self._invitation: Invitation | None = None
        self._session: LegSession | None = None

    @classmethod
    def restore(
        cls,
        endpoint: Endpoint,
        dialogs: Dialogs,
        state: LegState,
        credentials: SipCredentials | None = None,
        judge: Callable[[str], str] | None = None,
    ) -> "Leg":
        """Go on with a leg of an earlier process: with its dialog, or with its INVITE, which may be hung up at once."""
        dialog, invite = state.dialog, state.invite
        local, remote, uri = _sides(dialog or invite)
        plan = LegPlan(
            uri=uri,
            from_=local,
            to=remote,
            user=state.user,
            call_id=state.call_id,
            ring_timeout_s=inf,
            credentials=credentials,
            judge=judge,
        )
        leg = cls(endpoint, dialogs, plan)
        leg._line.origin = state.origin
        leg._go_on(dialog, invite)
        return leg

    @property
    def rang(self) -> bool:
        return self._invitation is not None and self._invitation.rang

    @property
    def origin(self) -> tuple[str, int] | None:
        """Session id and version of the o= line that was sent last."""
        return self._line.origin

    async def invite(self, offer: bytes) -> None:
        """Send the INVITE; return when it is sent, or cannot be, which is an event."""
        if self._line.over.is_set():
            return
        self._line.note_origin(offer)
        self._dialogs.add(self)
        invitation = self._invite(self._first_request(offer))
        self._line.start(invitation.run(self._plan.ring_timeout_s), ends=True)
        await invitation.sent.wait()

    async def next_event(self) -> LegEvent:
        """Return the next event; after the last one, that one again."""
        return await self._line.next_event()

    async def reinvite(self, offer: bytes) -> bytes | Failure:
        """Return the answer to a new offer.

        Where the peer offers something at the same time, the offer is made again after a pause. Its own one is to be
        answered meanwhile, by another task; if nobody does for some seconds, this offer fails with 491.
        """
        return await self._session.reinvite(offer) if self._session is not None else GONE

    def answer(self, offered: Offered, sdp: bytes) -> bool:
        """Accept an offer of the peer. Return False if it was withdrawn meanwhile."""
        return self._session is not None and self._session.answer(offered, sdp)

    def refuse(self, offered: Offered, status: int) -> None:
        if self._session is not None:
            self._session.refuse(offered, status)

    async def refer(self, refer_to: str) -> Failure | None:
        """Let the peer call this URI (RFC 3515). Return None if it will; how that goes on are Notified events."""
        if self._session is None or self._line.over.is_set():
            return GONE
        return await self._session.refer(refer_to)

    def send_info(self, content_type: str, body: bytes) -> None:
        """Send an INFO, such as digits, in the background."""
        if self._session is not None and not self._line.over.is_set():
            self._session.send_info(content_type, body)

    async def probe(self) -> bool:
        """Return whether the peer responds and has this dialog. If it has not, HungUp is told, too."""
        return self._session is not None and not self._line.over.is_set() and await self._session.probe()

    def hang_up(self, *, q850: int = NORMAL_CLEARING, reason: str = "") -> None:
        """End the leg in whatever state it is: the INVITE gets CANCEL, each answer ACK and BYE. Again: nothing."""
        if self._line.over.is_set():
            return
        if self._session is not None:
            self._session.hang_up(q850=q850, reason=reason)
            return
        if self._invitation is not None:
            self._invitation.withdraw()
        self._line.emit(HungUp(by_peer=False, q850=q850, reason=reason))

    async def closed(self) -> None:
        """Return when the leg is ended on the network; at the latest 64*T1 after its last event."""
        await self._line.closed.wait()

    def forget(self) -> None:
        """Leave the leg to another process: send nothing more, take nothing more."""
        self._line.forget()
        if self._invitation is not None:
            self._invitation.sent.set()

    def state(self) -> LegState:
        """Return what another process needs to go on with the leg, or to end it."""
        dialog = self._session.dialog if self._session is not None else None
        if dialog is None and self._invitation is not None:
            dialog = self._invitation.winner
        return LegState(
            call_id=self.call_id,
            user=self._plan.user,
            dialog=copy(dialog),
            invite=self._invitation.pending if dialog is None and self._invitation is not None else None,
            origin=self._line.origin,
        )

    def on_request(self, transaction: ServerTransaction) -> None:
        """Take a request of the peer. Which of several peers of a fork it is, its From tag says."""
        try:
            tag = from_(transaction.request).tag
        except MalformedMessage:
            respond(transaction, 400)
            return
        session, invitation = self._session, self._invitation
        if session is not None and session.dialog.remote_tag in ("", tag):
            session.on_request(transaction)
        elif session is None and invitation is not None:
            invitation.on_request(transaction)
        else:
            is_bye = transaction.request.method == "BYE" and invitation is not None and invitation.has_met(tag)
            respond(transaction, 200 if is_bye else 481)

    def _invite(self, request: Request, pending: PendingInvite | None = None) -> Invitation:
        self._invitation = Invitation(
            self._line, request, pending=pending, keep=self._plan.keep, answered=self._begin_session
        )
        return self._invitation

    def _begin_session(self, dialog: Dialog, sdp: bytes | None) -> None:
        self.answered = True
        self._session = LegSession(self._line, dialog, self._contact)
        self._line.emit(LegAnswered(sdp))

    def _go_on(self, dialog: Dialog | None, invite: PendingInvite | None) -> None:
        if dialog is not None:
            dialog = copy(dialog)
            dialog.local_seq += CSEQ_GAP
            self.answered = True
            self._session = LegSession(self._line, dialog, self._contact)
            self._dialogs.add(self)
        elif invite is not None:
            invitation = self._invite(invite.request(self.call_id), invite)
            self._dialogs.add(self)
            self._line.start(invitation.resume(), ends=True)
        else:
            self._line.emit(HungUp(by_peer=False, reason="the leg had not been called"))

    def _first_request(self, offer: bytes) -> Request:
        plan = self._plan
        headers = [
            *(("Route", route) for route in plan.routes),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self._local),
            ("To", str(plan.to)),
            ("Call-ID", plan.call_id),
            ("CSeq", str(CSeq(_FIRST_SEQ, "INVITE"))),
            ("Contact", self._contact),
            ("Allow", ALLOW),
            *plan.headers,
            ("Content-Type", SDP),
        ]
        return Request("INVITE", plan.uri, Headers(headers), offer)


def _transport(plan: LegPlan) -> Transport | None:
    """Return the transport on which the peer is reached, if its address says so: it is to reach us on the same."""
    try:
        uri = Uri.parse(NameAddr.parse(plan.routes[0]).uri if plan.routes else plan.uri)
    except MalformedMessage:
        return None
    if uri.scheme == "sips":
        return Transport.TLS
    return next((transport for transport in Transport if transport == uri.transport), None)


def _sides(kept: Dialog | PendingInvite | None) -> tuple[NameAddr, NameAddr, str]:
    """Return our side, the peer's, and its URI."""
    if kept is None:
        nobody = NameAddr("", "sip:anonymous@anonymous.invalid")  # RFC 3323 section 4.1.1.3
        return nobody, nobody, nobody.uri
    uri = kept.target if isinstance(kept, Dialog) else kept.uri
    return NameAddr.parse(kept.local), NameAddr.parse(kept.remote), uri
