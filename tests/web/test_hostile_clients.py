"""The HTTP server with clients that misuse it: each comes to an end, and no other client is worse off."""

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from typing import Final

import h2.events
import h2.settings
import pytest
from h2.errors import ErrorCodes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.web.server_http2 import MAX_STREAMS
from tests.world.http_client import LIMIT_S, HttpResponse, connected, connected_http2
from tests.world.http_stage import HttpStage, ServeHttp

HEAD: Final = b"POST / HTTP/1.1\r\nHost: a\r\n"


def assert_refused(response: HttpResponse, status: int) -> None:
    """Whoever refuses it, the client gets what it gets of any other refusal."""
    assert response.status == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = json.loads(response.body)
    assert problem.keys() >= {"type", "title", "status", "reason", "violations"}
    assert problem["status"] == status
    assert response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("begun", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"PRI * HTT"])
async def test_headers_that_do_not_come_end_the_connection(begun: bytes, serve_http: ServeHttp) -> None:
    async with serve_http(headers_s=0.1) as server, connected(server.port) as client:
        await client.send(begun)
        assert await client.is_ended()


@pytest.mark.parametrize("is_busy", [False, True])
async def test_headers_that_do_not_come_end_a_connection_of_http2(
    is_busy: bool, serve_http: ServeHttp, stage: HttpStage
) -> None:
    """Also one that has a request already, which waits for something."""
    async with serve_http(headers_s=0.1) as server, connected_http2(server.port) as client:
        if is_busy:
            await client.begin(path="/wait")
            await stage.entered.wait()
        await client.event(h2.events.RemoteSettingsChanged)
        # HEADERS that go on in a CONTINUATION.
        client.writer.write(b"\0\0\x01\x01\x01\0\0\0\x03\x82")
        assert (await client.event(h2.events.ConnectionTerminated)).error_code == ErrorCodes.NO_ERROR
        if is_busy:
            await asyncio.wait_for(stage.cancelled.wait(), LIMIT_S)


async def test_headers_that_trickle_end_the_connection(serve_http: ServeHttp) -> None:
    """A byte now and then is no sign of life: the time counts from the first one on."""
    async with serve_http(headers_s=0.2) as server, connected(server.port) as client:
        await client.get()

        async def trickle() -> None:
            while True:
                await client.send(b"X")
                await asyncio.sleep(0.01)

        trickling = asyncio.create_task(trickle())
        assert await client.is_ended()
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)


async def test_a_connection_that_is_not_used_any_more_ends(serve_http: ServeHttp) -> None:
    async with serve_http(idle_s=0.1) as server:
        async with connected(server.port) as client:
            await client.get()
            assert await client.is_ended()
        async with connected_http2(server.port) as second:
            await second.get()
            assert (await second.event(h2.events.ConnectionTerminated)).error_code == 0


def assert_is_problem(response: HttpResponse) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    problem = json.loads(response.body)
    assert problem.keys() == {"type", "title", "status", "detail", "reason", "violations"}
    assert problem["status"] == response.status
    assert problem["detail"]


async def test_a_refusal_of_head_has_no_content(serve_http: ServeHttp) -> None:
    async with serve_http() as server:
        async with connected(server.port) as client:
            await client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 101 + b"\r\n")
            assert (await client.response(has_body=False)).status == 431
            assert await client.reader.read() == b""
        async with connected(server.port) as client:
            assert (await client.request("HEAD", "/")).status == 200
            await client.send(b"nonsense\r\n\r\n")
            assert_is_problem(await client.response())
        async with connected_http2(server.port) as second:
            response = await second.response(await second.begin("HEAD", "/", {f"x-{n}": "x" for n in range(101)}))
            assert (response.status, response.body) == (431, b"")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 101 + b"\r\n", 431),
        # What a proxy in front may take for something else than this server.
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\none", 400),
        (HEAD + b"Content-Length: 3, 4\r\n\r\none", 400),
        (HEAD + b"Content-Length: +3\r\n\r\none", 400),
        (HEAD + b"Content-Length: -1\r\n\r\none", 400),
        (HEAD + b"Content-Length: 0x3\r\n\r\none", 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length : 3\r\n\r\none", 400),
        (HEAD + b"X: a\0b\r\n\r\n", 400),
        (HEAD + b"X: a\rb\r\n\r\n", 400),
        (HEAD + b"\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        # Lines that do not end in CR LF, or go on in the next one.
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (HEAD + b"X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length:\r\n\t3\r\n\r\none", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
async def test_what_can_be_understood_in_two_ways_is_refused(
    request_bytes: bytes, status: int, serve_http: ServeHttp, stage: HttpStage
) -> None:
    async with serve_http() as server, connected(server.port) as client:
        await client.send(request_bytes)
        response = await client.response()
        assert response.status == status
        if status != 200:
            assert response.headers["connection"] == "close"
            assert_is_problem(response)
            assert_refused(response, status)
            assert await client.is_ended()
            assert stage.scopes == []


async def test_bad_chunks_end_the_connection(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected(server.port) as client:
        await client.send(b"POST /wait HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await stage.entered.wait()
        await client.send(b"zz\r\n")
        assert (await client.response()).status == 400
        assert await client.is_ended()
        assert stage.cancelled.is_set()


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    ],
)
async def test_there_is_no_upgrade(upgrade: bytes, serve_http: ServeHttp) -> None:
    async with serve_http() as server, connected(server.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n" + upgrade + b"\r\n")
        assert (await client.response()).status == 200
        assert (await client.get()).status == 200


async def test_a_body_that_nobody_reads_is_no_burden(serve_http: ServeHttp, stage: HttpStage) -> None:
    """The client gets the response, although it goes on sending for a while."""
    async with serve_http() as server, connected(server.port) as client:
        await client.send(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        await client.send(b"x" * 3_000_000)
        response = await client.response()
        assert (response.body, response.headers["connection"]) == (b"no", "close")
        assert await client.is_ended()
    assert not server.open_connections()


async def test_a_body_without_an_end_is_cut_off(serve_http: ServeHttp) -> None:
    async with serve_http(linger_s=0.2) as server, connected(server.port) as client:
        await client.send(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
        assert (await client.response()).status == 401

        async def flood() -> None:
            while True:
                await client.send(b"x" * 65536)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flood(), 20)


async def test_a_body_that_does_not_come_ends_the_request(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http(body_s=0.1) as server:
        async with connected(server.port) as client:
            await client.send(HEAD + b"Content-Length: 10\r\n\r\nbegun")
            assert_refused(await client.response(), 408)
            assert await client.is_ended()
        async with connected_http2(server.port) as second:
            stream = await second.begin("POST", ended=False)
            assert_refused(await second.response(stream), 408)
            assert (await second.get()).status == 200


async def test_http2_lets_a_client_send_the_rest_of_a_refused_request(serve_http: ServeHttp) -> None:
    """Clients that are reset while they send lose the response, such as curl before 8."""
    async with serve_http() as server, connected_http2(server.port) as client:
        refused = await client.begin("POST", "/refuse", ended=False)
        assert (await client.response(refused)).status == 401
        for _ in range(100):
            while client.h2.local_flow_control_window(refused) < 10_000:
                await client.event(h2.events.WindowUpdated)
            client.h2.send_data(refused, b"x" * 10_000)
            await client.flush()
        client.h2.end_stream(refused)
        await client.flush()
        assert (await client.get()).status == 200
        assert not client.has_come(h2.events.StreamReset)


async def test_http2_resets_a_refused_request_that_has_no_end(serve_http: ServeHttp) -> None:
    async with serve_http(linger_s=60.0) as server, connected_http2(server.port) as client:
        refused = await client.begin("POST", "/refuse", ended=False)
        assert (await client.response(refused)).status == 401
        while not client.has_come(h2.events.StreamReset):
            while not (window := client.h2.local_flow_control_window(refused)):
                await client.event(h2.events.WindowUpdated)
            client.h2.send_data(refused, b"x" * min(window, 16_000))
            await client.flush()
            assert (await client.get()).status == 200
        assert (await client.event(h2.events.StreamReset, refused)).error_code == ErrorCodes.NO_ERROR


async def test_http2_ends_a_body_that_nobody_reads_alone(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http(linger_s=0.0) as server, connected_http2(server.port) as client:
        waiting = await client.begin(path="/wait")
        refused = await client.begin("POST", "/refuse", ended=False)
        client.h2.send_data(refused, b"x" * 10_000)
        await client.flush()
        assert (await client.response(refused)).status == 401
        assert (await client.event(h2.events.StreamReset, refused)).error_code == ErrorCodes.NO_ERROR
        # More of it, and more than the window of the connection holds: none of it is kept from the others.
        for _ in range(20):
            stream = await client.begin("POST", "/refuse", ended=False)
            client.h2.send_data(stream, b"x" * 10_000)
            await client.flush()
            assert (await client.response(stream)).status == 401
        stage.may_go_on.set()
        assert (await client.response(waiting)).body == b"done"


async def test_a_body_that_is_not_read_holds_up_no_other_request(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http() as server, connected_http2(server.port) as client:
        waiting = await client.begin("POST", "/wait", ended=False)
        client.h2.send_data(waiting, b"x" * 16_000)
        client.h2.send_data(waiting, b"x" * 16_000)
        await client.flush()
        assert (await client.get()).status == 200


@pytest.mark.parametrize("is_http2", [False, True])
async def test_a_client_that_does_not_read_is_given_up(is_http2: bool, serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http(stalled_s=0.2) as server:
        if is_http2:
            async with connected_http2(server.port) as client:
                await client.begin(path="/flood")
                await asyncio.wait_for(stage.cancelled.wait(), 20)
        else:
            async with connected(server.port) as raw:
                await raw.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
                await asyncio.wait_for(stage.cancelled.wait(), 20)


async def test_http2_has_its_limits(serve_http: ServeHttp) -> None:
    codes = h2.settings.SettingCodes
    async with serve_http() as server, connected_http2(server.port) as client:
        await client.event(h2.events.RemoteSettingsChanged)
        told = client.h2.remote_settings
        assert told[codes.MAX_CONCURRENT_STREAMS] == MAX_STREAMS
        assert told[codes.MAX_HEADER_LIST_SIZE] == 16 * 1024
        assert told[codes.ENABLE_CONNECT_PROTOCOL] == 0
        refused = await client.begin(headers={f"x-{number}": "x" for number in range(100)})
        response = await client.response(refused)
        assert response.status == 431
        assert_is_problem(response)
        large = await client.begin(headers={f"x-{number}": "x" * 4_000 for number in range(5)})
        assert_refused(await client.response(large), 431)
        assert (await client.get()).status == 200


@pytest.mark.parametrize("path", ["/\xff", "/é"])
async def test_http2_refuses_paths_that_are_not_ascii(path: str, serve_http: ServeHttp) -> None:
    async with serve_http() as server, connected_http2(server.port) as client:
        response = await client.get(path)
        assert response.status == 400
        assert_is_problem(response)
        assert (await client.get()).status == 200


async def test_http2_refuses_also_a_client_that_takes_no_content(serve_http: ServeHttp) -> None:
    async with serve_http() as server, connected_http2(server.port) as client:
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        await client.event(h2.events.SettingsAcknowledged)
        response = await client.get("/é")
        assert (response.status, response.body) == (400, b"")


async def test_requests_that_are_given_up_at_once_end_the_connection(serve_http: ServeHttp, stage: HttpStage) -> None:
    """CVE-2023-44487."""
    async with serve_http() as server, connected_http2(server.port) as client:
        for _ in range(1000):
            stream = client.h2.get_next_available_stream_id()
            client.h2.send_headers(
                stream,
                [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/wait")],
                end_stream=True,
            )
            client.h2.reset_stream(stream)
        await client.flush()
        ended = await client.event(h2.events.ConnectionTerminated)
        assert ended.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        assert len(stage.scopes) < 500


async def test_the_one_that_waits_longest_makes_room(serve_http: ServeHttp) -> None:
    async with (
        serve_http(max_connections=3) as server,
        connected(server.port) as first,
        connected(server.port) as second,
        connected(server.port) as third,
    ):
        for each in (second, third, first):
            await each.get()
        async with connected(server.port) as fourth:
            assert (await fourth.get()).status == 200
            assert await second.is_ended()
            assert (await third.get()).status == 200
            assert (await first.get()).status == 200


async def test_many_at_once_are_no_more_than_there_may_be(serve_http: ServeHttp) -> None:
    """All of them wait to be accepted before the first is."""
    async with serve_http(max_connections=3) as server, AsyncExitStack() as clients:
        for _ in range(50):
            opened = clients.enter_context(socket.socket())
            opened.connect(("127.0.0.1", server.port))
        async with connected(server.port) as client:
            assert (await client.get()).status == 200
            assert len(server.open_connections()) == 3


async def test_a_connection_whose_response_is_sent_makes_room(serve_http: ServeHttp) -> None:
    async with serve_http(max_connections=1) as server, connected(server.port) as lingering:
        await lingering.send(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        assert (await lingering.response()).status == 401
        assert await lingering.reader.read() == b""
        async with connected(server.port) as client:
            assert (await client.get()).status == 200


async def test_requests_in_progress_make_no_room(serve_http: ServeHttp, stage: HttpStage) -> None:
    async with serve_http(max_connections=1) as server, connected(server.port) as busy:
        await busy.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await stage.entered.wait()
        async with connected(server.port) as late:
            assert (await late.response()).status == 503
            assert await late.is_ended()
        stage.may_go_on.set()
        assert (await busy.response()).body == b"done"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from([b"", b"GET / HTTP/1.1\r\n", HEAD, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]),
    rest=st.binary(max_size=200),
)
async def test_no_bytes_break_the_server(start: bytes, rest: bytes, serve_http: ServeHttp) -> None:
    async with serve_http(headers_s=0.0, idle_s=0.0, linger_s=0.0) as server:
        async with connected(server.port) as client:
            await client.send(start + rest)
            assert await client.is_ended()
        assert server._accepting
        assert not any(task.done() for task in server._accepting)
