"""The dialer that users copy: clients/python/dialer."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clients.python.dialer import dialer as example
from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from tests.world.api import Api
from tests.world.dialer import ANSWERED, PATIENCE_S, Dialer
from tests.world.requests import cancel, create_many, update

EXAMPLE = Path(example.__file__)


@asynccontextmanager
async def example_dialer(port: int, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), "--server", f"127.0.0.1:{port}", "--dialer-id", "example"),
        *options,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def sigterm(process: asyncio.subprocess.Process) -> str:
    """Return its log, once it has exited with 0."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        _, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    assert b"Traceback" not in log
    return log.decode()


async def test_the_example_makes_calls_and_exits_0(api: Api, app: App) -> None:
    callbacks = await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(10)))
    async with example_dialer(app.port, "--lines", "5") as process:
        for callback in callbacks:
            ended = await api.until_ended(callback.callback_id)
            assert ended.state == cb.CALLBACK_STATE_COMPLETED
            assert [attempt.dialer_id for attempt in ended.attempts] == ["example"]
            assert ended.attempts[0].HasField("ring_time")
            assert (ended.attempts[0].agent, ended.attempts[0].disposition) == ("example agent", "done")
        await sigterm(process)


async def test_the_example_finishes_its_call_before_it_exits(api: Api, app: App) -> None:
    talking = await api.create("sip:1@b.example")
    async with example_dialer(app.port, "--lines", "1") as process:
        await api.until(talking.callback_id, lambda callback: callback.state == cb.CALLBACK_STATE_CONNECTED)
        left = await api.create("sip:2@b.example")
        await sigterm(process)
    ended = await api.get(talking.callback_id)
    assert (ended.state, ended.attempts[0].outcome) == (cb.CALLBACK_STATE_COMPLETED, ANSWERED)
    assert await api.get(left.callback_id) == left


async def test_the_example_hangs_up_when_told(api: Api) -> None:
    callback = await api.create()
    telephone = example.Telephone()
    telephone.ring_s = 60
    copied = example.Dialer(api.dialers, telephone, "example", lines=1, lease_s=5)
    running = asyncio.create_task(copied.run())
    await api.until(callback.callback_id, lambda c: c.attempt_count == 1 and c.attempts[0].HasField("ring_time"))
    await cancel(api, callback)
    async with asyncio.timeout(PATIENCE_S):
        ended = await api.until_ended(callback.callback_id)
        copied.stopping.set()
        await running
    assert ended.state == cb.CALLBACK_STATE_CANCELLED
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_NO_ANSWER


class Screen(example.Telephone):
    """Keeps what an agent has seen, and rings until it is hung up."""

    ring_s = 60

    def __init__(self) -> None:
        self.shown: asyncio.Queue[str] = asyncio.Queue()

    def show(self, lease: Any) -> None:
        self.shown.put_nowait(lease.callback.callback_request.description)


async def test_the_example_shows_new_texts_as_they_come_with_an_extension(api: Api) -> None:
    callback = await api.create(description="old")
    screen = Screen()
    copied = example.Dialer(api.dialers, screen, "example", lines=1, lease_s=5)
    running = asyncio.create_task(copied.run())
    async with asyncio.timeout(PATIENCE_S):
        assert await screen.shown.get() == "old"
        await api.until(callback.callback_id, lambda c: c.attempt_count == 1 and c.attempts[0].HasField("ring_time"))
        await update(api, callback, description="new")
        assert await screen.shown.get() == "new"
        await cancel(api, callback)
        await api.until_ended(callback.callback_id)
        copied.stopping.set()
        await running
    assert screen.shown.empty()


async def test_the_example_shows_new_texts_as_they_come_with_a_report(api: Api, dialer: Dialer) -> None:
    callback = await api.create(description="old")
    lease = await dialer.lease_one()
    await update(api, callback, description="new")
    screen = Screen()
    screen.ring_s = 0
    await example.Dialer(api.dialers, screen, "example", lines=1)._call(lease)
    assert [screen.shown.get_nowait() for _ in range(screen.shown.qsize())] == ["old", "new"]
    assert lease.callback.state == cb.CALLBACK_STATE_CONNECTED


async def test_the_example_gives_back_what_it_has_not_dialled(api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    copied = example.Dialer(api.dialers, example.Telephone(), "example", lines=1)
    copied.stopping.set()
    await copied._call(lease)
    given_back = await api.get(callback.callback_id)
    assert (given_back.state, given_back.attempt_count) == (cb.CALLBACK_STATE_QUEUED, 0)


async def test_the_example_places_no_call_after_a_cancel(api: Api, dialer: Dialer) -> None:
    class Silent(example.Telephone):
        async def call(self, *_: Any) -> Any:
            raise AssertionError("a call was placed")

    callback = await api.create()
    lease = await dialer.lease_one()
    await cancel(api, callback)
    await example.Dialer(api.dialers, Silent(), "example", lines=1)._call(lease)
    assert (await api.get(callback.callback_id)).attempt_count == 0
