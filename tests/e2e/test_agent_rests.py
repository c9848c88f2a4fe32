"""A service whose agents do not answer rests on every server of a database."""

import asyncio
from datetime import UTC, datetime

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import by_id
from tests.world.dialer import DIALING, Dialer, until
from tests.world.replicas import PATIENCE_S, Replica, replica


async def test_a_rest_counts_on_the_other_server_too(replicas: tuple[Replica, Replica]) -> None:
    a, b = replicas
    callback = await a.api.create()
    lease = await Dialer(a.api).lease_one(wait_s=PATIENCE_S)
    await Dialer(a.api).release(lease, agents_unavailable=True)
    # At once, and without a moment for the log to be read.
    assert await Dialer(b.api).lease() == []
    look = pb.GetQueueRequest(callback_key=by_id(callback.callback_id))
    ends = []
    for server in replicas:
        rests = server.app.use_cases.agent_rests._rests
        await until(lambda: callback.service_id in rests)  # noqa: B023 - awaited within the round
        queue = await server.api.directory.GetQueue(look)
        ends.append(rests[callback.service_id].until)
        assert queue.position.reason == pb.WAITING_REASON_AGENTS_DO_NOT_ANSWER
    assert ends[0] == ends[1] > datetime.now(UTC)


async def test_an_agent_who_answers_at_one_server_ends_the_rest_at_the_other(
    replicas: tuple[Replica, Replica],
) -> None:
    a, b = replicas
    dialer_a, dialer_b = Dialer(a.api, "a"), Dialer(b.api, "b")
    for n in range(3):
        await a.api.create(f"sip:{n}@b.example")
    answered, *silent = await dialer_a.lease(3, wait_s=PATIENCE_S)
    await dialer_a.release(silent[0], agents_unavailable=True)
    waiting = asyncio.create_task(dialer_b.lease_one(wait_s=PATIENCE_S))
    await b.is_polled()
    await dialer_a.report(answered, DIALING)
    again = await waiting
    assert again.callback.state == cb.CALLBACK_STATE_OFFERED
    await until(lambda: not b.app.use_cases.agent_rests._rests)
    await until(lambda: not a.app.use_cases.agent_rests._rests)
    # The next rest is a short one.
    await dialer_b.release(again, agents_unavailable=True)
    assert (await dialer_a.lease_one(wait_s=PATIENCE_S)).callback.callback_id == again.callback.callback_id


async def test_a_server_that_starts_begins_without_rests(replicas: tuple[Replica, Replica]) -> None:
    """They are not stored."""
    a, _ = replicas
    callback = await a.api.create()
    await Dialer(a.api).release(await Dialer(a.api).lease_one(wait_s=PATIENCE_S), agents_unavailable=True)
    async with replica(a.url) as fresh:
        leased = await Dialer(fresh.api).lease_one(wait_s=PATIENCE_S)
        assert leased.callback.callback_id == callback.callback_id
        assert leased.fencing_token == 2
