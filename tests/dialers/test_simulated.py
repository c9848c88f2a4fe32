"""What the simulated dialer does for a target, without leases or a store."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from ringback.dialers.simulated import SCRIPT, SimulatedDialer, scripted
from ringback.domain.callback import Callback
from ringback.domain.events import BecameDue
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport
from tests.world import samples

NEVER = timedelta(hours=1)
AT_ONCE = timedelta(0)


class NotedCall:
    """A call that notes what is reported, and is hung up after the named report."""

    superseded = False

    def __init__(self, target: str, hang_up_after: str = "") -> None:
        self.hang_up = asyncio.Event()
        self.reports: list[str] = []
        self.offered = samples.offer(samples.new(target=target, max_retries=3))
        self._last = hang_up_after

    async def place(self, dialer: SimulatedDialer) -> OutcomeReport:
        async with asyncio.timeout(5):
            return await dialer.place(self.offered, samples.SERVICE, self)

    async def dialing(self, call_ids: Sequence[str] = ()) -> Callback:
        assert not call_ids
        self._note("dialing")
        return samples.dial(self.offered)

    async def keep(self, body: bytes) -> None:
        raise AssertionError(body)

    def judge_address(self, address: str) -> str:
        raise AssertionError(address)

    async def ringing(self) -> None:
        self._note("ringing")

    async def connected(self) -> None:
        self._note("connected")

    def _note(self, report: str) -> None:
        self.reports.append(report)
        if report == self._last:
            self.hang_up.set()


def dialed(target: str) -> Callback:
    """Return a callback whose first attempt has just begun."""
    return samples.dial(samples.offer(samples.new(target=target, max_retries=3)))


def dialed_again(callback: Callback) -> Callback:
    waiting = after(callback, samples.ending(Outcome.BUSY))
    assert waiting.next_attempt_time is not None
    return samples.dial(samples.offer(after(waiting, BecameDue(at=waiting.next_attempt_time))))


@pytest.mark.parametrize("word", SCRIPT)
async def test_a_word_of_the_script(word: str) -> None:
    call = NotedCall(f"sip:{word}@sim.example")
    report = await call.place(SimulatedDialer(ring=AT_ONCE, talk=AT_ONCE))
    assert report == SCRIPT[word]
    assert call.reports == {
        "answer": ["dialing", "ringing", "connected"],
        "machine": ["dialing", "ringing", "connected"],
        "no-answer": ["dialing", "ringing"],
        "declined": ["dialing", "ringing"],
    }.get(word, ["dialing"])


async def test_a_hang_up_while_the_phone_rings() -> None:
    call = NotedCall("sip:answer@sim.example", hang_up_after="ringing")
    report = await call.place(SimulatedDialer(ring=NEVER, talk=NEVER))
    assert (report.outcome, call.reports) == (Outcome.NO_ANSWER, ["dialing", "ringing"])


async def test_a_hang_up_that_comes_too_late() -> None:
    call = NotedCall("sip:answer@sim.example", hang_up_after="connected")
    report = await call.place(SimulatedDialer(ring=AT_ONCE, talk=NEVER))
    assert (report.outcome, call.reports) == (Outcome.ANSWERED, ["dialing", "ringing", "connected"])


@pytest.mark.parametrize(
    ("target", "outcomes"),
    [
        (
            "sip:busy.no-answer.answer@sim.example",
            [Outcome.BUSY, Outcome.NO_ANSWER, Outcome.ANSWERED, Outcome.ANSWERED],
        ),
        ("sip:unknown.busy@sim.example", [Outcome.ANSWERED, Outcome.BUSY, Outcome.BUSY, Outcome.BUSY]),
        ("tel:+41785556677", [Outcome.ANSWERED] * 4),
    ],
)
def test_each_attempt_has_its_word_and_the_last_one_repeats(target: str, outcomes: list[Outcome]) -> None:
    callback = dialed(target)
    played = [scripted(callback).outcome]
    while len(played) < len(outcomes):
        callback = dialed_again(callback)
        played.append(scripted(callback).outcome)
    assert played == outcomes
