"""The dialers: they follow the contract, and are lost, late or silent as the dice say."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from ringback.domain.errors import AttemptNotStarted, LeaseExpired, LeaseRefused, LeaseSuperseded, OutcomeConflict
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from ringback.v1 import dialer_service_pb2 as pb
from tests.hunts.checker import CANCELLED, CANCELLING, EXPIRED, phone_of
from tests.simulation.callers import insist
from tests.simulation.chance import Weather
from tests.simulation.network import Network, Refused, Unreachable
from tests.simulation.phones import Phones, Ringing
from tests.world.api import by_id, refusal_in

R = TypeVar("R", bound=Message)

_LEASE_S: Final = 5
_WAIT_S: Final = 5
# This close to its end, a lease is not relied on: responses are under way for a while.
_MARGIN_S: Final = 1.5
_MAX_CALLS: Final = 3
_REPEATS: Final = 0.15
_DECLINES: Final = 0.1
_ENDS: Final = {
    cb.CALL_OUTCOME_ANSWERED: 10,
    cb.CALL_OUTCOME_MACHINE: 2,
    cb.CALL_OUTCOME_BUSY: 4,
    cb.CALL_OUTCOME_NO_ANSWER: 3,
    cb.CALL_OUTCOME_NETWORK_FAILURE: 2,
    cb.CALL_OUTCOME_INVALID_NUMBER: 1,
}
_LOST: Final = frozenset({"LEASE_EXPIRED", "LEASE_SUPERSEDED"})
_REFUSALS: Final[Mapping[str, type[LeaseRefused]]] = {
    "LEASE_EXPIRED": LeaseExpired,
    "LEASE_SUPERSEDED": LeaseSuperseded,
    "ATTEMPT_NOT_STARTED": AttemptNotStarted,
    "OUTCOME_CONFLICT": OutcomeConflict,
}


class Dialer:
    """One dialer, from its start until it is lost."""

    def __init__(
        self,
        name: str,
        network: Network,
        phones: Phones,
        dice: random.Random,
        weather: Callable[[], Weather],
        *,
        keeps_leases: bool,
    ) -> None:
        self.findings: list[str] = []
        # Leases are not lost before they are over: no service is closed, and the clock is not set, in this history.
        self.keeps_leases = keeps_leases
        # Every version of a callback that it was told.
        self.returned: list[cb.Callback] = []
        self.ends: Counter[str] = Counter()
        self.network = network
        self.phones = phones
        self.dice = dice
        self.weather = weather
        self._name = name
        # Every other dialer has what it reports in calls of ReportAttempts.
        self.reports_together = int(name[1:]) % 2 == 1
        self._calls: dict[asyncio.Task[None], None] = {}
        self._polling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._polling = asyncio.create_task(self._poll_on())

    def is_busy(self) -> bool:
        return bool(self._calls)

    def crash(self) -> None:
        """End at once; phones that ring do so for as long as they ring."""
        for task in filter(None, (self._polling, *self._calls)):
            task.cancel()

    async def _poll_on(self) -> None:
        while True:
            if len(self._calls) >= _MAX_CALLS:
                await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)
            with suppress(TimeoutError):
                # Now and then it hangs up in the middle of a poll.
                patience_s = self.dice.uniform(0, 1) if self.dice.random() < self.weather().lost_dialers else None
                async with asyncio.timeout(patience_s):
                    await self._poll()

    async def _poll(self) -> None:
        request = pb.LeaseCallbacksRequest(
            dialer_id=self._name,
            max_leases=self.dice.randint(1, _MAX_CALLS - len(self._calls)) if len(self._calls) < _MAX_CALLS else 1,
            lease_duration=Duration(seconds=_LEASE_S),
            wait_duration=Duration(seconds=_WAIT_S),
            request_id=str(uuid.UUID(int=self.dice.getrandbits(128), version=4)),
        )
        response = await self.insist("lease_callbacks", request, pb.LeaseCallbacksResponse)
        if response.leases and self.dice.random() < _REPEATS:
            first = {lease.lease_token for lease in response.leases}
            response = await self.insist("lease_callbacks", request, pb.LeaseCallbacksResponse)
            again = {lease.lease_token for lease in response.leases}
            # A commit that was told to have failed may have granted more: of those only a repetition tells.
            if again & first and again - first and not self.weather().bad_commits:
                self.findings.append(f"a repeated poll was granted {len(again - first)} more leases")
        for lease in response.leases:
            call = asyncio.create_task(Call(self, lease).make())
            self._calls[call] = None
            call.add_done_callback(self._end)

    def _end(self, call: "asyncio.Task[None]") -> None:
        self._calls.pop(call)
        if not call.cancelled() and (fault := call.exception()) is not None:
            self.findings.append(f"a call failed: {fault!r}")

    async def insist(self, method: str, request: Message, response_type: type[R]) -> R:
        return await insist(self.network, self.dice, method, request, response_type)


class Call:
    """What a dialer does with one lease."""

    def __init__(self, dialer: Dialer, lease: pb.Lease) -> None:
        self._dialer = dialer
        self._dice = dialer.dice
        self._token = lease.lease_token
        self._callback = lease.callback
        self._ring_timeout_s = lease.ring_timeout.ToNanoseconds() / 1e9
        self._ringing: Ringing | None = None
        # Until then the lease can be relied on, so the dialer hangs up by then, whatever it waits for.
        self._deadline_s = _now() + lease.time_to_live.ToNanoseconds() / 1e9 - _MARGIN_S
        dialer.returned.append(lease.callback)

    async def make(self) -> None:
        try:
            await self._make()
        except Refused as refusal:
            self._dialer.ends[refusal.reason] += 1
            if refusal.reason in _LOST:
                await self._judge_loss()
            else:
                self._dialer.findings.append(f"{self._callback.callback_id}: {refusal.reason} {refusal}")
        except TimeoutError:
            self._dialer.ends["too late"] += 1  # its lease may be over: it hangs up, and says no more
        except asyncio.CancelledError:
            if self._ringing is not None:  # the dialer is lost, and the phone rings on
                self._ringing.end_s = min(_now(), self._deadline_s) + self._ring_timeout_s
                self._ringing = None
            raise
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._ringing is not None:
            self._ringing.end_s = min(self._ringing.end_s, _now())
            self._ringing = None

    def _keep_until(self, deadline_s: float) -> None:
        self._deadline_s = max(self._deadline_s, deadline_s)
        if self._ringing is not None:
            self._ringing.end_s = self._deadline_s

    async def _make(self) -> None:
        if self._dice.random() < _DECLINES:
            request = pb.ReleaseLeasesRequest(lease_tokens=[self._token])
            await self._dialer.insist("release_leases", request, pb.ReleaseLeasesResponse)
            self._dialer.ends["declined"] += 1
            return
        await self._be_silent()
        self._callback = await self._report(pb.ATTEMPT_PROGRESS_DIALING)
        if self._callback.state == CANCELLING:
            await self._end(cb.CALL_OUTCOME_NO_ANSWER)  # nothing was dialled
            return
        self._check_time()
        self._ringing = self._dialer.phones.ring(phone_of(self._callback), self._callback.callback_id, self._deadline_s)
        await self._talk()

    async def _talk(self) -> None:
        [outcome] = self._dice.choices(list(_ENDS), list(_ENDS.values()))
        answered = outcome in (cb.CALL_OUTCOME_ANSWERED, cb.CALL_OUTCOME_MACHINE)
        if self._dice.random() < 0.3:
            await self._report(pb.ATTEMPT_PROGRESS_RINGING)
        cancelled = await self._last(self._dice.uniform(0, 2))
        await self._be_silent()
        if not cancelled and answered and self._dice.random() < 0.8:
            connected = await self._report(pb.ATTEMPT_PROGRESS_CONNECTED)
            self._dialer.returned.append(connected)
            cancelled = await self._last(self._dice.uniform(0, 4))
            await self._be_silent()
        if cancelled and self._dice.random() < 0.8 and outcome != cb.CALL_OUTCOME_ANSWERED:
            outcome = cb.CALL_OUTCOME_NO_ANSWER if not answered else outcome
        self._check_time()
        self._hang_up()
        await self._end(outcome)

    async def _last(self, seconds: float) -> bool:
        """Let the call last so long, keeping the lease; return whether it is to be hung up. Raise `TimeoutError`."""
        end_s = _now() + seconds
        while (left_s := end_s - _now()) > 0:
            await asyncio.sleep(min(left_s, _LEASE_S / 3))
            begun_s = _now()
            request = pb.ExtendLeasesRequest(lease_tokens=[self._token], lease_duration=Duration(seconds=_LEASE_S))
            try:
                [kept] = (await self._dialer.network.call("extend_leases", request, pb.ExtendLeasesResponse)).results
            except Unreachable:
                self._check_time()
                continue
            if kept.lost_reason:
                await self._judge_loss()
                raise TimeoutError
            self._keep_until(begun_s + _LEASE_S - _MARGIN_S)
            if kept.cancel_requested:
                return True
        return False

    async def _judge_loss(self) -> None:
        """Check that the lease has run out, or that it was lost because its callback was ended."""
        if _now() > self._deadline_s or not self._dialer.keeps_leases:
            return
        request = callbacks_pb.GetCallbackRequest(key=by_id(self._callback.callback_id))
        callback = (await self._dialer.insist("get_callback", request, callbacks_pb.GetCallbackResponse)).callback
        if callback.state not in (CANCELLED, EXPIRED):
            self._dialer.findings.append(
                f"{callback.callback_id}: a lease that has not run out is lost, at revision {callback.revision} in "
                f"{cb.CallbackState.Name(callback.state)}"
            )

    async def _be_silent(self) -> None:
        """Now and then, hang until the lease is over. What rings does so until nobody keeps it up."""
        if self._dice.random() < self._dialer.weather().silences:
            if self._ringing is not None:
                self._ringing.end_s = self._deadline_s + self._ring_timeout_s
            await asyncio.sleep(_LEASE_S + self._dice.uniform(0, 3))

    def _check_time(self) -> None:
        if _now() > self._deadline_s:
            raise TimeoutError

    async def _report(self, progress: "pb.AttemptProgress.ValueType") -> cb.Callback:
        request = pb.ReportProgressRequest(lease_token=self._token, progress=progress)
        together = pb.ReportAttemptsRequest(reports=[pb.AttemptReport(progress=request)] * 2, include_callbacks=True)
        begun_s = _now()
        while True:
            try:
                if self._dialer.reports_together:
                    response = await self._dialer.network.call("report_attempts", together, pb.ReportAttemptsResponse)
                    callback = [_taken(result) for result in response.results][-1].callback
                else:
                    alone = await self._dialer.network.call("report_progress", request, pb.ReportProgressResponse)
                    callback = alone.callback
            except Unreachable:
                self._check_time()
                await asyncio.sleep(self._dice.uniform(0.05, 0.5))
                continue
            # It extends the lease when it is taken for the first time, which may be that of a response that was lost.
            self._keep_until(begun_s + _LEASE_S - _MARGIN_S)
            self._dialer.returned.append(callback)
            if self._dice.random() >= _REPEATS:
                return callback

    async def _end(self, outcome: "cb.CallOutcome.ValueType") -> None:
        request = pb.ReportOutcomeRequest(lease_token=self._token, outcome=outcome)
        if self._dialer.reports_together:
            await self._end_together(request)
            return
        response = await self._dialer.insist("report_outcome", request, pb.ReportOutcomeResponse)
        self._dialer.returned.append(response.callback)
        self._dialer.ends[cb.CallOutcome.Name(outcome).removeprefix("CALL_OUTCOME_")] += 1
        if outcome not in [attempt.outcome for attempt in response.callback.attempts]:
            self._dialer.findings.append(f"{self._callback.callback_id}: an outcome was taken, and not recorded")
        if self._dice.random() < _REPEATS:
            again = await self._dialer.insist("report_outcome", request, pb.ReportOutcomeResponse)
            if not again.replayed:
                self._dialer.findings.append(f"{self._callback.callback_id}: an outcome was taken twice")

    async def _end_together(self, report: pb.ReportOutcomeRequest) -> None:
        """Report the outcome twice in one call."""
        request = pb.ReportAttemptsRequest(reports=[pb.AttemptReport(outcome=report)] * 2, include_callbacks=True)
        response = await self._dialer.insist("report_attempts", request, pb.ReportAttemptsResponse)
        _, again = (_taken(result) for result in response.results)
        self._dialer.returned.append(again.callback)
        self._dialer.ends[cb.CallOutcome.Name(report.outcome).removeprefix("CALL_OUTCOME_")] += 1
        if not again.replayed or report.outcome not in [attempt.outcome for attempt in again.callback.attempts]:
            self._dialer.findings.append(f"{self._callback.callback_id}: an outcome was taken twice, or not recorded")


def _taken(result: pb.AttemptReportResult) -> pb.AttemptReportResult:
    """Raise `Refused` for a report that was not taken."""
    if result.HasField("error"):
        raise Refused(_REFUSALS[refusal_in(result.error).reason]("", result.error.message))
    return result


class Fleet:
    """All dialers, each of which is started anew when it was lost."""

    def __init__(
        self, network: Network, phones: Phones, dice: random.Random, weather: Callable[[], Weather], worst: Weather
    ) -> None:
        """`weather` is that of now, `worst` that of the storm."""
        self.lives: list[Dialer] = []
        keeps_leases = not worst.service_changes and not worst.clock_steps
        self._make = partial(
            Dialer, network=network, phones=phones, dice=dice, weather=weather, keeps_leases=keeps_leases
        )
        self._dice = dice
        self._current = [self._start(f"d{number}") for number in range(dice.choice((1, 2, 3)))]

    def lose_one(self) -> None:
        place = self._dice.randrange(len(self._current))
        self._current[place].crash()
        self._current[place] = self._start(f"d{place}")

    def end(self) -> None:
        for dialer in self._current:
            dialer.crash()

    @property
    def findings(self) -> Sequence[str]:
        return [finding for dialer in self.lives for finding in dialer.findings]

    @property
    def returned(self) -> Sequence[cb.Callback]:
        return [callback for dialer in self.lives for callback in dialer.returned]

    def _start(self, name: str) -> Dialer:
        dialer = self._make(name)
        self.lives.append(dialer)
        dialer.start()
        return dialer


def _now() -> float:
    return asyncio.get_running_loop().time()
