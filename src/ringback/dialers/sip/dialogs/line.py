"""What the parts of a leg share: the way out, the events, and the tasks that end what is on the network."""

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, TypeVar

from ringback.dialers.sip.dialogs.dialog import Dialog
from ringback.dialers.sip.dialogs.leg_events import Failed, HungUp, LegEvent
from ringback.dialers.sip.messages.digest import DigestClient, SipCredentials
from ringback.dialers.sip.messages.header_values import Reason, printable
from ringback.dialers.sip.messages.message import Request, Response
from ringback.dialers.sip.transactions.client_transaction import ClientTransaction
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed

_log = logging.getLogger(__name__)

NORMAL_CLEARING: Final = 16
# Faults that may pass, and how long to wait before the first repetition; then twice as long each time.
_PASSING: Final = frozenset({FaultKind.REFUSED, FaultKind.UNRESOLVED, FaultKind.TLS})
_UNAVAILABLE: Final = 503
_FIRST_PAUSE_S: Final = 1.0
_ORIGIN: Final = re.compile(rb"^o=\S++ (?P<session>\S{1,32}) (?P<version>[0-9]{1,20}) ", re.MULTILINE)

_Result = TypeVar("_Result")


class LegLine:
    """Made once per leg. `done` is called when nothing is left of the leg, not even what could still come of a fork."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        credentials: SipCredentials | None,
        judge: Callable[[str], str] | None,
        done: Callable[[], None],
    ) -> None:
        self.endpoint = endpoint
        self.digest = DigestClient(credentials, lambda: secrets.token_hex(8))
        self.judge = judge
        self.origin: tuple[str, int] | None = None
        self.over = asyncio.Event()
        """Set when the last event of the leg is told."""
        self.closed = asyncio.Event()
        self._done = done
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._end: LegEvent | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        # Those without which the leg is not ended on the network.
        self._endings: set[asyncio.Task[object]] = set()
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def give_up_s(self) -> float:
        """How long a peer that does not respond is waited for: 64*T1."""
        return self.endpoint.timers.give_up_s

    def emit(self, event: LegEvent) -> None:
        """Tell an event. After the last one nothing is told."""
        if self._end is not None:
            return
        self._events.put_nowait(event)
        if isinstance(event, Failed | HungUp):
            self._end = event
            self.over.set()
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self.give_up_s, self.closed.set)
            # What ends the leg on the network is started right after the event.
            loop.call_soon(self._settle)

    async def next_event(self) -> LegEvent:
        if self._end is not None and self._events.empty():
            return self._end
        return await self._events.get()

    def start(self, work: Coroutine[object, object, _Result], *, ends: bool = False) -> "asyncio.Task[_Result]":
        """Run what must be done whoever stops waiting for it. `ends`: the leg is not closed before."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        if ends:
            self._endings.add(task)
        task.add_done_callback(self._finished)
        return task

    def forget(self) -> None:
        """End all tasks, and send nothing."""
        self.over.set()
        for task in self._tasks:
            task.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        self.closed.set()
        self._done()

    async def transact(self, dialog: Dialog, request: Request) -> Response:
        """Return the final response to a request of a dialog. Challenges are answered. Raise `TransactionFailed`."""
        self.digest.authorize(request)
        while True:
            transaction = await self.send(dialog, request)
            response = await final(transaction)
            again = self.authorized(dialog, request, response)
            if again is None:
                return response
            request = again

    async def send(self, dialog: Dialog, request: Request) -> ClientTransaction:
        return await self.endpoint.send(request, judge=self.judge, next_hop=dialog.next_hop)

    def authorized(self, dialog: Dialog, request: Request, response: Response) -> Request | None:
        """Return the request again, if the response is a challenge that can be answered."""
        again = self.digest.answer(request, response) if is_challenge(response) else None
        if again is not None:
            dialog.renumber(again)
        return again

    def bye(self, dialog: Dialog, *, q850: int = NORMAL_CLEARING, reason: str = "") -> None:
        """Send a BYE, in the background. Whatever comes back, the dialog is over."""
        headers = [("Reason", str(Reason("Q.850", q850, printable(reason))))] if q850 else []
        self.start(self._bye(dialog, headers), ends=True)

    def note_origin(self, sdp: bytes) -> None:
        """Keep what the next SDP of this dialog has to count on from (RFC 3264 section 8)."""
        if found := _ORIGIN.search(sdp):
            self.origin = (found["session"].decode("ascii", "replace"), int(found["version"]))

    async def insist(self, dialog: Dialog, method: str, headers: Sequence[tuple[str, str]]) -> Response:
        """Return the final response to a request that must arrive. Raise `TransactionFailed`.

        A proxy that is restarted refuses connections for some seconds, or responds 503: the request is sent again.
        """
        loop = asyncio.get_running_loop()
        ends_at, pause_s = loop.time() + self.give_up_s, _FIRST_PAUSE_S
        while True:
            is_last = loop.time() + pause_s >= ends_at
            try:
                response = await self.transact(dialog, dialog.request(method, headers))
            except TransactionFailed as failed:
                if is_last or failed.kind not in _PASSING:
                    raise
            else:
                if is_last or response.status != _UNAVAILABLE:
                    return response
            await asyncio.sleep(pause_s)
            pause_s *= 2

    async def _bye(self, dialog: Dialog, headers: Sequence[tuple[str, str]]) -> None:
        try:
            await self.insist(dialog, "BYE", headers)
        except TransactionFailed as failed:
            _log.warning("the BYE of call %s got no response: %s", dialog.call_id, failed.text)

    def _finished(self, task: "asyncio.Task[object]") -> None:
        fault = None if task.cancelled() else task.exception()
        if fault is not None and not isinstance(fault, TransactionFailed):  # of which an event tells
            _log.error("a step of a call failed", exc_info=fault)
            if task in self._endings:  # without it, nothing else would tell that the leg is over
                self.emit(HungUp(by_peer=False, reason="a step of the call failed"))
        self._tasks.discard(task)
        self._endings.discard(task)
        self._settle()

    def _settle(self) -> None:
        if not self.over.is_set() or self._endings:
            return
        self.closed.set()
        if not self._tasks:
            if self._deadline is not None:
                self._deadline.cancel()
            self._done()


def is_challenge(response: Response) -> bool:
    return response.status in (401, 407)


async def final(transaction: ClientTransaction) -> Response:
    """Return the final response. Raise `TransactionFailed`."""
    while True:
        response = await transaction.response()
        if response.status >= 200:
            return response
