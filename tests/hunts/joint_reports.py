"""Reports of all calls of a dialer in one call of ReportAttempts, with some that must be refused in between."""

import asyncio
import random
from typing import Final

from ringback.v1 import dialer_service_pb2 as pb
from tests.hunts.calls import insist
from tests.world.api import Api, Refusal, refusal_in

# How often a report of a lease that nobody has goes along.
_INTRUDES: Final = 0.2
_INTRUDER: Final = pb.AttemptReport(
    progress=pb.ReportProgressRequest(lease_token="nobody's", progress=pb.ATTEMPT_PROGRESS_DIALING)
)


class ReportTurnedDown(Exception):  # noqa: N818 - an answer
    """A report was refused, and this is how."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(f"{refusal.code.name} {refusal.reason} {message}")
        self.reason = refusal.reason


class JointReports:
    """Has one call under way at a time: what is reported meanwhile goes together in the next one."""

    def __init__(self, api: Api, dice: random.Random) -> None:
        self._api = api
        self._dice = dice
        self._waiting: list[tuple[pb.AttemptReport, asyncio.Future[pb.AttemptReportResult]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def report(self, report: pb.AttemptReport) -> pb.AttemptReportResult:
        """Return what became of the report. Raise `ReportTurnedDown`."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((report, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        result: pb.AttemptReportResult = await answer
        if result.HasField("error"):
            raise ReportTurnedDown(refusal_in(result.error), result.error.message)
        return result

    async def _send(self) -> None:
        while self._waiting:
            sent, self._waiting = self._waiting, []
            reports = [report for report, _ in sent]
            if intruded := self._dice.random() < _INTRUDES:
                reports.insert(0, _INTRUDER)
            request = pb.ReportAttemptsRequest(reports=reports, include_callbacks=True)
            try:
                results = list((await insist(self._api.dialers.ReportAttempts, request)).results)
                if intruded:
                    assert refusal_in(results.pop(0).error).reason == "LEASE_EXPIRED"
                assert len(results) == len(sent)
            except Exception as error:  # noqa: BLE001 - each of them is told, and tells it
                for _, answer in sent:
                    answer.set_exception(error)
            else:
                for (_, answer), result in zip(sent, results, strict=True):
                    answer.set_result(result)
