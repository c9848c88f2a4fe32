"""A dialer that phones nobody: it plays a script that the target's user part spells out.

`sip:busy.no-answer.answer@sim.example` is busy at the first attempt, does not answer the second, and answers the
third and all that follow. Every `tel:` target, and every word that is not in `SCRIPT`, answers. It goes through
the same leases and reports as a dialer that is real.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from ringback.application.dispatch.assigner import MAX_LEASES, Assigner, LeaseRequest
from ringback.application.dispatch.leases import Leases, OutcomeReport
from ringback.domain.callback import Callback
from ringback.domain.errors import LeaseRefused, StorageUnavailable
from ringback.domain.outcome import UNSERVED, Outcome
from ringback.domain.target import user_part

_log = logging.getLogger(__name__)

DIALER_ID = "ringback.simulated"
# Calls at once, over all services: one coroutine each.
MAX_CALLS = 1000
_POLL_S = 20.0
_RETRY_S = 1.0

ANSWER = OutcomeReport(outcome=Outcome.ANSWERED, sip_status=200, q850_cause=16)
# The SIP response and Q.850 cause that a network would give.
SCRIPT: Mapping[str, OutcomeReport] = MappingProxyType(
    {
        "answer": ANSWER,
        "busy": OutcomeReport(outcome=Outcome.BUSY, sip_status=486, q850_cause=17),
        "no-answer": OutcomeReport(outcome=Outcome.NO_ANSWER, sip_status=487, q850_cause=19),
        "declined": OutcomeReport(outcome=Outcome.DECLINED, sip_status=603, q850_cause=21),
        "unreachable": OutcomeReport(outcome=Outcome.UNREACHABLE, sip_status=480, q850_cause=20),
        "network-failure": OutcomeReport(outcome=Outcome.NETWORK_FAILURE, sip_status=503, q850_cause=41),
        "machine": OutcomeReport(outcome=Outcome.MACHINE, sip_status=200, q850_cause=16),
        "invalid": OutcomeReport(outcome=Outcome.INVALID_NUMBER, sip_status=404, q850_cause=1),
        "blocked": OutcomeReport(outcome=Outcome.BLOCKED, sip_status=607, q850_cause=21),
    }
)
# What never gets as far as ringing.
_SILENT = frozenset(
    {
        Outcome.BUSY,
        Outcome.UNREACHABLE,
        Outcome.NETWORK_FAILURE,
        Outcome.INVALID_NUMBER,
        Outcome.BLOCKED,
    }
)
_ANSWERING = UNSERVED | {Outcome.ANSWERED}


@dataclass(frozen=True, slots=True)
class SimulatedSettings:
    """How long a simulated phone rings, and how long a simulated conversation lasts."""

    ring: timedelta = timedelta(seconds=0.5)
    talk: timedelta = timedelta(seconds=1)
    lease: timedelta = timedelta(seconds=30)


def scripted(callback: Callback) -> OutcomeReport:
    """What happens at the attempt that is under way (or comes next): the script's word for it, the last repeating."""
    words = user_part(callback.dial_target).split(".")
    number = max(len(callback.attempts), 1)
    return SCRIPT.get(words[min(number, len(words)) - 1], ANSWER)


class SimulatedDialer:
    """Takes leases while it runs. `stop()` lets it finish its calls; cancelling `run()` cuts them off."""

    def __init__(
        self, granting: Assigner, dispatch: Leases, settings: SimulatedSettings, dialer_id: str = DIALER_ID
    ) -> None:
        self.dialer_id = dialer_id
        self._assigner = granting
        self._leases = dispatch
        self._settings = settings
        self._free = MAX_CALLS
        self._freed = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Take no new leases; `run()` ends with the last call."""
        self._stopping = True
        self._freed.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as calls:
            while not self._stopping:
                for callback in await self._poll():
                    self._free -= 1
                    calls.create_task(self._call(callback))

    async def _poll(self) -> list[Callback]:
        while self._free == 0 and not self._stopping:
            self._freed.clear()
            await self._freed.wait()
        request = LeaseRequest(
            dialer_id=self.dialer_id,
            max_leases=min(self._free, MAX_LEASES),
            duration=self._settings.lease,
            wait_s=_POLL_S,
        )
        try:
            return list(await self._assigner.lease(request))
        except StorageUnavailable:
            await asyncio.sleep(_RETRY_S)
            return []

    async def _call(self, callback: Callback) -> None:
        try:
            await self._play(callback, callback.lease.token if callback.lease else "")
        except LeaseRefused as refusal:
            _log.info("call of callback %s given up: %s", callback.callback_id, refusal)
        except StorageUnavailable as fault:
            _log.warning("call of callback %s not recorded, its lease will lapse: %s", callback.callback_id, fault)
        finally:
            self._free += 1
            self._freed.set()

    async def _play(self, callback: Callback, token: str) -> None:
        with self._leases.hang_up_signal(callback.callback_id) as hang_up:
            report = scripted(await self._leases.dialing(token))
            if report.outcome not in _SILENT:
                await self._leases.ringing(token)
                await self._wait(token, self._settings.ring, hang_up)
                if hang_up.is_set():
                    report = SCRIPT["no-answer"]
                elif report.outcome in _ANSWERING:
                    await self._leases.connected(token)
                    await self._wait(token, self._settings.talk, hang_up)
            await self._leases.ended(token, report)

    async def _wait(self, token: str, length: timedelta, hang_up: asyncio.Event) -> None:
        """Let time pass, keeping the lease meanwhile; return early when the call is to be hung up."""
        remaining_s = length.total_seconds()
        step_s = self._settings.lease.total_seconds() / 3
        while remaining_s > 0:
            try:
                async with asyncio.timeout(min(remaining_s, step_s)):
                    await hang_up.wait()
                    return
            except TimeoutError:
                remaining_s -= step_s
            if remaining_s > 0:
                [lease] = await self._leases.extend([token], self._settings.lease)
                if lease.lost is not None:
                    raise lease.lost
