"""What one server knows, and does, because of another one. No test here waits for a safety net."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.application.scheduling import leader_election
from ringback.storage.postgres import listener
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.hunts.database import Durable
from tests.world.api import by_id
from tests.world.dialer import CONNECTED, DIALING, Dialer
from tests.world.replicas import PATIENCE_S, Replica, replica

pytestmark = pytest.mark.long

Pair = tuple[Replica, Replica]


@pytest.fixture(autouse=True)
def only_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep servers from polling for what others have committed, which is their safety net."""
    monkeypatch.setattr(listener, "LISTENING_INTERVAL_S", 3600.0)
    monkeypatch.setattr(listener, "POLLING_INTERVAL_S", 3600.0)


@pytest.fixture(autouse=True)
async def no_test_waits_for_ever() -> AsyncIterator[None]:
    async with asyncio.timeout(PATIENCE_S):
        yield


async def test_a_poll_is_answered_at_once_for_what_another_server_took(replicas: Pair) -> None:
    a, b = replicas
    poll = asyncio.create_task(Dialer(b.api).lease(wait_s=PATIENCE_S))
    await b.is_polled()
    created = await a.api.create()
    [lease] = await poll
    assert lease.callback.callback_id == created.callback_id


async def test_a_lease_is_good_at_every_server(replicas: Pair) -> None:
    a, b = replicas
    await a.api.create()
    lease = await Dialer(a.api).lease_one(wait_s=PATIENCE_S)
    reported = await Dialer(b.api).report(lease, DIALING, CONNECTED)
    assert reported.callback.state == cb.CALLBACK_STATE_CONNECTED
    outcome = dialer_pb.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=cb.CALL_OUTCOME_ANSWERED)
    assert (await a.api.dialers.ReportOutcome(outcome)).callback.state == cb.CALLBACK_STATE_COMPLETED
    assert (await b.api.dialers.ReportOutcome(outcome)).replayed


async def test_a_watch_tells_what_happens_at_another_server(replicas: Pair) -> None:
    a, b = replicas
    stream = b.api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    await stream.read()
    created = await a.api.create()
    response = await stream.read()
    assert isinstance(response, pb.WatchCallbacksResponse)
    assert [event.callback for event in response.events] == [created]


async def test_a_service_is_known_at_once(replicas: Pair) -> None:
    a, b = replicas
    sales = await a.api.add_service("sip:sales@cc.example")
    assert (await b.api.create(service_id=sales)).service_id == sales
    assert (await b.api.create(service_sip="sip:sales@cc.example")).service_id == sales


async def test_a_queue_knows_the_dialers_of_all_servers(replicas: Pair) -> None:
    a, b = replicas
    created = await a.api.create()
    request = directory_pb.GetQueueRequest(service_id=a.api.service_id, callback_key=by_id(created.callback_id))
    assert (await b.api.directory.GetQueue(request)).position.reason == directory_pb.WAITING_REASON_NO_DIALER
    await Dialer(a.api).lease(wait_s=0)  # takes it
    waiting = await a.api.create("sip:other@sim.example")
    request.callback_key.callback_id = waiting.callback_id
    while (await b.api.directory.GetQueue(request)).position.reason == directory_pb.WAITING_REASON_NO_DIALER:
        pass  # A is about to write that it has a dialer
    assert (await b.api.directory.GetQueue(request)).position.reason == directory_pb.WAITING_REASON_BEHIND_OTHERS


async def test_a_cancel_reaches_the_dialer_that_is_built_into_another_server(cluster: Durable) -> None:
    url = cluster.new_schema()
    async with replica(url, dialer="simulated", simulated_ring=timedelta(hours=1)) as a, replica(url) as b:
        b.api.service_id = await a.api.add_service()
        created = await b.api.create()
        await b.api.until(created.callback_id, lambda callback: bool(callback.attempts))
        request = pb.CancelCallbackRequest(key=by_id(created.callback_id))
        response = await b.api.callbacks.CancelCallback(request)
        assert response.callback.state == cb.CALLBACK_STATE_CANCELLING
        ended = await b.api.until_ended(created.callback_id)
        assert ended.state == cb.CALLBACK_STATE_CANCELLED


async def test_a_page_token_and_a_resume_token_are_good_at_every_server(replicas: Pair) -> None:
    a, b = replicas
    created = [await a.api.create(f"sip:{n}@sim.example") for n in range(3)]
    first = await a.api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=2))
    request = pb.ListCallbacksRequest(page_size=2, page_token=first.next_page_token)
    second = await b.api.callbacks.ListCallbacks(request)
    assert [*second.callbacks, *reversed(first.callbacks)] == created
    later = await a.api.create("sip:later@sim.example")
    stream = b.api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest(resume_token=first.resume_token))
    assert await first_events(stream) == [later]


async def first_events(stream: Any) -> list[cb.Callback]:
    async for response in stream:
        if response.events:
            return [event.callback for event in response.events]
    raise AssertionError("the watch ended")


async def test_one_promise_however_many_servers_are_asked_for_it_at_once(replicas: Pair) -> None:
    a, b = replicas
    request = pb.CreateCallbackRequest(callback_request=a.api.request(caller_id="crm", external_task_id="4711"))
    responses = await asyncio.gather(
        *(server.api.callbacks.CreateCallback(request) for server in (a, b) for _ in range(10))
    )
    assert len({response.callback.callback_id for response in responses}) == 1
    assert sum(response.created for response in responses) == 1


async def test_one_call_per_number_however_many_servers_grant_at_once(replicas: Pair) -> None:
    a, b = replicas
    for _ in range(10):
        await a.api.create("sip:same@sim.example")
    polls = [Dialer(server.api).lease(wait_s=0) for server in (a, b) for _ in range(5)]
    leased = [lease for leases in await asyncio.gather(*polls) for lease in leases]
    assert len(leased) == 1


async def test_a_phone_that_may_ring_because_of_another_server(replicas: Pair) -> None:
    """A poll gets it when the ring has ended: not earlier, and without an event that tells the server so."""
    a, b = replicas
    short = await a.api.add_service("sip:short@cc.example", ring_timeout=Duration(seconds=1))
    await a.api.create("tel:+41785556677", service_id=short, max_retries=0)
    lease = await Dialer(a.api).lease_one(wait_s=PATIENCE_S)
    waiting = await a.api.create("sip:+41785556677@gw.example;user=phone")
    poll = asyncio.create_task(Dialer(b.api).lease_one(wait_s=PATIENCE_S))
    await b.is_polled()
    await Dialer(a.api).report(lease, DIALING)
    ended = (await Dialer(a.api).end(lease, cb.CALL_OUTCOME_INTERRUPTED)).callback.attempts[-1].end_time
    granted = await poll
    assert granted.callback.callback_id == waiting.callback_id
    begun = (await Dialer(b.api).report(granted, DIALING)).callback.attempts[-1].start_time
    assert begun.ToDatetime() - ended.ToDatetime() >= timedelta(seconds=1)


async def test_a_repeated_poll_is_answered_by_every_server(replicas: Pair) -> None:
    a, b = replicas
    await a.api.create()
    request_id = str(uuid4())
    first = await Dialer(a.api).lease_one(wait_s=PATIENCE_S, request_id=request_id)
    again = await Dialer(b.api).lease_one(wait_s=PATIENCE_S, request_id=request_id)
    assert again.lease_token == first.lease_token


async def test_a_repeated_poll_waits_for_what_is_just_being_granted(replicas: Pair, cluster: Durable) -> None:
    """The server that was asked first is gone, its last transaction is not."""
    a, b = replicas
    sales = await a.api.add_service("sip:sales@cc.example")
    for service_id in (a.api.service_id, sales):
        await a.api.create(f"sip:{service_id}@sim.example", service_id=service_id)
    request_id = str(uuid4())
    async with await psycopg.AsyncConnection.connect(a.url) as rival:
        await rival.execute("SELECT lock FROM log_end FOR UPDATE")
        first = asyncio.create_task(Dialer(a.api).lease(wait_s=PATIENCE_S, request_id=request_id))
        while not await asyncio.to_thread(cluster.execute, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            pass  # it is about to write
        again = asyncio.create_task(Dialer(b.api).lease(wait_s=PATIENCE_S, request_id=request_id))
        while await asyncio.to_thread(cluster.execute, "SELECT 1 FROM pg_locks WHERE NOT granted OFFSET 1") == []:
            pass  # it, too, waits
    assert [lease.lease_token for lease in await again] == [lease.lease_token for lease in await first]


async def take_lead(server: Replica) -> None:
    """Return when the server leads."""
    leads = asyncio.Event()
    server.app.use_cases.leader_election.listen(leads.set)
    if not server.app.use_cases.leader_election.leads:
        await leads.wait()


async def test_another_server_leads_when_the_leader_hangs(cluster: Durable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that hangs does not believe that it still leads."""
    url = cluster.new_schema()
    async with replica(url) as a:
        await take_lead(a)
        async with replica(url) as b:
            monkeypatch.setattr(a.app.store, "lead", hang)
            assert not b.app.use_cases.leader_election.leads
            await take_lead(b)
            assert not a.app.use_cases.leader_election.leads


async def hang(*_: Any) -> bool:
    await asyncio.Event().wait()
    return False


async def test_another_server_leads_at_once_when_the_leader_stops(
    cluster: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "TERM", timedelta(hours=1))
    url = cluster.new_schema()
    async with replica(url) as a:
        await take_lead(a)
        async with replica(url) as b:
            await a.app.stop()
            await take_lead(b)
            assert not a.app.use_cases.leader_election.leads


async def test_a_queue_counts_what_another_server_has_acknowledged(replicas: Pair) -> None:
    """At once, without a wait for a notification."""
    a, b = replicas
    for n in range(1, 21):
        created = await (a if n % 2 else b).api.create(f"sip:{n}@b.example")
        other = (b if n % 2 else a).api
        queue = await other.directory.GetQueue(directory_pb.GetQueueRequest(callback_key=by_id(created.callback_id)))
        assert sum(level.count for level in queue.waiting) == n
        # Not always the last: the clocks of two servers agree to a millisecond or so.
        assert 1 <= queue.position.position <= n
