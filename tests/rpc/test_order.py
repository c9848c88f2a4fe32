"""LeaseCallbacks: which callback is next, and how many calls a service has at once."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from tests.world.api import ENDED, Api
from tests.world.dialer import ANSWERED, DIALING, PATIENCE_S, Dialer
from tests.world.requests import create_many, ids, update_service

LEVELS = tuple(range(cb.PRIORITY_HIGHEST, cb.PRIORITY_LOWEST + 1))
IN_PROGRESS = frozenset(
    {
        cb.CALLBACK_STATE_OFFERED,
        cb.CALLBACK_STATE_DIALING,
        cb.CALLBACK_STATE_CONNECTED,
        cb.CALLBACK_STATE_CANCELLING,
    }
)
WEIGHTS = dict(zip(LEVELS, range(7, 0, -1), strict=True))


@pytest.mark.long
@pytest.mark.parametrize("at_once", [1, 10])
async def test_levels_get_their_exact_shares(api: Api, dialer: Dialer, at_once: int) -> None:
    await update_service(api, max_concurrent_calls=1000)
    await create_many(api, (api.request(f"sip:u{n}.{p}@b.example", priority=p) for n in range(60) for p in LEVELS))
    taken: list[Any] = []
    while len(taken) < 220:  # until then all seven levels wait
        taken += [lease.callback.callback_request.priority for lease in await dialer.lease(at_once)]
    assert Counter(taken[:56]) == {level: 2 * weight for level, weight in WEIGHTS.items()}
    for start in range(220 - 28):
        assert Counter(taken[start : start + 28]) == WEIGHTS


async def test_strict_goes_first_and_nothing_else_last(api: Api, dialer: Dialer) -> None:
    await update_service(api, max_concurrent_calls=100)
    last = await api.create("sip:1@b.example", priority=cb.PRIORITY_NOTHING_ELSE)
    between = await create_many(api, (api.request(f"sip:u{p}@c.example", priority=p) for p in reversed(LEVELS)))
    first = await create_many(
        api, (api.request(f"sip:u{n}@d.example", priority=cb.PRIORITY_STRICT_PRIORITY) for n in range(3))
    )
    order = ids([await dialer.lease_one() for _ in range(1 + len(between) + len(first))])
    assert order == [*ids(first), *ids(reversed(between)), last.callback_id]


async def test_what_is_given_back_keeps_its_place(api: Api, dialer: Dialer) -> None:
    callbacks = await create_many(api, (api.request(f"sip:u{n}@b.example") for n in range(4)))
    leases = await dialer.lease(3)
    results = await dialer.release(leases[2], leases[0])
    assert [result.released for result in results] == [True, True]
    assert ids(await dialer.lease(10)) == [callbacks[n].callback_id for n in (0, 2, 3)]
    returned = await api.get(callbacks[0].callback_id)
    assert (returned.state, returned.attempt_count) == (cb.CALLBACK_STATE_OFFERED, 0)
    assert returned.queue_time == callbacks[0].queue_time


@pytest.mark.long
async def test_many_dialers_at_once_never_exceed_the_capacity(api: Api) -> None:
    """Counted at every event of the log, while dialers finish calls, decline, and ask for more than there is room."""
    await update_service(api, max_concurrent_calls=5)
    changes: Any = api.callbacks.WatchCallbacks(callbacks_pb.WatchCallbacksRequest())
    await changes.read()
    await create_many(api, (api.request(f"sip:u{n}@b.example") for n in range(60)))
    dialers = [asyncio.create_task(_work(Dialer(api, f"dialer-{n}"))) for n in range(20)]
    in_progress, counts, ended = set[str](), [], 0
    async with asyncio.timeout(3 * PATIENCE_S):
        while ended < 60:
            for event in (await changes.read()).events:
                if event.callback.state in IN_PROGRESS:
                    in_progress.add(event.callback.callback_id)
                else:
                    in_progress.discard(event.callback.callback_id)
                counts.append(len(in_progress))
                ended += event.callback.state in ENDED
    assert max(counts) == 5
    assert {(c.state, c.attempt_count) for c in await api.list_all()} == {(cb.CALLBACK_STATE_COMPLETED, 1)}
    for task in dialers:
        task.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*dialers, return_exceptions=True)
    )


async def _work(dialer: Dialer) -> None:
    """Decline every other callback the first time; go on for ever."""
    while True:
        for lease in await dialer.lease(3, wait_s=60):
            if lease.fencing_token == 1 and int(lease.callback.callback_id[-1], 16) % 2:
                await dialer.release(lease)
            else:
                await dialer.report(lease, DIALING)
                await dialer.end(lease, ANSWERED)


async def test_lowering_the_capacity_ends_no_call_and_lets_none_begin(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:u{n}@b.example") for n in range(4)))
    leases = await dialer.lease(3)
    await update_service(api, max_concurrent_calls=1)
    for lease in leases[:2]:
        await dialer.report(lease, DIALING)
        await dialer.end(lease, ANSWERED)
        assert await dialer.lease() == []
    await dialer.report(leases[2], DIALING)
    await dialer.end(leases[2], ANSWERED)
    assert len(await dialer.lease()) == 1
