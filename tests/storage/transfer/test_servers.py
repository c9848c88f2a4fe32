"""A move as clients see it: another server takes over, and everything goes on."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.ports.location import PostgresUrl
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from ringback.v1 import dialer_service_pb2 as pb
from tests.world.api import Api, by_external_id, by_id
from tests.world.postgres import Cluster
from tests.world.transfer_ends import End, PostgresEnd, SqliteEnd, contents, moved

LEVELS = range(cb.PRIORITY_HIGHEST, cb.PRIORITY_LOWEST + 1)
# The sum of the levels' weights: after this many grants, each level had its share.
ROUND = 28
# In a morning since its token: leases, dialled, one answered (in two steps), one busy, one cancelled.
CHANGES = 11 + 6 + 2 + 1 + 1


@pytest.fixture
def ends(tmp_path: Path, cluster: Cluster) -> list[End]:
    return [
        SqliteEnd(tmp_path / "before.db"),
        PostgresEnd(PostgresUrl(cluster.new_database())),
        SqliteEnd(tmp_path / "after.db"),
    ]


@asynccontextmanager
async def served(end: End, service_id: str = "") -> AsyncIterator[Api]:
    settings = Settings(listen=Listen("127.0.0.1", 0), database=end.database, dialer="none", lame_duck=timedelta(0))
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        api.service_id = service_id
        yield api


async def lease(api: Api, count: int) -> list[pb.Lease]:
    """Take leases one by one."""
    request = pb.LeaseCallbacksRequest(dialer_id="test", max_leases=1, lease_duration=Duration(seconds=600))
    return [(await api.dialers.LeaseCallbacks(request)).leases[0] for _ in range(count)]


async def report(api: Api, lease: pb.Lease, outcome: "cb.CallOutcome.ValueType") -> cb.Callback:
    response = await api.dialers.ReportOutcome(pb.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=outcome))
    return response.callback


async def dial(api: Api, lease: pb.Lease) -> None:
    await api.dialers.ReportProgress(
        pb.ReportProgressRequest(lease_token=lease.lease_token, progress=pb.ATTEMPT_PROGRESS_DIALING)
    )


async def changes(api: Api, token: str, count: int) -> tuple[list[Any], str]:
    """Return this many changes since the token, and a token for those after them."""
    stream: Any = api.callbacks.WatchCallbacks(callbacks_pb.WatchCallbacksRequest(resume_token=token))
    events: list[Any] = []
    while len(events) < count:
        response = await stream.read()
        events += response.events
        token = response.resume_token
    stream.cancel()
    return events, token


async def a_morning(api: Api) -> tuple[str, list[pb.Lease]]:
    """Create callbacks at seven levels, and call some; return a token from the middle of it, and open leases."""
    await api.add_service(max_concurrent_calls=1000)
    for number in range(12):
        for level in LEVELS:
            await api.create(
                f"sip:{number}@level-{level}.example",
                priority=level,
                labels={"level": str(level)},
                seconds_between_retries=3600,
            )
    await api.create("sip:named@sim.example", priority=cb.PRIORITY_LOWEST, caller_id="crm", external_task_id="4711")
    page = await api.callbacks.ListCallbacks(callbacks_pb.ListCallbacksRequest(page_size=1))
    leases = await lease(api, 11)
    for one in leases[:6]:
        await dial(api, one)
    for one, outcome in zip(leases, (cb.CALL_OUTCOME_ANSWERED, cb.CALL_OUTCOME_BUSY), strict=False):
        await report(api, one, outcome)
    [last] = (await api.list_all())[:1]
    await api.callbacks.CancelCallback(
        callbacks_pb.CancelCallbackRequest(key=by_id(last.callback_id), reason="why not")
    )
    return page.resume_token, leases[2:]


async def test_clients_go_on_where_they_were(ends: list[End]) -> None:
    before, between, afterwards = ends
    async with served(before) as api:
        token, leases = await a_morning(api)
        listed = await api.list_all()
        seen, _ = await changes(api, token, CHANGES)
        service_id = api.service_id

    compared = await moved(before, between)
    assert all(each.same for each in compared)

    async with served(between, service_id) as api:
        assert await api.list_all() == listed
        assert await api.get(listed[5].callback_id) == listed[5]
        known = await api.callbacks.GetCallback(callbacks_pb.GetCallbackRequest(key=by_external_id("crm", "4711")))
        assert known.callback.callback_request.external_task_id == "4711"
        resumed, token = await changes(api, token, CHANGES)
        assert resumed == seen
        # A lease that was open still is, and so is an attempt; what comes next is the next event.
        ended = await report(api, leases[0], cb.CALL_OUTCOME_NO_ANSWER)
        assert [attempt.outcome for attempt in ended.attempts] == [cb.CALL_OUTCOME_NO_ANSWER]
        created = await api.create("sip:new@sim.example")
        after, _ = await changes(api, token, 2)
        assert [event.callback for event in after] == [ended, created]
        listed = await api.list_all()

    await moved(between, afterwards)

    assert contents(afterwards) == contents(between)
    async with served(afterwards, service_id) as api:
        assert await api.list_all() == listed
        assert (await changes(api, token, 2))[0] == after


async def test_grants_go_on_in_the_round_where_they_were(ends: list[End], tmp_path: Path) -> None:
    """As they would have without a move: a copy of the file tells how."""
    async with served(ends[0]) as api:
        await a_morning(api)
    copy = SqliteEnd(tmp_path / "copy.db")
    shutil.copy(str(ends[0].database), copy.database)
    await moved(ends[0], ends[1])

    granted = []
    for end in (copy, ends[1]):
        async with served(end) as api:
            granted.append([one.callback.callback_id for one in await lease(api, ROUND + ROUND // 2)])

    assert granted[0] == granted[1]
