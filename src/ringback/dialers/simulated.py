"""A dialer that places no calls: it plays a script that the target's user part spells out.

`sip:busy.no-answer.answer@sim.example` is busy at the first attempt, does not answer the second, and answers the
third and all that follow. Every `tel:` target, and every word that is not in `SCRIPT`, answers.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from ringback.domain.callback import Callback
from ringback.domain.outcome import UNSERVED, Outcome
from ringback.domain.service import Service
from ringback.domain.target import user_part
from ringback.ports.dialer import Call, OutcomeReport

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
# Outcomes of calls that never ring.
_SILENT = frozenset(
    {
        Outcome.BUSY,
        Outcome.UNREACHABLE,
        Outcome.NETWORK_FAILURE,
        Outcome.INVALID_NUMBER,
        Outcome.BLOCKED,
    }
)
_CONNECTED = UNSERVED | {Outcome.ANSWERED}


def scripted(callback: Callback) -> OutcomeReport:
    """Return the outcome of the current (or next) attempt: the script's word for it, the last one repeating."""
    words = user_part(callback.dial_target).split(".")
    number = max(len(callback.attempts), 1)
    return SCRIPT.get(words[min(number, len(words)) - 1], ANSWER)


@dataclass(frozen=True, slots=True)
class SimulatedDialer:
    """A `Dialer` that plays scripts. `ring` is how long a phone rings, `talk` how long a conversation lasts."""

    ring: timedelta
    talk: timedelta
    name: str = "simulated"
    owner: str = ""
    drain_timeout_s: float = 0.0

    async def place(self, callback: Callback, service: Service, call: Call) -> OutcomeReport:  # noqa: ARG002
        report = scripted(await call.dialing())
        if report.outcome in _SILENT:
            return report
        await call.ringing()
        await _pass_time(self.ring, call.hang_up)
        if call.hang_up.is_set():
            return SCRIPT["no-answer"]
        if report.outcome in _CONNECTED:
            await call.connected()
            await _pass_time(self.talk, call.hang_up)
        return report

    async def resume(self, *_: object) -> OutcomeReport:
        raise AssertionError("nothing is kept of a call that is only played")

    def drain(self) -> None:
        """Let the scripts end."""


async def _pass_time(span: timedelta, hang_up: asyncio.Event) -> None:
    """Let time pass, unless the call is hung up first."""
    with suppress(TimeoutError):
        async with asyncio.timeout(span.total_seconds()):
            await hang_up.wait()
