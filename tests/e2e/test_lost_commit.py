"""A promise is stored, and its caller does not get to know."""

import asyncio

import pytest

from ringback.application.scheduling.leader_election import LeaderElection
from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.calls import insist
from tests.hunts.database import Durable
from tests.world.proxy import Proxy
from tests.world.replicas import PATIENCE_S, replica


async def nobody_leads(_: LeaderElection) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("identity", ["external_task_id", "request_id"])
async def test_a_request_is_repeated_when_the_answer_to_its_commit_was_lost(
    cluster: Durable, monkeypatch: pytest.MonkeyPatch, identity: str
) -> None:
    monkeypatch.setattr(LeaderElection, "run", nobody_leads)  # so that nothing else commits
    url = cluster.new_schema()
    async with asyncio.timeout(PATIENCE_S), Proxy(cluster.port) as proxy, replica(url) as witness:
        service_id = await witness.api.add_service()
        watch = witness.api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
        await watch.read()
        near = url.replace(str(cluster.port), str(proxy.port)) + "&prepared_statements=off"
        async with replica(near) as server:
            request = pb.CreateCallbackRequest(callback_request=server.api.request(service_id=service_id))
            if identity == "external_task_id":
                request.callback_request.external_task_id = "4711"
            else:
                request.request_id = "6f1c2c1e-6a0e-4c5e-9d55-0c8a3d2f7b11"
            proxy.swallow_next_commit()
            creating = asyncio.ensure_future(server.api.callbacks.CreateCallback(request))
            await proxy.swallowed.wait()
            told = await watch.read()
            assert isinstance(told, pb.WatchCallbacksResponse)
            [event] = told.events
            proxy.cut()
            created = await creating  # the server has asked what became of it
            assert (created.created, created.callback) == (True, event.callback)
            for api in (server.api, witness.api):
                repeated = await insist(api.callbacks.CreateCallback, request)
                assert (repeated.created, repeated.callback) == (False, event.callback)
            assert await witness.api.list_all() == [event.callback]
