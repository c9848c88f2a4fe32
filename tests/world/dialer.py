"""A dialer that a test controls: it does one thing at a time, and nothing by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration

from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as pb
from tests.world.api import Api

DIALING, RINGING, CONNECTED = (
    pb.ATTEMPT_PROGRESS_DIALING,
    pb.ATTEMPT_PROGRESS_RINGING,
    pb.ATTEMPT_PROGRESS_CONNECTED,
)
ANSWERED, BUSY = cb.CALL_OUTCOME_ANSWERED, cb.CALL_OUTCOME_BUSY
# A test that takes longer than this waits for something that does not come.
PATIENCE_S = 10


@dataclass
class Dialer:
    """Speaks DialerService, with defaults for what a test is not about."""

    api: Api
    name: str = "test"

    def poll(self, max_leases: int = 1, *, wait_s: float = 0, lease_s: float = 30, **fields: Any) -> Any:
        """Begin a call of LeaseCallbacks."""
        return self.api.dialers.LeaseCallbacks(
            pb.LeaseCallbacksRequest(
                dialer_id=self.name,
                max_leases=max_leases,
                wait_duration=_duration(wait_s),
                lease_duration=_duration(lease_s),
                **fields,
            )
        )

    async def lease(self, max_leases: int = 1, **fields: Any) -> list[pb.Lease]:
        return list((await self.poll(max_leases, **fields)).leases)

    async def lease_one(self, **fields: Any) -> pb.Lease:
        [lease] = await self.lease(**fields)
        return lease

    async def report(self, lease: pb.Lease, *steps: Any, **fields: Any) -> pb.ReportProgressResponse:
        """Report one step after the other; return the last response."""
        response = pb.ReportProgressResponse()
        for step in steps:
            response = await self.api.dialers.ReportProgress(
                pb.ReportProgressRequest(lease_token=lease.lease_token, progress=step, **fields)
            )
        return response

    async def end(self, lease: pb.Lease, outcome: Any, **fields: Any) -> pb.ReportOutcomeResponse:
        return await self.api.dialers.ReportOutcome(
            pb.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=outcome, **fields)
        )

    async def report_many(self, *reports: pb.AttemptReport, **fields: Any) -> Sequence[pb.AttemptReportResult]:
        response = await self.api.dialers.ReportAttempts(pb.ReportAttemptsRequest(reports=reports, **fields))
        return response.results

    async def extend(self, *tokens: str, lease_s: float = 30) -> Sequence[pb.ExtendLeaseResult]:
        response = await self.api.dialers.ExtendLeases(
            pb.ExtendLeasesRequest(lease_tokens=tokens, lease_duration=_duration(lease_s))
        )
        return response.results

    async def release(self, *leases: pb.Lease, **fields: Any) -> Sequence[pb.ReleaseLeaseResult]:
        response = await self.api.dialers.ReleaseLeases(
            pb.ReleaseLeasesRequest(lease_tokens=[lease.lease_token for lease in leases], **fields)
        )
        return response.results


def progress(lease: pb.Lease, step: Any, **fields: Any) -> pb.AttemptReport:
    report = pb.ReportProgressRequest(lease_token=lease.lease_token, progress=step, **fields)
    return pb.AttemptReport(progress=report)


def outcome(lease: pb.Lease, ended: Any, **fields: Any) -> pb.AttemptReport:
    return pb.AttemptReport(outcome=pb.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=ended, **fields))


async def let_pass(app: App, seconds: float) -> None:
    """Let the server do now what is due after that time."""
    await app.use_cases.scheduler.run_once(datetime.now(UTC) + timedelta(seconds=seconds))


async def until_polling(app: App, count: int = 1) -> None:
    """Return when this many polls wait on the server, and it has looked once for what they might get."""
    assigner = app.use_cases.assigner
    await until(
        lambda: len(assigner._polls) >= count and assigner._serving is None and not assigner._readiness.woken.is_set()
    )


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not reached():  # noqa: ASYNC110 - no event tells when it changes
            await asyncio.sleep(0)


@asynccontextmanager
async def second_client(app: App, api: Api) -> AsyncIterator[Api]:
    """Open a connection of its own, with the same service."""
    async with Api.connect(app.port) as other:
        other.service_id = api.service_id
        yield other


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration
