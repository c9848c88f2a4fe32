"""PostgreSQL is away, or hangs: every caller is told in time, and all goes on by itself when it is back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import files
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.hunts.calls import insist
from tests.hunts.database import Durable
from tests.world.api import Api, by_id, refusal_of
from tests.world.dialer import DIALING, Dialer
from tests.world.health import NOT_SERVING, SERVING, HealthWatch
from tests.world.replicas import pair
from tests.world.requests import update_request

pytestmark = pytest.mark.long

SERVICE_CONFIG = json.loads(files("ringback").joinpath("service_config.json").read_text())
DEADLINE_S = float(SERVICE_CONFIG["methodConfig"][0]["timeout"].removesuffix("s"))
PATIENCE_S = 50

Outage = Callable[[Durable], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def stopped(cluster: Durable) -> AsyncIterator[None]:
    await asyncio.to_thread(cluster.down, "immediate")
    try:
        yield
    finally:
        await asyncio.to_thread(cluster.up)


@asynccontextmanager
async def hanging(cluster: Durable) -> AsyncIterator[None]:
    cluster.suspend()
    try:
        yield
    finally:
        cluster.resume()


@pytest.mark.parametrize("outage", [stopped, hanging])
async def test_an_outage(cluster: Durable, outage: Outage) -> None:
    async with pair(cluster.new_schema()) as (a, b), asyncio.timeout(PATIENCE_S):
        await a.api.create()
        lease = await Dialer(a.api).lease_one(wait_s=PATIENCE_S)
        watches = [await watching(server.api) for server in (a, b)]
        health = [HealthWatch(server.api) for server in (a, b)]
        poll = asyncio.create_task(leased(b.api))
        await b.is_polled()
        async with outage(cluster):
            for told in health:
                await told.until(NOT_SERVING)
            await asyncio.gather(*(all_are_refused(server.api, lease) for server in (a, b)))
        for told in health:
            await told.until(SERVING)
        request = a.api.request("sip:later@sim.example", external_task_id="later", caller_id="crm")
        created = await insist(a.api.callbacks.CreateCallback, pb.CreateCallbackRequest(callback_request=request))
        for watch in watches:
            await tells(watch, created.callback)
        assert (await poll).callback.callback_id == created.callback.callback_id


async def leased(api: Api) -> dialer_pb.Lease:
    """Poll until there is a lease, as dialers do."""
    request = dialer_pb.LeaseCallbacksRequest(dialer_id="test")
    while not (leases := (await insist(api.dialers.LeaseCallbacks, request)).leases):
        pass
    return leases[0]


async def watching(api: Api) -> Any:
    """Return a watch that has begun."""
    stream = api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    await stream.read()
    return stream


async def tells(stream: Any, callback: cb.Callback) -> None:
    """Return when the watch tells of the callback; fail when the watch ends."""
    events: list[cb.Callback] = []
    while callback not in events:
        response = await stream.read()
        assert isinstance(response, pb.WatchCallbacksResponse)
        events = [event.callback for event in response.events]


async def all_are_refused(api: Api, lease: dialer_pb.Lease) -> None:
    """Check that each kind of call fails with UNAVAILABLE before its deadline has passed."""
    calls = every_call(api, lease)
    told = await asyncio.gather(*(refusal_by(call, request) for call, request in calls.values()))
    assert dict(zip(calls, told, strict=True)) == dict.fromkeys(calls, "UNAVAILABLE STORAGE_UNAVAILABLE")


async def refusal_by(call: Any, request: Message) -> str:
    running = call(request, timeout=DEADLINE_S)
    try:
        await (running.read() if isinstance(running, grpc.aio.UnaryStreamCall) else running)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {refusal_of(error).reason}"
    return "OK"


def every_call(api: Api, lease: dialer_pb.Lease) -> Mapping[str, tuple[Any, Message]]:
    """Return one call of every kind, as it would succeed."""
    callbacks, dialers, directory = api.callbacks, api.dialers, api.directory
    key, token, service_id = by_id(lease.callback.callback_id), lease.lease_token, api.service_id
    create = pb.CreateCallbackRequest(callback_request=api.request())
    new = directory_pb.Service(sip_address=f"sip:{uuid4()}@cc.example")
    changed = directory_pb.Service(service_id=service_id, display_name="Sales")
    return {
        "create": (callbacks.CreateCallback, create),
        "batch": (callbacks.BatchCreateCallbacks, pb.BatchCreateCallbacksRequest(requests=[create])),
        "get": (callbacks.GetCallback, pb.GetCallbackRequest(key=key)),
        "list": (callbacks.ListCallbacks, pb.ListCallbacksRequest()),
        "cancel": (callbacks.CancelCallback, pb.CancelCallbackRequest(key=key)),
        "update": (callbacks.UpdateCallback, update_request(lease.callback, due_date=lease.expire_time)),
        "resolve": (callbacks.ResolveCallbacks, pb.ResolveCallbacksRequest(target="sip:answer@sim.example")),
        "watch": (callbacks.WatchCallbacks, pb.WatchCallbacksRequest()),
        "poll": (
            dialers.LeaseCallbacks,
            dialer_pb.LeaseCallbacksRequest(dialer_id="test", request_id=str(uuid4())),
        ),
        "poll without waiting": (
            dialers.LeaseCallbacks,
            dialer_pb.LeaseCallbacksRequest(dialer_id="test", wait_duration=Duration()),
        ),
        "extend": (dialers.ExtendLeases, dialer_pb.ExtendLeasesRequest(lease_tokens=[token])),
        "progress": (dialers.ReportProgress, dialer_pb.ReportProgressRequest(lease_token=token, progress=DIALING)),
        "outcome": (
            dialers.ReportOutcome,
            dialer_pb.ReportOutcomeRequest(lease_token=token, outcome=cb.CALL_OUTCOME_BUSY),
        ),
        "release": (dialers.ReleaseLeases, dialer_pb.ReleaseLeasesRequest(lease_tokens=[token])),
        "list services": (directory.ListServices, directory_pb.ListServicesRequest()),
        "get service": (directory.GetService, directory_pb.GetServiceRequest(service_id=service_id)),
        "create service": (directory.CreateService, directory_pb.CreateServiceRequest(service=new)),
        "update service": (
            directory.UpdateService,
            directory_pb.UpdateServiceRequest(service=changed, update_mask=FieldMask(paths=["display_name"])),
        ),
        "delete service": (directory.DeleteService, directory_pb.DeleteServiceRequest(service_id=service_id)),
        "queue": (directory.GetQueue, directory_pb.GetQueueRequest(service_id=service_id)),
    }
