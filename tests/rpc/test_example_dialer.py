"""The dialer that users copy: clients/python/dialer."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from clients.python.dialer import dialer as example
from ringback.app import App
from ringback.client import insecure_channel
from ringback.config import Settings
from ringback.domain.errors import CredentialsInvalid
from ringback.identity.rules import AccessRules
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub
from tests.world.api import Api, by_id
from tests.world.dialer import ANSWERED, PATIENCE_S, Dialer, until
from tests.world.identities import GRANTED, OWN, RULES, STRANGER, Identities, token_of
from tests.world.requests import cancel, create_many, update

pytestmark = pytest.mark.long

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
            assert ended.attempts[0].call_ids == ["agent@example", "target@example"]
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


class NobodyThere(example.Telephone):
    async def agent(self, lease: Any, hang_up: asyncio.Event) -> str:
        return "486 Busy Here"


async def test_the_example_gives_back_what_no_agent_takes(api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    await example.Dialer(api.dialers, NobodyThere(), "example", lines=1)._call(lease)
    back = await api.get(callback.callback_id)
    assert (back.state, back.attempt_count) == (cb.CALLBACK_STATE_QUEUED, 0)
    look = directory_pb.GetQueueRequest(callback_key=by_id(callback.callback_id))
    position = (await api.directory.GetQueue(look)).position
    assert position.reason == directory_pb.WAITING_REASON_AGENTS_DO_NOT_ANSWER


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


class _Conversation(example.Telephone):
    """Talks until it is over."""

    def __init__(self) -> None:
        self.begun, self.over = asyncio.Event(), asyncio.Event()

    async def call(self, _: dialer_pb.Lease, progress: Any, __: asyncio.Event) -> dialer_pb.ReportOutcomeRequest:
        await progress(dialer_pb.ATTEMPT_PROGRESS_CONNECTED)
        self.begun.set()
        await self.over.wait()
        return dialer_pb.ReportOutcomeRequest(outcome=cb.CALL_OUTCOME_ANSWERED)


# --- Credentials -----------------------------------------------------------------------------------------------


@pytest.fixture
async def guarded(settings: Settings) -> AsyncIterator[App]:
    async with await App.start(replace(settings, access=RULES)) as app:
        yield app


async def test_the_example_has_a_token(guarded: App, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(token_of("dialer"))
    async with Identities.at(f"127.0.0.1:{guarded.port}") as identities:
        subject = await identities.subject(OWN, GRANTED)
        async with example_dialer(guarded.port, "--token-file", str(token), "--plain-token") as process:
            ended = await identities["operator"].until_ended(subject.callback_id)
            assert ended.state == cb.CALLBACK_STATE_COMPLETED
            await sigterm(process)


async def test_the_example_finishes_its_call_when_it_gets_no_more_leases(guarded: App, tmp_path: Path) -> None:
    """Its token is taken away during a call, and is back when the call is reported."""
    token = tmp_path / "token"
    token.write_text(token_of("dialer"))
    async with Identities.at(f"127.0.0.1:{guarded.port}") as identities:
        subject = await identities.subject(OWN, GRANTED)
        telephone = _Conversation()
        async with insecure_channel(f"127.0.0.1:{guarded.port}", token_file=token) as channel:
            copied = example.Dialer(DialerServiceStub(channel), telephone, "example", lines=2)
            running = asyncio.create_task(copied.run())
            async with asyncio.timeout(PATIENCE_S):
                await telephone.begun.wait()
                guarded.replace_access(AccessRules(identities=()))
                await copied.stopping.wait()
                guarded.replace_access(RULES)
                telephone.over.set()
                with pytest.raises(grpc.aio.AioRpcError, match="valid credentials"):
                    await running
        ended = await identities["operator"].get(subject.callback_id)
        assert ended.state == cb.CALLBACK_STATE_COMPLETED


async def test_the_example_goes_on_extending_after_a_refusal(guarded: App, caplog: pytest.LogCaptureFixture) -> None:
    """It holds more than one call may name. All of them are lost, and are told to hang up once it is let in again."""
    guarded.replace_access(AccessRules(identities=()))
    async with insecure_channel(f"127.0.0.1:{guarded.port}", token=token_of("dialer")) as channel:
        copied = example.Dialer(DialerServiceStub(channel), example.Telephone(), "example", lines=2000, lease_s=5)
        copied._held = {f"lost-{n}": example._Held(dialer_pb.Lease()) for n in range(1001)}
        keeper = asyncio.create_task(copied._keep_leases())
        await until(lambda: "leases not extended" in caplog.text)
        guarded.replace_access(RULES)
        await until(lambda: all(held.hang_up.is_set() for held in copied._held.values()))
        keeper.cancel()


async def test_the_example_says_in_one_line_that_its_token_is_not_valid(guarded: App, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(token_of(STRANGER))
    async with example_dialer(guarded.port, "--token-file", str(token), "--plain-token") as process:
        async with asyncio.timeout(PATIENCE_S):
            _, log = await process.communicate()
    assert process.returncode == 1
    [line] = log.decode().splitlines()
    assert line.endswith("ERROR the server gives no more leases: " + str(CredentialsInvalid()))


async def test_the_example_sends_no_token_in_plain_text_by_itself(guarded: App, tmp_path: Path) -> None:
    async with example_dialer(guarded.port, "--token-file", str(tmp_path / "token")) as process:
        _, log = await process.communicate()
    assert process.returncode == 2
    assert b"--plain-token" in log
