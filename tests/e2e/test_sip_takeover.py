"""A server with the SIP dialer is killed during a call: the next one goes on with it, and leaves no leg behind."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import psycopg
import pytest

from ringback.dialers.sip.messages.message import contact_uri
from ringback.v1 import callback_pb2 as cb
from tests.hunts.database import Durable
from tests.world.api import Api
from tests.world.ports import free_ports
from tests.world.server_process import ServerProcess, serving
from tests.world.sip_phone import Phone, phone
from tests.world.sip_script import sdp

# Phones are on this machine here, which the default rules do not allow.
RULES = "sip:\n  allow_hosts: [127.0.0.1]\n"
PATIENCE_S = 60

P = ParamSpec("P")


def patient(test: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Let a test fail that waits for what does not come."""

    @wraps(test)
    async def bounded(*args: P.args, **kwargs: P.kwargs) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test(*args, **kwargs)

    return bounded


class Scene:
    """Two phones, and servers on one database."""

    def __init__(self, folder: Path, agent: Phone, target: Phone) -> None:
        self.agent = agent
        self.target = target
        self.database = f"sqlite:///{folder / 'ringback.db'}"
        self._rules = folder / "rules.yaml"
        self._rules.write_text(RULES)
        self.ports = free_ports(2)

    @asynccontextmanager
    async def server(self, number: int = 0) -> AsyncIterator[tuple[ServerProcess, Api]]:
        """Run a server; those of one number have one port."""
        options = {
            "--listen": "127.0.0.1:0",
            "--database": self.database,
            "--dialer": "sip",
            "--sip-listen": f"127.0.0.1:{self.ports[number]}",
            "--dial-rules": str(self._rules),
            "--sip-drain-timeout": "1s",
        }
        words = (word for option in options.items() for word in option)
        async with serving(*words) as server, Api.at(await server.address()) as api:
            yield server, api

    async def until_joined(self) -> None:
        """Wait until a successor can go on with the call: it is in the database that both sides are joined."""
        while not any('"joined":true' in body for body in await asyncio.to_thread(self._kept)):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.001)

    def _kept(self) -> list[str]:
        question = "SELECT body FROM kept_call"
        if self.database.startswith("sqlite"):
            file = self.database.removeprefix("sqlite:///")
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
                return [body for (body,) in database.execute(question)]
        with psycopg.connect(self.database) as connection:
            return [body for (body,) in connection.execute(question)]

    async def create(self, api: Api) -> str:
        await api.add_service(sip_address=self.agent.uri)
        return (await api.create(target=self.target.uri, seconds_between_retries=600)).callback_id


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with (
        phone("agent", sdp(4000, direction="inactive")) as agent,
        phone("target", sdp(5000)) as target,
    ):
        yield Scene(tmp_path, agent, target)


@pytest.mark.long
@pytest.mark.parametrize("who", ["agent", "target"])
@patient
async def test_killed_while_both_talk(scene: Scene, who: str) -> None:
    """The call goes on. Whoever hangs up, the other one is hung up, too, and the attempt ends as it would have."""
    async with scene.server() as (server, api):
        callback_id = await scene.create(api)
        agent, target = await scene.agent.answered(), await scene.target.answered()
        await agent.reinvited.wait()
        await api.until(callback_id, lambda c: c.state == cb.CALLBACK_STATE_CONNECTED)
        await scene.until_joined()
        await server.kill()
    async with scene.server() as (server, api):
        await server.line("is taken over")
        first, second = (agent, target) if who == "agent" else (target, agent)
        assert (await first.hang_up()).status == 200
        await second.ended.wait()
        ended = await api.until_ended(callback_id)
        assert (ended.state, [a.outcome for a in ended.attempts]) == (
            cb.CALLBACK_STATE_COMPLETED,
            [cb.CALL_OUTCOME_ANSWERED],
        )


@pytest.mark.long
@patient
async def test_stopped_while_both_talk(scene: Scene) -> None:
    """The call is not cut off: the server leaves it to the next one, and says that nothing went wrong."""
    async with scene.server() as (server, api):
        callback_id = await scene.create(api)
        agent, target = await scene.agent.answered(), await scene.target.answered()
        await agent.reinvited.wait()
        await api.until(callback_id, lambda c: c.state == cb.CALLBACK_STATE_CONNECTED)
        await scene.until_joined()
        assert await server.stop() == 0
        assert not agent.ended.is_set()
        assert not target.ended.is_set()
    async with scene.server() as (server, api):
        await server.line("is taken over")
        assert (await target.hang_up()).status == 200
        await agent.ended.wait()
        ended = await api.until_ended(callback_id)
        assert [a.outcome for a in ended.attempts] == [cb.CALL_OUTCOME_ANSWERED]


@pytest.mark.long
@patient
async def test_killed_while_the_agents_phone_rings(scene: Scene) -> None:
    """Nobody else was called: it is hung up, the callback keeps its place, and is placed again."""
    async with scene.server() as (server, api):
        callback_id = await scene.create(api)
        agent = await scene.agent.call()
        agent.respond(180)
        await server.kill()
    async with scene.server() as (server, api):
        await agent.invite.cancelled.wait()
        again, target = await scene.agent.answered(), await scene.target.answered()
        await target.hang_up()
        await again.ended.wait()
        ended = await api.until_ended(callback_id)
        assert [a.outcome for a in ended.attempts] == [cb.CALL_OUTCOME_ANSWERED]


@pytest.mark.long
@patient
async def test_killed_while_the_targets_phone_rings(scene: Scene) -> None:
    """It may ring no longer without anybody to connect it to: both sides are hung up, and the attempt is used."""
    async with scene.server() as (server, api):
        callback_id = await scene.create(api)
        agent, target = await scene.agent.answered(), await scene.target.call()
        target.respond(180)
        await api.until(callback_id, lambda c: bool(c.attempts) and c.attempts[0].HasField("ring_time"))
        await server.kill()
    async with scene.server() as (server, api):
        await target.invite.cancelled.wait()
        await agent.ended.wait()
        waits = await api.until(callback_id, lambda c: c.state == cb.CALLBACK_STATE_SCHEDULED)
        assert [a.outcome for a in waits.attempts] == [cb.CALL_OUTCOME_INTERRUPTED]


@pytest.mark.long
@patient
async def test_another_server_goes_on_at_another_address(scene: Scene, cluster: Durable) -> None:
    """Some seconds after the first one was killed. It tells both phones where it is, and they reach it there."""
    scene.database = cluster.new_schema()
    async with scene.server(0) as (first, api), scene.server(1) as (second, other_api):
        callback_id = await scene.create(api)
        agent, target = await scene.agent.answered(), await scene.target.answered()
        await agent.reinvited.wait()
        await api.until(callback_id, lambda c: c.state == cb.CALLBACK_STATE_CONNECTED)
        await scene.until_joined()
        is_first = f":{scene.ports[0]}" in (contact_uri(agent.request) or "")
        killed, left = (first, second) if is_first else (second, first)
        for call in (agent, target):
            call.reinvited.clear()
        await killed.kill()
        await left.line("is taken over")
        await agent.reinvited.wait()
        await target.reinvited.wait()
        assert (await target.hang_up()).status == 200
        await agent.ended.wait()
        ended = await (other_api if is_first else api).until_ended(callback_id)
        assert [a.outcome for a in ended.attempts] == [cb.CALL_OUTCOME_ANSWERED]
