"""When to flush: as a table, and played against a server with one event loop and a disk, in a time of its own."""

import heapq
import random
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from statistics import fmean, median
from typing import NamedTuple

import pytest

from ringback.storage.crowd import AT_ONCE, Crowd

# --- As a table ------------------------------------------------------------------------------------------------

FAST_S, SLOW_S = 0.000_3, 0.005


def crowd(writers: int, flush_s: float) -> Crowd:
    """Return a crowd of so many after many such flushes, the last of which began at 10."""
    seen = Crowd()
    for _ in range(500):
        seen = seen.flushed(10.0, flush_s, 1, writers - 1)
    return seen


@pytest.mark.parametrize(
    ("seen", "waiting", "rows", "until"),
    [
        pytest.param(Crowd(), 1, 1, AT_ONCE, id="the first of all"),
        pytest.param(crowd(1, FAST_S), 1, 1, AT_ONCE, id="one that is alone"),
        pytest.param(crowd(1, SLOW_S), 1, 1, AT_ONCE, id="one that is alone, on a slow disk"),
        pytest.param(crowd(2, FAST_S), 1, 1, AT_ONCE, id="one of two"),
        pytest.param(crowd(2, FAST_S), 2, 2, 10.001, id="two, 1 ms apart"),
        pytest.param(crowd(16, FAST_S), 11, 11, 10.0032, id="of sixteen, eleven wait for one more"),
        pytest.param(crowd(16, FAST_S), 12, 12, AT_ONCE, id="of sixteen, twelve are enough"),
        pytest.param(crowd(16, FAST_S), 1, 1, 10.0032, id="of sixteen, one waits for the others"),
        pytest.param(crowd(64, FAST_S), 50, 50, 10.005, id="no crowd is waited for longer"),
        pytest.param(crowd(64, FAST_S), 51, 51, AT_ONCE, id="of sixty-four, fifty-one are enough"),
        pytest.param(crowd(256, FAST_S), 64, 64, AT_ONCE, id="of a large crowd, plenty"),
        pytest.param(crowd(16, FAST_S), 1, 100, AT_ONCE, id="one that brings plenty"),
        pytest.param(crowd(16, SLOW_S), 1, 1, AT_ONCE, id="the disk is what is waited for"),
        pytest.param(crowd(16, SLOW_S), 8, 8, 10.001, id="the disk is what is waited for, by several"),
        pytest.param(crowd(64, SLOW_S), 32, 32, 10.001, id="also by many: over by the end of the flush"),
    ],
)
def test_until_when_to_wait(seen: Crowd, waiting: int, rows: int, until: float) -> None:
    assert seen.flush_at(waiting, rows) == pytest.approx(until)


def test_a_crowd_that_has_gone_is_waited_for_once() -> None:
    seen = crowd(64, FAST_S)
    assert seen.flush_at(1, 1) > AT_ONCE
    assert seen.flushed(11.0, FAST_S, 1, 0).flush_at(1, 1) == AT_ONCE


def test_what_a_flush_waits_for_beside_the_disk_makes_no_slow_disk() -> None:
    """On a busy machine, one flush in ten meets nothing but the disk."""
    seen = crowd(64, FAST_S)
    for flush in range(100):
        seen = seen.flushed(11.0, SLOW_S if flush % 10 else FAST_S, 51, 13)
        assert seen.flush_at(13, 13) == pytest.approx(11.005)


def test_a_disk_that_becomes_slow_is_known_within_a_hundred_flushes() -> None:
    seen = crowd(64, FAST_S)
    for _ in range(100):
        seen = seen.flushed(11.0, SLOW_S, 32, 32)
    assert seen.flush_at(32, 32) == pytest.approx(11.001)
    assert seen.flushed(12.0, FAST_S, 32, 32).flush_at(32, 32) == pytest.approx(12.005)


# --- Against a server ------------------------------------------------------------------------------------------

# Creates on a machine of two cores: before the write and after it, on the event loop; a transaction, half of it there
# and half on the writer's thread; a row.
READ_S, ANSWER_S = 0.000_09, 0.000_07
TRANSACTION_S, ROW_S = 0.000_5, 0.000_015
NETWORK_S = 0.000_06
PLAYED_S = 0.4

# Gets what was seen, how many wait, and the time; returns until when to wait.
Policy = Callable[[Crowd, int], float]


def at_once(_: Crowd, __: int) -> float:
    return AT_ONCE


def spaced(seen: Crowd, waiting: int) -> float:
    """Return what was done before crowds were known."""
    return AT_ONCE if waiting == 1 else seen.begun + (0.001 if waiting < 32 else 0.002)


def crowded(seen: Crowd, waiting: int) -> float:
    return seen.flush_at(waiting, waiting)


class Played(NamedTuple):
    per_s: float
    median_s: float
    p99_s: float
    # Writers per transaction.
    shared: float


class ServerOfOneLoop:
    """An event loop that does one thing after the other, and a disk beside it."""

    def __init__(self, policy: Policy, flush_s: float) -> None:
        self._policy, self._disk_s = policy, flush_s
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._ready: deque[tuple[float, Callable[[], None]]] = deque()
        self._is_busy = False
        self._crowd = Crowd(flush_s=flush_s)  # it has been there for a while
        # When each asked, and what happens when it has its answer.
        self._waiting: list[tuple[float, Callable[[], None]]] = []
        self._writing: list[tuple[float, Callable[[], None]]] = []
        self._latencies: list[float] = []
        self._shared: list[int] = []

    def play(self) -> Played:
        while self._events and self._events[0][0] < PLAYED_S:
            self._now, _, event = heapq.heappop(self._events)
            event()
        return Played(
            len(self._latencies) / PLAYED_S,
            median(self._latencies),
            sorted(self._latencies)[len(self._latencies) * 99 // 100],
            fmean(self._shared),
        )

    def come(self, at: float, again: bool) -> None:
        """Have a request come then, and another after each answer."""

        def ask() -> None:
            asked = self._now
            answered = (lambda: self.come(self._now + NETWORK_S, again)) if again else (lambda: None)
            self._run(READ_S, lambda: self._submit(asked, answered))

        self._at(at, ask)

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def _run(self, takes_s: float, step: Callable[[], None], *, next_of_all: bool = False) -> None:
        (self._ready.appendleft if next_of_all else self._ready.append)((takes_s, step))
        if not self._is_busy:
            self._go_on()

    def _go_on(self) -> None:
        self._is_busy = bool(self._ready)
        if self._ready:
            takes_s, step = self._ready.popleft()
            self._at(self._now + takes_s, partial(self._do, step))

    def _do(self, step: Callable[[], None]) -> None:
        step()
        self._go_on()

    def _submit(self, asked: float, answered: Callable[[], None]) -> None:
        self._waiting.append((asked, answered))
        self._look()

    def _look(self) -> None:
        if self._waiting and not self._writing:
            until = self._policy(self._crowd, len(self._waiting))
            if until <= self._now:
                self._writing, self._waiting = self._waiting, []
                self._run(TRANSACTION_S / 4, self._flush, next_of_all=True)
            else:
                self._at(until, self._look)

    def _flush(self) -> None:
        begun, written = self._now, len(self._writing)
        self._shared.append(written)

        def end() -> None:
            self._crowd = self._crowd.flushed(begun, self._disk_s, written, len(self._waiting))
            for asked, answered in self._writing:
                self._run(ANSWER_S, partial(self._answer, asked, answered))
            self._writing = []
            self._look()

        takes_s = TRANSACTION_S / 2 + written * ROW_S + self._disk_s
        self._at(begun + takes_s, lambda: self._run(TRANSACTION_S / 4, end, next_of_all=True))

    def _answer(self, asked: float, answered: Callable[[], None]) -> None:
        self._latencies.append(self._now - asked)
        answered()


@cache
def loop_of(policy: Policy, writers: int, flush_s: float) -> Played:
    """Play writers that each write again when they have their answer."""
    dice = random.Random(1)
    server = ServerOfOneLoop(policy, flush_s)
    for _ in range(writers):
        server.come(dice.random() / 1000, again=True)
    return server.play()


def stream_of(policy: Policy, per_s: float, flush_s: float) -> Played:
    """Play writers that come when they like."""
    dice = random.Random(2)
    server = ServerOfOneLoop(policy, flush_s)
    at = 0.0
    while (at := at + dice.expovariate(per_s)) < PLAYED_S:
        server.come(at, again=False)
    return server.play()


def bursts_of(policy: Policy, writers: int, flush_s: float) -> Played:
    """Play four bursts: so many come at once, and then nobody."""
    server = ServerOfOneLoop(policy, flush_s)
    for burst in range(4):
        for _ in range(writers):
            server.come(burst / 10, again=False)
    return server.play()


DISKS_S = [pytest.param(0.000_05, id="fast"), pytest.param(0.001, id="1 ms"), pytest.param(0.005, id="5 ms")]


@pytest.mark.parametrize("flush_s", DISKS_S)
@pytest.mark.parametrize("writers", [1, 2])
def test_who_is_nearly_alone_never_waits(writers: int, flush_s: float) -> None:
    assert loop_of(crowded, writers, flush_s) == loop_of(at_once, writers, flush_s)


@pytest.mark.parametrize("flush_s", DISKS_S)
@pytest.mark.parametrize("per_s", [20, 100, 500])
def test_who_comes_now_and_then_waits_no_longer_than_before(per_s: int, flush_s: float) -> None:
    now, before = stream_of(crowded, per_s, flush_s), stream_of(spaced, per_s, flush_s)
    assert now.median_s < 1.05 * before.median_s
    assert now.p99_s < 1.1 * before.p99_s


@pytest.mark.parametrize("flush_s", DISKS_S)
@pytest.mark.parametrize("writers", [4, 8, 16, 64, 256])
def test_a_loop_is_not_slower_than_before(writers: int, flush_s: float) -> None:
    assert loop_of(crowded, writers, flush_s).per_s > 0.97 * loop_of(spaced, writers, flush_s).per_s


@pytest.mark.parametrize(("writers", "shared", "gain"), [(16, 10, 1.1), (64, 15, 1.15), (256, 10, 1.0)])
def test_a_crowd_shares_transactions(writers: int, shared: int, gain: float) -> None:
    now, before = loop_of(crowded, writers, 0.000_05), loop_of(spaced, writers, 0.000_05)
    assert now.shared > shared > before.shared
    assert now.per_s > gain * before.per_s
    assert now.median_s < before.median_s


@pytest.mark.parametrize("flush_s", DISKS_S)
@pytest.mark.parametrize("writers", [2, 16, 64])
def test_of_a_burst_only_the_last_wait_for_those_who_do_not_come_back(writers: int, flush_s: float) -> None:
    now, before = bursts_of(crowded, writers, flush_s), bursts_of(spaced, writers, flush_s)
    assert now.median_s < 1.1 * before.median_s
    assert now.p99_s < before.p99_s + 0.002
