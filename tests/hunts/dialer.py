"""A dialer in a process of its own, with bad manners.

    python tests/hunts/dialer.py PORT NAME SEED SERVICE_ID...

It phones nobody. It declines calls, goes away in the middle of a poll, falls silent until its leases have lapsed
and then reports all the same, and repeats itself. What half of its calls report goes together. It prints on standard
output, a line of JSON each, what it was allowed to do, and every response that the contract does not allow. SIGTERM
lets it finish its calls.
"""

import asyncio
import json
import random
import signal
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1.error_reason_pb2 import ErrorReason
from tests.hunts.calls import connect, insist
from tests.hunts.checker import CANCELLED, EXPIRED, OFFERED
from tests.hunts.joint_reports import JointReports, ReportTurnedDown
from tests.world.api import Api, by_id, refusal_of

LEASE_S: Final = 5
_WAIT_S: Final = 5
_MAX_LEASES: Final = 4
_MAX_CALLS: Final = 8
# Long enough for the server to have closed the lease.
_STALL_S: Final = LEASE_S + 0.5
# This close to its end, a lease is not relied on.
_MARGIN_S: Final = 1.0
_LOST: Final = frozenset({"LEASE_EXPIRED", "LEASE_SUPERSEDED"})

# How often it does what: at each step of a call, or at each poll.
_DECLINES: Final = 0.05
_STALLS: Final = 0.004
_LONG_CALLS: Final = 0.004
_REPEATS: Final = 0.1
_CONTRADICTS: Final = 0.05
_VANISHES: Final = 0.05
_JOINS: Final = 0.5

# Before the target has answered, and after.
_UNANSWERED: Final = {
    cb.CALL_OUTCOME_BUSY: 8,
    cb.CALL_OUTCOME_NO_ANSWER: 8,
    cb.CALL_OUTCOME_UNREACHABLE: 4,
    cb.CALL_OUTCOME_DECLINED: 4,
    cb.CALL_OUTCOME_NETWORK_FAILURE: 4,
    cb.CALL_OUTCOME_INTERRUPTED: 2,
    cb.CALL_OUTCOME_INVALID_NUMBER: 2,
    cb.CALL_OUTCOME_BLOCKED: 2,
    cb.CALL_OUTCOME_NOT_AUTHORIZED: 1,
}
_ANSWERED: Final = {
    cb.CALL_OUTCOME_ANSWERED: 60,
    cb.CALL_OUTCOME_MACHINE: 4,
    cb.CALL_OUTCOME_ABANDONED: 4,
}


def tell(kind: str, *values: Any) -> None:
    """Print one line for the process that started this one."""
    click.echo(json.dumps([kind, *values]))


class Dialer:
    """Polls until it is told to stop, and makes several calls at once."""

    def __init__(self, api: Api, name: str, service_ids: Sequence[str], dice: random.Random) -> None:
        self._api = api
        self._name = name
        self._service_ids = service_ids
        self._dice = dice
        self._joint = JointReports(api, dice)
        self._calls: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        stopped = asyncio.create_task(self._stopping.wait())
        while not self._stopping.is_set():
            poll = asyncio.create_task(self._poll())
            await asyncio.wait([poll, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                poll.cancel()
            await asyncio.wait([poll])
            for lease in [] if poll.cancelled() else poll.result():
                self._begin(lease)
            if len(self._calls) >= _MAX_CALLS:
                await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)
        if self._calls:
            await asyncio.wait(self._calls)

    def _begin(self, lease: pb.Lease) -> None:
        joint = self._joint if self._dice.random() < _JOINS else None
        call = asyncio.create_task(Call(self._api, joint, lease, self._dice).make())
        self._calls.add(call)
        call.add_done_callback(self._end)

    def _end(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if fault := call.exception():
            tell("finding", f"a call failed: {fault!r}")

    async def _poll(self) -> Sequence[pb.Lease]:
        try:
            return await self._lease()
        except grpc.aio.AioRpcError as error:
            tell("finding", f"a poll was refused: {error.code().name} {error.details()}")
            return ()

    async def _lease(self) -> Sequence[pb.Lease]:
        request = pb.LeaseCallbacksRequest(
            dialer_id=self._name,
            service_ids=self._service_ids,
            max_leases=self._dice.randint(1, _MAX_LEASES),
            lease_duration=Duration(seconds=LEASE_S),
            wait_duration=Duration(seconds=_WAIT_S),
            request_id=str(uuid.UUID(int=self._dice.getrandbits(128), version=4)),
        )
        patience_s = self._dice.uniform(0, 0.2) if self._dice.random() < _VANISHES else None
        try:
            async with asyncio.timeout(patience_s):
                response = await insist(self._api.dialers.LeaseCallbacks, request)
        except TimeoutError:
            return ()
        for lease in response.leases:
            tell("leased", lease.callback.callback_id, lease.fencing_token)
        if response.leases and self._dice.random() < _REPEATS:
            return await self._repeat(request, response.leases)
        return response.leases

    async def _repeat(self, request: pb.LeaseCallbacksRequest, leases: Sequence[pb.Lease]) -> Sequence[pb.Lease]:
        """Repeat the poll, which must return those of its leases that are still open, or new ones if none is."""
        response = await insist(self._api.dialers.LeaseCallbacks, request)
        first = {lease.lease_token for lease in leases}
        again = {lease.lease_token for lease in response.leases}
        if again & first and again - first:
            tell("finding", f"a repeated poll was granted {len(again - first)} more leases")
        return response.leases


class Call:
    """What this dialer does with one lease."""

    def __init__(self, api: Api, joint: JointReports | None, lease: pb.Lease, dice: random.Random) -> None:
        self._api = api
        # Its reports go together with those of other calls, if so.
        self._joint = joint
        self._token = lease.lease_token
        self._callback_id = lease.callback.callback_id
        self._dice = dice
        self._keep(lease.expire_time)
        if lease.callback.state != OFFERED:
            tell("finding", f"{self._callback_id} was leased in state {lease.callback.state}")

    async def make(self) -> None:
        try:
            await self._make()
        except ReportTurnedDown as error:
            await self._judge(error)
        except grpc.aio.AioRpcError as error:
            tell("finding", f"{self._callback_id}: {error.code().name} {error.details()}")

    async def _make(self) -> None:
        if self._now_and_then(_DECLINES):
            await self._decline()
            return
        await self._stall()
        callback = await self._report(pb.ATTEMPT_PROGRESS_DIALING)
        tell("dialed", self._callback_id, callback.attempt_count)
        if self._now_and_then(0.5):
            await self._report(pb.ATTEMPT_PROGRESS_RINGING)
        await self._stall()
        if self._now_and_then(0.3):
            await self._end(self._one_of(_UNANSWERED))
            return
        await self._report(pb.ATTEMPT_PROGRESS_CONNECTED)
        await self._stall()
        if self._now_and_then(_LONG_CALLS):
            await self._talk()
        await self._end(self._one_of(_ANSWERED))

    # --- What it reports -----------------------------------------------------------------------------------------

    async def _report(self, progress: "pb.AttemptProgress.ValueType") -> cb.Callback:
        report = pb.AttemptReport(progress=pb.ReportProgressRequest(lease_token=self._token, progress=progress))
        result = await self._send(report)
        if self._now_and_then(_REPEATS):
            result = await self._send(report)
        return result.callback

    async def _end(self, outcome: "cb.CallOutcome.ValueType") -> None:
        report = pb.AttemptReport(outcome=pb.ReportOutcomeRequest(lease_token=self._token, outcome=outcome))
        result = await self._send(report)
        if outcome not in [attempt.outcome for attempt in result.callback.attempts]:
            tell("finding", f"{self._callback_id}: the outcome {outcome} was taken, and not recorded")
        if self._now_and_then(_REPEATS) and not (await self._send(report)).replayed:
            tell("finding", f"{self._callback_id}: the outcome {outcome} was taken twice")
        if self._now_and_then(_CONTRADICTS):
            await self._contradict(outcome)

    async def _send(self, report: pb.AttemptReport) -> pb.AttemptReportResult:
        """Report it together with others, or alone; return what became of it. Raise `ReportTurnedDown`."""
        if self._joint is not None:
            return await self._joint.report(report)
        try:
            if report.HasField("progress"):
                progress = await insist(self._api.dialers.ReportProgress, report.progress)
                return pb.AttemptReportResult(callback=progress.callback)
            ended = await insist(self._api.dialers.ReportOutcome, report.outcome)
            return pb.AttemptReportResult(callback=ended.callback, replayed=ended.replayed)
        except grpc.aio.AioRpcError as error:
            raise ReportTurnedDown(refusal_of(error), error.details() or "") from error

    async def _contradict(self, outcome: "cb.CallOutcome.ValueType") -> None:
        other = cb.CALL_OUTCOME_BUSY if outcome != cb.CALL_OUTCOME_BUSY else cb.CALL_OUTCOME_ANSWERED
        report = pb.AttemptReport(outcome=pb.ReportOutcomeRequest(lease_token=self._token, outcome=other))
        try:
            await self._send(report)
        except ReportTurnedDown as error:
            if error.reason != "OUTCOME_CONFLICT":
                tell("finding", f"{self._callback_id}: a second outcome was refused with {error.reason}")
        else:
            tell("finding", f"{self._callback_id}: after the outcome {outcome} another one was taken")

    async def _decline(self) -> None:
        request = pb.ReleaseLeasesRequest(lease_tokens=[self._token], reason="no agent wants it")
        await insist(self._api.dialers.ReleaseLeases, request)
        try:
            await self._report(pb.ATTEMPT_PROGRESS_DIALING)
        except ReportTurnedDown as error:
            if error.reason not in _LOST:
                raise
        else:
            tell("finding", f"{self._callback_id} could be dialled after its lease was given back")

    async def _talk(self) -> None:
        """Hold a call that is longer than its lease."""
        for _ in range(2):
            await asyncio.sleep(LEASE_S / 2)
            request = pb.ExtendLeasesRequest(lease_tokens=[self._token], lease_duration=Duration(seconds=LEASE_S))
            [kept] = (await insist(self._api.dialers.ExtendLeases, request)).results
            if kept.lost_reason:
                await self._judge_loss(ErrorReason.Name(kept.lost_reason).removeprefix("ERROR_REASON_"))
                return
            self._keep(kept.expire_time)

    async def _stall(self) -> None:
        if self._now_and_then(_STALLS):
            await asyncio.sleep(_STALL_S)

    # --- What it is told -----------------------------------------------------------------------------------------

    async def _judge(self, error: ReportTurnedDown) -> None:
        if error.reason in _LOST:
            await self._judge_loss(error.reason)
        else:
            tell("finding", f"{self._callback_id}: {error}")

    async def _judge_loss(self, reason: str) -> None:
        """Check that the lease has run out, or that it was lost because its callback was ended."""
        tell("refused", reason)
        if self._is_late():
            return
        request = callbacks_pb.GetCallbackRequest(key=by_id(self._callback_id))
        state = (await insist(self._api.callbacks.GetCallback, request)).callback.state
        if state not in (CANCELLED, EXPIRED):
            tell("finding", f"{self._callback_id}: a lease that has not run out is refused, in state {state}")

    def _keep(self, expire_time: Timestamp) -> None:
        # Not the time to live: a process that was frozen does not know when it got the response. Here both have one
        # clock.
        self._end_s = expire_time.ToMicroseconds() / 1e6

    def _is_late(self) -> bool:
        return time.time() > self._end_s - _MARGIN_S

    # --- Dice ----------------------------------------------------------------------------------------------------

    def _now_and_then(self, share: float) -> bool:
        return self._dice.random() < share

    def _one_of(self, outcomes: Mapping["cb.CallOutcome.ValueType", int]) -> "cb.CallOutcome.ValueType":
        [outcome] = self._dice.choices(list(outcomes), list(outcomes.values()))
        return outcome


async def run(ports: Sequence[int], name: str, seed: int, service_ids: Sequence[str]) -> None:
    async with connect(ports) as api:
        dialer = Dialer(api, name, service_ids, random.Random(seed))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dialer.stop)
        tell("up")
        await dialer.run()


@click.command()
@click.argument("ports")
@click.argument("name")
@click.argument("seed", type=int)
@click.argument("service_ids", nargs=-1)
def main(ports: str, name: str, seed: int, service_ids: tuple[str, ...]) -> None:
    """Take leases of the services until SIGTERM, and handle them badly."""
    asyncio.run(run([int(port) for port in ports.split(",")], name, seed, service_ids))


if __name__ == "__main__":
    main()
