"""What the commands say of a service whose agents do not answer, and of the calls of an attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ringback.app import App
from ringback.cli.times import Times
from ringback.config import Settings
from ringback.domain.agents_rest import Rest
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api
from tests.world.command_line import Run
from tests.world.dialer import BUSY, DIALING, Dialer, until

SUPPORT = "sip:support@cc.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without a built-in dialer."""
    return replace(settings, dialer="none")


async def rest(app: App, api: Api) -> str:
    """Let the service rest for so long that it does while commands run; return until when."""
    dialer = Dialer(api)
    await dialer.release(await dialer.lease_one(), agents_unavailable=True)
    rests = app.use_cases.agent_rests._rests
    await until(lambda: api.service_id in rests)
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=60)
    rests[api.service_id] = Rest(end, timedelta(seconds=60))
    queue = await api.directory.GetQueue(pb.GetQueueRequest(service_id=api.service_id))
    return Times().write(queue.agents_rest_until)


async def test_that_agents_do_not_answer(ringback: Run, app: App, api: Api) -> None:
    callback = await api.create()
    before = await ringback("queue", SUPPORT)
    assert "agents" not in before.out
    end = await rest(app, api)
    queue = (await ringback("queue", SUPPORT)).out.splitlines()
    assert queue[-2:] == [
        "estimated wait  unknown (the agents do not answer)",
        f"agents          do not answer, called again at {end}",
    ]
    shown = [" ".join(row.split()) for row in (await ringback("services", "show", SUPPORT)).out.splitlines()]
    assert f"agents do not answer, called again at {end}" in shown
    explained = await ringback("explain", callback.callback_id)
    text = f"queued (agents-do-not-answer) Position 1 of 1. The agents do not answer; they are called again at {end}.\n"
    assert explained == (0, text, "")


async def test_get_shows_the_call_ids_of_each_attempt(ringback: Run, api: Api) -> None:
    callback = await api.create(max_retries=1)
    dialer = Dialer(api)
    for number in (1, 2):
        lease = await dialer.lease_one(wait_s=10)
        await dialer.report(lease, DIALING, call_ids=[f"agent{number}@pbx.example", f"target{number}@pbx.example"])
        await dialer.end(lease, BUSY)
    page = [" ".join(row.split()) for row in (await ringback("get", callback.callback_id)).out.splitlines()]
    first = page.index("Call-IDs 1: agent1@pbx.example")
    assert page[first + 1 : first + 4] == [
        "1: target1@pbx.example",
        "2: agent2@pbx.example",
        "2: target2@pbx.example",
    ]
