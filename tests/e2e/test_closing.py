"""A service that one server pauses or closes, and a dialer at another one."""

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import by_id
from tests.world.dialer import DIALING, Dialer
from tests.world.replicas import Replica
from tests.world.requests import refused, update_service

pytestmark = pytest.mark.long

TODAY = datetime.now(UTC).date()
# Today and the days beside it: midnight makes no difference.
CLOSED_DATES = [TODAY.fromordinal(TODAY.toordinal() + n).isoformat() for n in (-1, 0, 1)]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"paused": True}, cb.CALLBACK_STATE_QUEUED),
        ({"max_concurrent_calls": 0}, cb.CALLBACK_STATE_QUEUED),
        ({"closed_dates": CLOSED_DATES}, cb.CALLBACK_STATE_SCHEDULED),
    ],
    ids=["paused", "no calls", "closed"],
)
async def test_what_was_acknowledged_by_another_server_counts_at_once(
    replicas: tuple[Replica, Replica], change: dict[str, Any], state: Any
) -> None:
    a, b = replicas
    dialer = Dialer(b.api)
    called = await a.api.create("sip:called@b.example")
    begun = await dialer.lease_one(wait_s=20)
    await dialer.report(begun, DIALING)
    created = await a.api.create("sip:offered@b.example")
    lease = await dialer.lease_one(wait_s=20)
    await update_service(a.api, **change)
    refusal = await refused(dialer.report(lease, DIALING))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LEASE_EXPIRED")
    assert refusal.metadata["state"] == cb.CallbackState.Name(state).removeprefix("CALLBACK_STATE_")
    assert await refused(dialer.report(lease, DIALING)) == refusal
    after = await b.api.get(created.callback_id)
    assert (after.state, after.attempt_count, len(after.attempts)) == (state, 0, 0)
    # The call that had begun goes on.
    await dialer.report(begun, DIALING)
    assert (await a.api.get(called.callback_id)).state == cb.CALLBACK_STATE_DIALING


async def test_a_service_that_another_server_closes(replicas: tuple[Replica, Replica]) -> None:
    a, b = replicas
    created = await a.api.create()
    await update_service(b.api, closed_dates=CLOSED_DATES)
    look = pb.GetQueueRequest(callback_key=by_id(created.callback_id))
    assert (await a.api.directory.GetQueue(look)).position.reason == pb.WAITING_REASON_CLOSED
    moved = await a.api.until(created.callback_id, lambda c: c.state == cb.CALLBACK_STATE_SCHEDULED)
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)
    opening = Timestamp()
    opening.FromDatetime(midnight.fromordinal(midnight.toordinal() + 2).replace(tzinfo=UTC))
    assert moved.next_attempt_time == opening
    text = opening.ToDatetime().isoformat("T", "seconds")
    position = (await a.api.directory.GetQueue(look)).position
    assert position.reason == pb.WAITING_REASON_CLOSED
    assert position.explanation.startswith(f"The service is closed until {text}Z. ")
