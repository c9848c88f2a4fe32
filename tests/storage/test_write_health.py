"""A database that cannot be used is told of at once and once; that it can be used again is proven, not assumed."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable

import pytest

from ringback.domain.errors import StorageFault, StorageUnavailable
from ringback.ports.store import Store
from ringback.storage import write_health
from ringback.storage.write_health import LARGEST_PROOF, HealthCheck, WriteHealth

FULL = StorageUnavailable("the database did not take the request: the disk is full\nDETAIL: tel:+41…")
DAMAGED = StorageUnavailable("a page is torn", fault=StorageFault.DAMAGE)
RIVALS = StorageUnavailable("others were faster", fault=StorageFault.RIVALRY)
MEGABYTE = 1024 * 1024


@pytest.fixture
def health() -> WriteHealth:
    return WriteHealth()


@pytest.fixture
def told(health: WriteHealth) -> list[bool]:
    told: list[bool] = []
    health.listen(told.append)
    return told


# --- What is remembered ------------------------------------------------------------------------------------------


def test_an_outage_is_told_once_and_its_end_too(
    health: WriteHealth, told: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(40):
        health.refuse(FULL, MEGABYTE)
    assert told == [False]
    for _ in range(2):
        health.prove(health.proof_bytes, health.faults)
    assert told == [False, True]
    assert caplog.messages == [
        "the database does not take writes: the disk is full",
        "the database takes writes again",
    ]


def test_what_is_smaller_than_what_was_refused_proves_nothing(health: WriteHealth) -> None:
    health.refuse(FULL, 1)
    small = health.proof_bytes
    health.refuse(FULL, MEGABYTE)
    health.prove(small, health.faults)
    assert not health.is_good
    assert health.proof_bytes > MEGABYTE
    health.prove(health.proof_bytes, health.faults)
    assert health.is_good
    assert health.proof_bytes == small - 1  # what the next outage asks for is its own


def test_a_proof_has_a_bound(health: WriteHealth) -> None:
    health.refuse(FULL, 1000 * MEGABYTE)
    assert health.proof_bytes == LARGEST_PROOF


def test_a_write_that_is_refused_meanwhile_counts_more_than_the_proof(health: WriteHealth) -> None:
    health.refuse(FULL, 1)
    proof = (health.proof_bytes, health.faults)
    health.refuse(FULL, 1)
    health.prove(*proof)
    assert not health.is_good


def test_damage_does_not_go_away(health: WriteHealth, told: list[bool], caplog: pytest.LogCaptureFixture) -> None:
    """Else health would turn on and off whenever a write needs the page."""
    for _ in range(2):
        health.refuse(DAMAGED, 1)
        health.prove(LARGEST_PROOF, health.faults)
    assert told == [False]
    assert caplog.messages == [
        "the database is damaged: a page is torn",
        "the database does not take writes: a page is torn",
    ]
    assert caplog.records[0].levelno == logging.CRITICAL


def test_rivals_are_no_outage(health: WriteHealth) -> None:
    health.refuse(RIVALS, 1)
    assert health.is_good


# --- The look ----------------------------------------------------------------------------------------------------


class FlakyDatabase:
    """Answers, and takes writes, as long as it is told to; `pending` is what it was asked and did not answer."""

    def __init__(self) -> None:
        self.fault: StorageUnavailable | None = None
        self.hangs = False
        self.pending = 0
        self.written: list[int] = []
        self.busy_s = 0.0
        self._goes_on = asyncio.Event()

    async def ask(self) -> None:
        if self.hangs:
            self.pending += 1
            await self._goes_on.wait()
            self.pending -= 1
        if self.fault is not None:
            raise self.fault

    async def write(self, size: int) -> None:
        await self.ask()
        self.written.append(size)

    def go_on(self) -> None:
        self.hangs = False
        self._goes_on.set()


@pytest.fixture
def flaky() -> FlakyDatabase:
    return FlakyDatabase()


@pytest.fixture
def check(health: WriteHealth, flaky: FlakyDatabase, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Awaitable[None]]:
    monkeypatch.setattr(write_health, "PATIENCE_S", 0.01)
    return HealthCheck(health, ask=flaky.ask, write=flaky.write, busy_s=lambda: flaky.busy_s).run


async def test_nothing_is_written_while_all_is_well(
    check: Callable[[], Awaitable[None]], health: WriteHealth, flaky: FlakyDatabase
) -> None:
    await check()
    assert health.is_good
    assert flaky.written == []


async def test_a_proof_is_as_large_as_what_was_refused(
    check: Callable[[], Awaitable[None]], health: WriteHealth, flaky: FlakyDatabase
) -> None:
    health.refuse(FULL, MEGABYTE)
    await check()
    assert health.is_good
    assert flaky.written[0] > MEGABYTE


@pytest.mark.parametrize("fault", [FULL, None])
async def test_a_database_that_does_not_answer(
    fault: StorageUnavailable | None, check: Callable[[], Awaitable[None]], health: WriteHealth, flaky: FlakyDatabase
) -> None:
    """It refuses the question or hangs in its disk; then one question waits, and not one more each second."""
    flaky.fault, flaky.hangs = fault, fault is None
    for _ in range(3):
        await check()
        assert not health.is_good
    assert flaky.pending <= 1
    flaky.fault = None
    flaky.go_on()
    await check()
    assert health.is_good


async def test_a_question_that_a_stop_leaves_behind_is_no_bug_in_the_log(
    health: WriteHealth, caplog: pytest.LogCaptureFixture
) -> None:
    """The database is closed while the question is under way, and nobody waits for its answer any more."""
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()

    async def ask() -> object:
        asked.set()
        return await answer

    async def check() -> None:
        await HealthCheck(health, ask=ask, write=FlakyDatabase().write, busy_s=lambda: 0.0).run()

    checking = asyncio.create_task(check())
    await asked.wait()
    checking.cancel()
    await asyncio.wait([checking])
    del checking
    answer.set_exception(StorageUnavailable("the database is closed"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    assert caplog.records == []


async def test_a_proof_that_hangs(health: WriteHealth, flaky: FlakyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """One waits, and not one more each second; when it is there after all, it proves what it set out to prove."""
    monkeypatch.setattr(write_health, "PATIENCE_S", 0.01)
    check = HealthCheck(health, ask=FlakyDatabase().ask, write=flaky.write, busy_s=lambda: 0.0)
    health.refuse(FULL, 1)
    flaky.hangs = True
    for _ in range(3):
        await check.run()
        assert not health.is_good
    assert flaky.pending == 1
    flaky.go_on()
    await check.run()
    assert health.is_good
    assert len(flaky.written) == 1


async def test_a_write_that_hangs(
    check: Callable[[], Awaitable[None]], health: WriteHealth, flaky: FlakyDatabase
) -> None:
    flaky.busy_s = 60.0
    for _ in range(2):
        await check()
        assert not health.is_good
    flaky.busy_s = 0.0
    await check()
    assert health.is_good


# --- A real database ---------------------------------------------------------------------------------------------


async def test_every_database_can_show_that_it_is_well(store: Store) -> None:
    """Nobody sends a request, and nothing is left of the proof."""
    told: list[bool] = []
    store.listen_health(told.append)
    health: WriteHealth = store._writer.health  # type: ignore[attr-defined]
    health.refuse(FULL, 3 * MEGABYTE)
    assert told == [False]
    assert not store.healthy
    await store.check_health()
    assert store.healthy
    assert told == [False, True]
    assert await store.calls_of_callbacks([""]) == []
    assert (await store.history()).newest == 0


async def test_a_small_write_does_not_make_a_database_healthy(store: Store) -> None:
    store._writer.health.refuse(FULL, MEGABYTE)  # type: ignore[attr-defined]
    assert await store.probe()
    assert not store.healthy
