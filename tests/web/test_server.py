"""The HTTP server with clients that behave."""

import asyncio
import socket

import h2.events
import pytest

from ringback.config import Listen
from ringback.listening import CannotListen
from ringback.web.peer import CONNECTION
from ringback.web.server import WebServer
from tests.world.http_client import connected, connected_http2
from tests.world.http_stage import LOCAL, HttpStage, ServeHttp


async def test_one_connection_has_many_requests(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected(server.port) as client:
        for body in (b"", b"one", b"x" * 300_000):
            response = await client.request("POST", "/", body)
            assert (response.status, response.body) == (200, body)
            assert "server" not in response.headers
            assert "date" in response.headers


async def test_a_body_in_chunks_is_read(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected(server.port) as client:
        await client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        )
        assert (await client.response()).body == b"onetwo"


async def test_a_client_that_asks_before_it_sends_a_body_is_let(serve_http: ServeHttp) -> None:
    async with serve_http() as server, connected(server.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.response(has_body=False)).status == 100
        await client.send(b"one")
        assert (await client.response()).body == b"one"


async def test_requests_in_a_row_are_answered_in_their_order(serve_http: ServeHttp) -> None:
    requests = b"".join(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%d" % number for number in range(9))
    async with serve_http() as server, connected(server.port) as client:
        await client.send(requests)
        assert [(await client.response()).body for _ in range(9)] == [b"%d" % number for number in range(9)]


async def test_head_has_the_headers_alone(serve_http: ServeHttp) -> None:
    async with serve_http() as server, connected(server.port) as client:
        response = await client.request("HEAD", "/refuse")
        assert (response.status, response.headers["content-length"], response.body) == (401, "2", b"")
        assert (await client.get()).status == 200


async def test_http2_has_many_requests_at_a_time(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected_http2(server.port) as client:
        waiting = [await client.begin(path="/wait") for _ in range(20)]
        assert (await client.get()).status == 200
        stage.may_go_on.set()
        assert [(await client.response(each)).body for each in waiting] == [b"done"] * 20
        assert stage.scopes[0]["http_version"] == "2"


async def test_http2_takes_bodies_that_are_larger_than_its_windows(serve_http: ServeHttp) -> None:
    body = b"x" * 300_000
    async with serve_http() as server, connected_http2(server.port) as client:
        stream = await client.begin("POST", ended=False)
        rest = body
        while rest:
            size = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size, len(rest))
            if not size:
                await client.event(h2.events.WindowUpdated)
                continue
            client.h2.send_data(
                stream, rest[:size], end_stream=size == len(rest), pad_length=7 if size < 9000 else None
            )
            rest = rest[size:]
            await client.flush()
        assert (await client.response(stream)).body == body


async def test_a_target_with_a_host_has_the_host_that_counts(serve_http: ServeHttp, stage: HttpStage) -> None:
    """RFC 9112, section 3.2.2."""
    async with serve_http() as server, connected(server.port) as client:
        for target, path, host in (
            ("http://b.example:81/refuse?q=1", "/refuse", b"b.example:81"),
            ("HTTPS://b.example/refuse", "/refuse", b"b.example"),
            ("http://b.example", "/", b"b.example"),
            ("http://b.example?q=1", "/", b"b.example"),
            ("http://[::1", "/", b"[::1"),
            ("http://user@b.example/", "/", b"user@b.example"),
            ("http:///refuse", "/refuse", b""),
        ):
            await client.get(target, {"host": "a.example"})
            scope = stage.scopes[-1]
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            assert (scope["path"], hosts) == (path, [host])


async def test_the_scope_has_the_peer_as_grpc_writes_it(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected(server.port) as client:
        await client.get()
        name = client.writer.get_extra_info("sockname")
        assert stage.scopes[0]["state"][CONNECTION].peer == f"ipv4:127.0.0.1:{name[1]}"
        assert set(server.open_connections()) == {f"ipv4:127.0.0.1:{name[1]}"}


async def test_parts_of_a_response_do_not_wait_for_one_another(serve_http: ServeHttp) -> None:
    """asyncio switches Nagle's algorithm off for the sockets that it has made itself, and not for this one."""
    async with serve_http() as server, connected(server.port) as client:
        await client.get()
        [accepted] = server._open
        assert accepted.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("listen", "host", "peer"),
    [
        ("[::1]:0", "::1", "ipv6:%5B::1%5D"),
        ("[::]:0", "127.0.0.1", "ipv4:127.0.0.1"),
        ("[::]:0", "::1", "ipv6:%5B::1%5D"),
        ("localhost:0", "127.0.0.1", "ipv4:127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.1", "ipv4:127.0.0.1"),
    ],
)
async def test_addresses_of_both_kinds(
    listen: str, host: str, peer: str, serve_http: ServeHttp, stage: HttpStage
) -> None:
    async with serve_http(listen=Listen.parse(listen)) as server, connected(server.port, host) as client:
        assert (await client.get()).status == 200
        assert stage.scopes[0]["state"][CONNECTION].peer.rpartition(":")[0] == peer


def test_an_address_that_is_taken_is_refused() -> None:
    first, second = WebServer(), WebServer()
    address = first.bind(LOCAL)
    with pytest.raises(CannotListen, match=rf"^cannot listen on {address}: the port is in use$"):
        second.bind(Listen.parse(address))
    for each in first._sockets:
        each.close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotListen, match="the address is not one of this machine"):
        WebServer().bind(Listen("192.0.2.1", 0))


async def test_a_client_that_goes_has_its_request_cancelled(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server:
        async with connected(server.port) as client:
            await client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await stage.entered.wait()
        await asyncio.wait_for(stage.cancelled.wait(), 20)


async def test_a_request_that_is_reset_is_cancelled_alone(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected_http2(server.port) as client:
        stream = await client.begin(path="/wait")
        await stage.entered.wait()
        client.h2.reset_stream(stream)
        await client.flush()
        await asyncio.wait_for(stage.cancelled.wait(), 20)
        assert (await client.get()).status == 200


async def test_half_of_a_response_does_not_look_complete(serve_http: ServeHttp) -> None:
    async with serve_http() as server:
        async with connected(server.port) as client:
            with pytest.raises(asyncio.IncompleteReadError):
                await client.request("GET", "/fail")
        async with connected_http2(server.port) as second:
            with pytest.raises(ConnectionError, match="reset"):
                await second.get("/fail")
            assert (await second.get()).status == 200


async def test_a_server_that_drains_has_clients_leave(serve_http: ServeHttp) -> None:
    """They find another server before this one closes what they would send a request on."""
    async with serve_http() as server, connected(server.port) as client:
        assert "connection" not in (await client.get()).headers
        server.drain()
        assert (await client.get()).headers["connection"] == "close"
        assert await client.is_ended()


async def test_a_stop_ends_what_waits_and_lets_requests_finish(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with (
        serve_http() as server,
        connected(server.port) as idle,
        connected(server.port) as busy,
        connected_http2(server.port) as two,
    ):
        await idle.get()
        await two.get()
        await busy.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await stage.entered.wait()
        stopping = asyncio.create_task(server.stop())
        assert await idle.is_ended()
        assert (await two.event(h2.events.ConnectionTerminated)).error_code == 0
        stage.may_go_on.set()
        assert (await busy.response()).body == b"done"
        await asyncio.wait_for(stopping, 20)
        assert not server.open_connections()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


async def test_a_stop_does_not_wait_for_what_is_stuck(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected(server.port) as stuck, connected(server.port) as begun:
        await begun.send(b"GET / HT")
        await stuck.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await stage.entered.wait()
        await asyncio.wait_for(server.stop(), 20)
        assert stage.cancelled.is_set()
        assert await stuck.is_ended()
        assert await begun.is_ended()
