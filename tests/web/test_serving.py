"""HTTP beside gRPC in one server: its settings, its address, and its end."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ringback.app import App
from ringback.config import Listen, SettingError, Settings
from ringback.listening import CannotListen
from tests.world.api import Api
from tests.world.command_line import start
from tests.world.http_client import LIMIT_S, connected, connected_http2
from tests.world.http_stage import LOCAL

REACHABLE = Listen("0.0.0.0", 0)


@pytest.fixture
async def web_app(settings: Settings) -> AsyncIterator[App]:
    async with await App.start(replace(settings, http=LOCAL)) as app:
        yield app


def _web_port(app: App) -> int:
    assert app.edges.http is not None
    return app.edges.http.server.port


async def test_http_is_off_unless_it_is_given(app: App) -> None:
    assert app.edges.http is None


async def test_both_ports_are_served(web_app: App) -> None:
    async with Api.connect(web_app.port) as api, connected(_web_port(web_app)) as client:
        await api.add_service()
        assert (await client.get("/nothing")).status == 404
        assert web_app.edges.web_address == f"127.0.0.1:{_web_port(web_app)}"


async def test_connections_of_both_ports_are_known(web_app: App) -> None:
    async with Api.connect(web_app.port) as api, connected(_web_port(web_app)) as client:
        await api.add_service()
        await client.get("/nothing")
        assert f"ipv4:127.0.0.1:{client.writer.get_extra_info('sockname')[1]}" in web_app.edges.open_connections()
        assert len(web_app.edges.open_connections()) == 2


async def test_an_http_address_that_is_taken_ends_the_start(web_app: App, settings: Settings, tmp_path: Path) -> None:
    taken = Listen("127.0.0.1", _web_port(web_app))
    with pytest.raises(CannotListen, match="the port is in use"):
        await App.start(replace(settings, database=tmp_path / "b.db", http=taken))
    # Nothing of it is left in the way.
    async with await App.start(replace(settings, database=tmp_path / "b.db", http=LOCAL)) as app:
        assert app.port


async def test_one_address_for_both_is_refused(settings: Settings, tmp_path: Path) -> None:
    async with await App.start(settings) as app:
        taken = Listen("127.0.0.1", app.port)
        with pytest.raises(CannotListen, match="the port is in use"):
            await App.start(replace(settings, database=tmp_path / "b.db", http=taken))


def test_an_address_that_others_reach_has_to_be_allowed() -> None:
    with pytest.raises(SettingError, match="--insecure") as caught:
        Settings(http=REACHABLE)
    assert caught.value.settings == ("http", "insecure")
    with pytest.raises(SettingError, match="--open") as caught:
        Settings(http=REACHABLE, insecure=True)
    assert caught.value.settings == ("http", "open")
    assert Settings(http=REACHABLE, insecure=True, open=True).http == REACHABLE
    assert Settings(http=Listen("[::1]", 0)).http is not None


async def test_a_stop_is_not_held_up_by_connections(settings: Settings) -> None:
    """Neither by idle ones, nor by those that have begun a request and do not end it."""
    async with AsyncExitStack() as clients:
        app = await App.start(replace(settings, http=LOCAL))
        idle = await clients.enter_async_context(connected(_web_port(app)))
        await idle.get("/nothing")
        begun = await clients.enter_async_context(connected(_web_port(app)))
        await begun.send(b"GET / HTTP/1.1\r\n")
        second = await clients.enter_async_context(connected_http2(_web_port(app)))
        await second.get("/nothing")
        async with asyncio.timeout(LIMIT_S):
            await app.stop()
        assert await idle.is_ended()
        assert await begun.is_ended()


async def test_many_slow_clients_leave_grpc_alone(web_app: App) -> None:
    async with Api.connect(web_app.port) as api, AsyncExitStack() as clients:
        await api.add_service()
        for _ in range(1_000):
            client = await clients.enter_async_context(connected(_web_port(web_app)))
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nX: ")
        assert (await api.create()).callback_id
        async with connected(_web_port(web_app)) as other:
            assert (await other.get("/nothing")).status == 404


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "localhost"), ("[::1]", "[::1]"), ("[::]", "localhost")],
)
async def test_the_page_is_where_a_browser_of_this_machine_finds_it(
    settings: Settings, host: str, expected: str
) -> None:
    """The door answers to no address that stands for all of them."""
    listening = replace(settings, http=Listen(host, 0), insecure=True, open=True)
    async with await App.start(listening) as app:
        assert app.edges.http is not None
        assert app.edges.http.page == f"http://{expected}:{_web_port(app)}/"
        async with connected(_web_port(app), host.strip("[]")) as browser:
            page = await browser.get("/ui/queues", {"host": app.edges.http.page.removeprefix("http://").strip("/")})
            assert page.status == 200


async def test_the_log_says_where_http_is_served(tmp_path: Path) -> None:
    process = await start(
        "serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:///{tmp_path}/a.db", RINGBACK_HTTP="127.0.0.1:0"
    )
    assert process.stderr is not None
    seen = ""
    async with asyncio.timeout(LIMIT_S):
        while "listening on" not in seen:
            line = (await process.stderr.readline()).decode()
            assert line, seen
            seen += line
        found = re.search(r"serving HTTP on 127\.0\.0\.1:(\d+)\n", seen)
        assert found is not None
        assert f"the page is at http://127.0.0.1:{found[1]}/\n" in seen
        async with connected(int(found[1])) as client:
            assert (await client.get("/nothing")).status == 404
            process.send_signal(signal.SIGTERM)
            rest = (await process.stderr.read()).decode()
        assert await process.wait() == 0
    assert "every program that reaches 127.0.0.1:0 and 127.0.0.1:0 may do everything" in seen
    assert "Traceback" not in rest
    assert "hypercorn" not in seen + rest
