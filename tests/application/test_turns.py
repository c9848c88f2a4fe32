"""Turns: who is worked on when, with calls that end when the test says so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from ringback.application.turns import ALONE, ARRIVALS, BULK_ALONE, NEW, RECENT_S, SHARED, CallTurn, Turns
from ringback.domain.errors import ServerDraining


class Calls:
    """Calls of some senders, and the order in which they got in."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns = Turns(lambda: self.now)
        self.inside: list[str] = []
        self.entered: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: dict[str, list[asyncio.Event]] = {}

    def call(self, sender: str, *, account: str = "", bulk: bool = False) -> asyncio.Task[None]:
        """Begin a call of an identity, or on a connection of an account without identities."""
        identity = "" if account else sender
        task = asyncio.create_task(self._call(identity, account or sender, sender, bulk=bulk))
        self._tasks.add(task)
        return task

    async def _call(self, identity: str, account: str, sender: str, *, bulk: bool) -> None:
        await self._work(self.turns.turn(identity, account, sender, bulk=bulk), sender)

    async def _work(self, turn: CallTurn, sender: str) -> None:
        async with turn:
            self.inside.append(sender)
            self.entered.append(sender)
            end = asyncio.Event()
            self._ends.setdefault(sender, []).append(end)
            await end.wait()
            self.inside.remove(sender)

    def over_http1(self, connection: str, *, identity: str = "", account: str = "") -> asyncio.Task[None]:
        """Begin a call on an HTTP/1.1 connection, which carries one at a time."""
        turn = self.turns.turn(identity, account or identity, connection, serial=True)
        task = asyncio.create_task(self._work(turn, connection))
        self._tasks.add(task)
        return task

    def refuse(self, connection: str) -> asyncio.Task[None]:
        """Begin a call that is refused."""
        task = asyncio.create_task(self._work(self.turns.refusal(connection), connection))
        self._tasks.add(task)
        return task

    def end(self, sender: str) -> None:
        """End the oldest call of the sender that is inside."""
        self._ends[sender].pop(0).set()

    async def settle(self) -> None:
        for _ in range(3 * ARRIVALS):
            await asyncio.sleep(0)

    async def single(self, sender: str) -> None:
        """Make a whole call, as a sender of single calls does."""
        self.call(sender)
        await self.settle()
        self.end(sender)
        await self.settle()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def some_calls() -> AsyncIterator[Calls]:
    calls = Calls()
    yield calls
    await calls.close()


async def test_a_sender_that_is_alone_has_many_calls_inside_and_the_others_follow_at_once() -> None:
    async with some_calls() as calls:
        for _ in range(ALONE + 10):
            calls.call("crm")
        await calls.settle()
        assert len(calls.inside) == ALONE
        for _ in range(5):
            calls.end("crm")
        await calls.settle()
        assert len(calls.inside) == ALONE
        assert len(calls.entered) == ALONE + 5


async def test_a_single_call_does_not_wait_behind_a_flood() -> None:
    async with some_calls() as calls:
        for _ in range(2 * ALONE):
            calls.call("flood")
        await calls.settle()
        calls.call("calm")
        await calls.settle()
        assert "calm" in calls.inside


async def test_beside_single_calls_a_flood_has_few_inside() -> None:
    async with some_calls() as calls:
        await calls.single("calm")
        for _ in range(2 * ALONE):
            calls.call("flood")
        await calls.single("calm")
        while len(calls.inside) > SHARED:
            calls.end("flood")
            await calls.settle()
        for _ in range(10):
            calls.end("flood")
            await calls.settle()
            assert len(calls.inside) == SHARED


async def test_a_flood_is_not_slowed_down_any_more_when_the_other_sender_has_gone() -> None:
    async with some_calls() as calls:
        await calls.single("calm")
        calls.call("flood")
        await calls.single("calm")
        for _ in range(100):
            calls.call("flood")
        await calls.settle()
        assert len(calls.inside) == SHARED
        calls.now += RECENT_S
        calls.end("flood")
        await calls.settle()
        assert len(calls.inside) == 100


@pytest.mark.parametrize("senders", [("a", "b"), ("a", "b", "c")])
async def test_those_that_wait_are_taken_by_turns(senders: Sequence[str]) -> None:
    async with some_calls() as calls:
        for _ in range(ALONE + 20):
            calls.call("first")
        await calls.settle()
        for sender in senders:
            for _ in range(11):
                calls.call(sender)
            await calls.settle()
        # One of each was the first of its connection.
        already = len(calls.entered)
        for _ in range(4 * (len(senders) + 1)):
            calls.end("first")
        await calls.settle()
        came = calls.entered[already : already + 3 * (len(senders) + 1)]
        assert {sender: came.count(sender) for sender in ("first", *senders)} == dict.fromkeys(("first", *senders), 3)


async def test_an_account_gets_no_more_turns_with_more_connections() -> None:
    async with some_calls() as calls:
        for _ in range(ALONE + 50):
            calls.call("first")
        await calls.settle()
        for number in range(20):
            for _ in range(3):
                calls.call(f"port {number}", account="192.0.2.1")
        for _ in range(20):
            calls.call("one", account="192.0.2.2")
        await calls.settle()
        assert sum(sender.startswith("port") for sender in calls.inside) == NEW
        already = len(calls.entered)
        for _ in range(40):
            calls.end("first")
        await calls.settle()
        came = calls.entered[already:]
        assert came.count("one") == sum(sender.startswith("port") for sender in came[: 3 * came.count("one")])


async def share(calls: Calls, *senders: str) -> None:
    """Have it known that these senders of single calls are there."""
    for _ in range(2):
        for sender in senders:
            await calls.single(sender)


FLOOD = [f"flood {number}" for number in range(20)]


@pytest.mark.parametrize("with_identities", [True, False], ids=["identities", "none"])
async def test_an_account_with_many_connections_of_http1_is_one_sender(*, with_identities: bool) -> None:
    """Each of them has one call at a time: together they are a flood, and none of them a sender of single calls."""
    who = {"identity": "flood"} if with_identities else {"account": "192.0.2.1"}
    async with some_calls() as calls:
        await share(calls, "calm", "other")
        for connection in FLOOD:
            calls.over_http1(connection, **who)
        await calls.settle()
        assert len(calls.inside) == SHARED
        # Also beside one at the same address, where there are no identities.
        calls.call("calm", account="" if with_identities else "192.0.2.1")
        await calls.settle()
        assert calls.inside[SHARED:] == ["calm"]


@pytest.mark.parametrize("with_identities", [True, False], ids=["identities", "none"])
async def test_the_connections_of_http1_have_one_turn_in_each_round_and_take_it_in_order(
    *, with_identities: bool
) -> None:
    who = {"identity": "flood"} if with_identities else {"account": "192.0.2.1"}
    async with some_calls() as calls:
        await share(calls, "calm", "other")
        for connection in FLOOD:
            calls.over_http1(connection, **who)
        for _ in range(5):
            calls.call("calm", account="" if with_identities else "192.0.2.1")
        await calls.settle()
        already = len(calls.entered)
        for ended in calls.entered[2 * 2 :]:
            if ended in calls.inside:
                calls.end(ended)
                await calls.settle()
        came = calls.entered[already:]
        assert "calm" in came[:2]
        flood = [sender for sender in calls.entered if sender in FLOOD]
        assert flood == FLOOD[: len(flood)]


async def test_beside_others_an_account_has_few_inside_with_however_many_connections_of_single_calls() -> None:
    async with some_calls() as calls:
        await share(calls, "calm", "other")
        for connection in FLOOD:
            task = asyncio.create_task(calls._work(calls.turns.turn("flood", "flood", connection), connection))
            calls._tasks.add(task)
        await calls.settle()
        assert len(calls.inside) == SHARED
        calls.call("calm")
        await calls.settle()
        assert calls.inside[SHARED:] == ["calm"]


async def test_a_sender_of_single_calls_over_http1_does_not_wait() -> None:
    async with some_calls() as calls:
        for _ in range(2 * ALONE):
            calls.call("flood")
        await calls.settle()
        calls.over_http1("calm", identity="crm")
        await calls.settle()
        assert "calm" in calls.inside


async def test_batches_leave_room_for_others() -> None:
    async with some_calls() as calls:
        for _ in range(20):
            calls.call("batches", bulk=True)
        await calls.settle()
        assert len(calls.inside) == ALONE // BULK_ALONE


async def test_what_waits_when_the_server_stops_is_refused_as_draining() -> None:
    async with some_calls() as calls:
        tasks = [calls.call("crm") for _ in range(ALONE + 2)]
        await calls.settle()
        calls.turns.close()
        await calls.settle()
        assert [type(task.exception()) for task in tasks if task.done()] == [ServerDraining] * 2


async def test_a_call_that_is_cancelled_while_it_waits_leaves_its_turn_to_the_next() -> None:
    async with some_calls() as calls:
        tasks = [calls.call("crm") for _ in range(ALONE)]
        await calls.settle()
        given_up = calls.call("crm")
        last = calls.call("other")
        calls.call("other")
        await calls.settle()
        given_up.cancel()
        await calls.settle()
        for _ in range(2):
            calls.end("crm")
            await calls.settle()
        assert calls.inside.count("other") == 2
        assert not last.done()
        assert sum(task.done() for task in tasks) == 2


async def test_a_call_that_is_cancelled_as_its_turn_comes_gives_it_back() -> None:
    async with some_calls() as calls:
        for _ in range(ALONE):
            calls.call("crm")
        await calls.settle()
        late = calls.call("crm")
        await calls.settle()
        calls.end("crm")
        # The call inside ends in the next round of the loop, and the turn of the one that waits comes with it.
        await asyncio.sleep(0)
        late.cancel()
        await calls.settle()
        calls.call("crm")
        await calls.settle()
        assert len(calls.inside) == ALONE


async def test_calls_that_are_refused_wait_beside_a_sender_of_single_calls_on_however_many_connections() -> None:
    async with some_calls() as calls:
        for _ in range(3):
            await calls.single("crm")
            calls.refuse("stranger")
            await calls.settle()
            calls.end("stranger")
            await calls.settle()
        await calls.single("crm")
        for number in range(50):
            calls.refuse(f"stranger {number}")
        await calls.settle()
        assert len(calls.inside) <= SHARED
        calls.call("crm")
        await calls.settle()
        assert calls.inside[-1] == "crm"


async def test_a_sender_of_single_calls_that_are_refused_slows_no_one_down() -> None:
    async with some_calls() as calls:
        for _ in range(5):
            calls.call("crm")
            calls.refuse("stranger")
            await calls.settle()
            calls.end("stranger")
        for _ in range(ALONE):
            calls.call("crm")
        await calls.settle()
        assert len(calls.inside) > ALONE // 2


async def test_listeners_are_told_whether_senders_share_the_loop() -> None:
    told: list[bool] = []
    async with some_calls() as calls:
        calls.turns.listen(told.append)
        for _ in range(2):
            await calls.single("crm")
        assert told == []
        for sender in ("shop", "crm", "shop", "crm"):
            await calls.single(sender)
        assert told == [True]
        calls.now += RECENT_S - 1
        await calls.single("crm")
        assert told == [True]
        calls.now += 1
        await calls.single("crm")
        assert told == [True, False]
        for sender in ("shop", "crm", "shop"):
            await calls.single(sender)
        assert told == [True, False, True]
