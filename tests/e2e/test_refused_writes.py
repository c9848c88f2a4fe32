"""The disk has next to no room: the server says so at once, everywhere, and until there is room again."""

import asyncio
import http.client
import resource
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.rpc.server import SERVICES
from ringback.storage.sqlite import SqliteStore
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, by_id, refusal_of
from tests.world.health import NOT_SERVING, SERVING, HealthWatch
from tests.world.scraped import Scraped
from tests.world.server_process import serving

PATIENCE_S = 20.0
ROOM, PLENTY = 6, 1_000_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http=Listen("127.0.0.1", 0), dialer="none")


@pytest.fixture
async def api(app: App) -> AsyncIterator[Api]:
    async with Api.connect(app.port) as api, asyncio.timeout(PATIENCE_S):
        await api.add_service()
        yield api


async def leave_room(app: App, pages: int) -> None:
    """Let the file grow by so many pages, and no more: what SQLite says then is what a full disk has it say."""

    def limit(database: sqlite3.Connection) -> None:
        (size,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {size + pages}")

    store = app.store
    assert isinstance(store, SqliteStore)
    await store._writing.run(limit)


async def batch(api: Api, count: int) -> str:
    """Create many callbacks at once; return why that is refused, or OK."""
    requests = [pb.CreateCallbackRequest(callback_request=api.request(f"sip:{n}@sim.example")) for n in range(count)]
    try:
        await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests))
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {refusal_of(error).reason}"
    return "OK"


async def over_http(app: App, path: str) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        connection = http.client.HTTPConnection(app.edges.web_address, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(get)


async def test_a_nearly_full_disk(app: App, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    watches = [HealthWatch(api, service) for service in ("", *SERVICES)]
    for watch in watches:
        await watch.until(SERVING)
    there = await api.create("sip:there@sim.example")
    await leave_room(app, ROOM)

    for _ in range(5):
        assert await batch(api, 200) == "UNAVAILABLE STORAGE_UNAVAILABLE"
        assert await watches[0].now() == NOT_SERVING
    for watch in watches:
        await watch.until(NOT_SERVING)
    assert await over_http(app, "/healthz") == (503, "NOT_SERVING\n")
    assert Scraped((await over_http(app, "/metrics"))[1]).value("ringback_database_writable") == 0

    # What is small still fits, and shows nothing.
    await api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(there.callback_id)))
    await app.store.check_health()
    assert await watches[0].now() == NOT_SERVING

    await leave_room(app, PLENTY)
    for watch in watches:
        await watch.until(SERVING)  # and nobody has sent a request
    assert await over_http(app, "/healthz") == (200, "SERVING\n")
    assert await batch(api, 200) == "OK"
    assert [line for line in caplog.messages if line.startswith("the database")] == [
        "the database does not take writes: database or disk is full",
        "the database takes writes again",
    ]


@pytest.mark.long
async def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """An I/O error, of a server in a process of its own."""
    path = tmp_path / "ringback.db"
    async with (
        asyncio.timeout(PATIENCE_S),
        serving("--listen", "127.0.0.1:0", "--database", f"sqlite:///{path}", "--dialer", "none") as server,
        Api.at(await server.address()) as api,
    ):
        await api.add_service()
        watch = HealthWatch(api)
        await watch.until(SERVING)
        size = path.with_name("ringback.db-wal").stat().st_size
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        assert await batch(api, 200) == "UNAVAILABLE STORAGE_UNAVAILABLE"
        await watch.until(NOT_SERVING)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
        await watch.until(SERVING)
        assert await batch(api, 200) == "OK"
        told = [line.partition(" the database ")[2] for line in server.log]
        assert [line for line in told if line.startswith(("does", "takes"))] == [
            "does not take writes: disk I/O error",
            "takes writes again",
        ]


async def test_a_stop_is_not_taken_back_by_a_database_that_is_well_again(app: App, api: Api) -> None:
    watch = HealthWatch(api)
    await leave_room(app, 0)
    await batch(api, 200)
    await watch.until(NOT_SERVING)
    as_set = app._settings
    app._settings = replace(as_set, lame_duck=timedelta(seconds=PATIENCE_S))
    stopping = asyncio.create_task(app.stop())
    await leave_room(app, PLENTY)
    await app.store.check_health()
    assert app.store.healthy
    assert await watch.now() == NOT_SERVING
    app._settings = as_set
    stopping.cancel()


async def test_a_writer_that_dies_ends_the_server(app: App, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that can never write again is no use; a supervisor makes it anew."""

    async def fail(_: object) -> None:
        raise ZeroDivisionError

    store = app.store
    assert isinstance(store, SqliteStore)
    monkeypatch.setattr(store._writer, "_write", fail)
    with pytest.raises(grpc.aio.AioRpcError):
        await api.create()
    await app.failed.wait()
