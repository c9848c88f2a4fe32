"""One call of the HTTP dialer: what its gateway has reported, and what is recorded of it."""

import asyncio
from typing import Final

from ringback.dialers.http_messages import MAX_DETAIL, GatewayEvent, Report
from ringback.domain.call_ids import joined
from ringback.domain.errors import LeaseRefused, StorageUnavailable
from ringback.domain.outcome import UNSERVED, Outcome
from ringback.ports.dialer import Call, NotDialled, OutcomeReport

_AFTER_ANSWER: Final = UNSERVED | {Outcome.ANSWERED, Outcome.INTERRUPTED}


class GatewayCall:
    """One call at the gateway, as far as it was reported."""

    def __init__(
        self, call: Call, *, dialled: bool = False, connected: bool = False, trace_parent: str | None = None
    ) -> None:
        self.call = call
        # Orders of the call have it, so that a span of the gateway goes below the same one.
        self.trace_parent = trace_parent
        self.dialled = dialled
        self.connected = connected
        # Set at the last report, at the refusal of the target, and when no report is waited for any more (None).
        self.end: asyncio.Future[Report | None] = asyncio.get_running_loop().create_future()
        self.reported = asyncio.Event()
        self._call_ids: tuple[str, ...] = ()
        # Reports come on connections of their own, and each is taken whole.
        self._lock = asyncio.Lock()

    async def take(self, report: Report) -> tuple[int, str]:
        """Take a report, and return the status and a word for the gateway."""
        async with self._lock:
            self.reported.set()
            if report.event is GatewayEvent.NOT_DIALLED and self.dialled:
                return 409, "DIALING was reported: report how the call ended"
            if self.end.done():
                return ended_already(report)
            if report.event is GatewayEvent.DIALING and self.call.hang_up.is_set() and self.dialled:
                return 409, "place no call, and end what was placed"
            try:
                await self._progress(report)
            except LeaseRefused as refusal:
                self.end.set_exception(refusal)
                self.end.exception()  # looked at here, if nobody else does
                return 409, "place no call, and end what was placed"
            except StorageUnavailable:
                return 503, "not recorded, report it again"
            self._call_ids = joined(self._call_ids, report.call_ids)
            if report.event in (GatewayEvent.ENDED, GatewayEvent.NOT_DIALLED):
                self.end.set_result(report)
            return 200, "taken"

    async def _progress(self, report: Report) -> None:
        """Record how far the call is; what was not reported before it is implied."""
        if report.event is not GatewayEvent.NOT_DIALLED and not self.dialled:
            await self.call.dialing(report.call_ids)
            self.dialled = True
        if report.event is GatewayEvent.RINGING:
            await self.call.ringing()
        elif (report.event is GatewayEvent.CONNECTED or report.outcome is Outcome.ANSWERED) and not self.connected:
            await self.call.connected()
            self.connected = True

    async def result(self, otherwise: str = "", *, agents_unavailable: bool = True) -> OutcomeReport | NotDialled:
        """Return what was reported at the end; without an end what is known, after which no report is taken.

        Raise `LeaseRefused` when the target must not be dialled.
        """
        async with self._lock:  # a report may just be taken
            if not self.end.done():
                self.end.set_result(None)
            report = self.end.result()
        if report is None:
            outcome = Outcome.ANSWERED if self.connected else Outcome.INTERRUPTED
            if not self.dialled:
                return NotDialled(otherwise, agents_unavailable)
            return OutcomeReport(outcome=outcome, detail=otherwise, call_ids=self._call_ids)
        if report.outcome is None:
            return NotDialled(report.reason or "not dialled", report.agents_unavailable)
        outcome, detail = report.outcome, report.detail
        if self.connected and outcome not in _AFTER_ANSWER:
            # The call has ended all the same, and the target was reached.
            outcome, detail = Outcome.ANSWERED, f"reported as {outcome}: {detail}"[:MAX_DETAIL]
        return OutcomeReport(
            outcome=outcome,
            sip_status=report.sip_status,
            q850_cause=report.q850_cause,
            detail=detail,
            agent=report.agent,
            disposition=report.disposition,
            call_ids=self._call_ids,
        )


def ended_already(report: Report) -> tuple[int, str]:
    """Return the status and the word for a report of a call that has ended."""
    return (409, "place no call") if report.event is GatewayEvent.DIALING else (200, "ended already")
