"""What operators alone are told of queues: which identity has stopped the calls of a service."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import by_id
from tests.world.identities import GRANTED, OWN, RULES, Identities
from tests.world.requests import update_service


@pytest.fixture
async def identities(settings: Settings) -> AsyncIterator[Identities]:
    settings = replace(settings, access=RULES, dialer="none")
    async with await App.start(settings) as app, Identities.at(app.address) as identities:
        yield identities


@pytest.mark.long
@pytest.mark.parametrize("change", [{"paused": True}, {"max_concurrent_calls": 0}], ids=["paused", "no calls"])
@pytest.mark.parametrize("name", ["caller", "dialer", "viewer", "masked viewer", "operator"])
async def test_who_has_paused_it(identities: Identities, name: str, change: dict[str, Any]) -> None:
    subject = await identities.subject(OWN, GRANTED)
    await update_service(identities["operator"], subject.service_id, **change)
    api = identities[name]
    queue = await api.directory.GetQueue(pb.GetQueueRequest(service_id=subject.service_id))
    assert queue.HasField("pause_time")
    expected = "operator" if name == "operator" else ""
    assert queue.paused_by == expected
    watch: Any = api.directory.WatchQueues(pb.WatchQueuesRequest(service_ids=[subject.service_id]))
    [watched] = (await watch.read()).queues
    watch.cancel()
    assert (watched.pause_time, watched.paused_by) == (queue.pause_time, expected)
    if name != "dialer":
        request = pb.GetQueueRequest(callback_key=by_id(subject.callback_id))
        explanation = (await api.directory.GetQueue(request)).position.explanation
        assert ("by operator" in explanation) is (name == "operator")
    service = (await api.directory.GetService(pb.GetServiceRequest(service_id=subject.service_id))).service
    assert b"operator" not in service.SerializeToString()
