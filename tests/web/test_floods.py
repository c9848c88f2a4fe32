"""Clients that send what is much work for its size: the loop is for all others meanwhile, and nothing piles up."""

import asyncio
import struct
from typing import Final

import h2.events
import pytest
from h2.errors import ErrorCodes
from hpack import Encoder
from starlette.types import Receive, Scope, Send

from ringback.web.peer import credentials_of
from ringback.web.server_pace import ReadingPace, Timed
from tests.world.http_client import LIMIT_S, connected, connected_http2
from tests.world.http_stage import ServeHttp, respond

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS: Final = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
CHUNKED: Final = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZE: Final = 100_000


def _frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


BEGUN: Final = PREFACE + _frame(4, 0, 0)
OPENED: Final = BEGUN + _frame(1, 4, 1, Encoder().encode(HEADERS))
LAST: Final = b"the last"
LAST_PING: Final = _frame(6, 0, 0, LAST)
FLOODS: Final = {
    "pings": (BEGUN, _frame(6, 0, 0, bytes(8)), LAST_PING),
    "settings": (BEGUN, _frame(4, 0, 0), LAST_PING),
    "windows": (OPENED, _frame(8, 0, 1, struct.pack(">I", 1)), LAST_PING),
    "empty data": (OPENED, _frame(0, 0, 1), LAST_PING),
    "frames of no known type": (BEGUN, _frame(0xBB, 0, 0), LAST_PING),
    "chunks of a byte": (CHUNKED, b"1\r\nx\r\n", b"8\r\nthe last\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_leaves_the_loop_to_others(flood: str, serve_http: ServeHttp) -> None:
    """What else the loop has to do comes after each few kilobytes of it."""
    begin, piece, last = FLOODS[flood]
    times_others = 0

    async def others() -> None:
        nonlocal times_others
        while True:
            times_others += 1
            await asyncio.sleep(0)

    async with serve_http() as server, connected(server.port) as client:
        # All of it is in the buffers of the system before the server reads any.
        client.writer.write(begin + piece * (SIZE // len(piece)) + last)
        waiting = asyncio.create_task(others())
        async with asyncio.timeout(LIMIT_S):
            received = b""
            while LAST not in received:
                received = received[-len(LAST) :] + await client.reader.read(65536)
        waiting.cancel()
        assert times_others > SIZE / 8192


async def test_requests_that_no_handler_gets_are_paced_as_what_is_read(serve_http: ServeHttp) -> None:
    """What the door refuses, what is nowhere, and probes: nothing else bounds how many there are."""
    charged: list[float] = []

    async def judged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/call":
            credentials_of(scope)
        # It waits, too: that is no work.
        await asyncio.sleep(0)
        charged.clear()
        await respond(send, b"")

    async with serve_http(app=judged) as server, connected(server.port) as client:
        charge = server._context.pace.charge

        def note(spent_s: float) -> None:
            charged.append(spent_s)
            charge(spent_s)

        with pytest.MonkeyPatch.context() as patching:
            patching.setattr(server._context.pace, "charge", note)
            await client.get("/call")
            of_call = len(charged)
            await client.get("/probe")
            assert len(charged) == of_call + 1


async def test_headers_without_an_end_are_not_kept(serve_http: ServeHttp) -> None:
    """CVE-2024-27316 and its like: each continuation is within the limit of a frame."""
    async with serve_http() as server, connected_http2(server.port) as client:
        await client.event(h2.events.RemoteSettingsChanged)
        client.writer.write(_frame(1, 1, 1, bytes(16_000)) + _frame(9, 0, 1, bytes(16_000)) * 2)
        ended = await client.event(h2.events.ConnectionTerminated)
        assert ended.error_code == ErrorCodes.ENHANCE_YOUR_CALM


async def test_pace_lets_others_have_most_of_the_time() -> None:
    now_s = 100.0
    slept: list[float] = []

    async def sleep(wait_s: float) -> None:
        nonlocal now_s
        slept.append(wait_s)
        now_s += wait_s

    pace = ReadingPace(lambda: now_s, sleep)
    await pace.wait()
    pace.charge(0.001)
    await pace.wait()
    assert slept == []
    for _ in range(100):
        now_s += 0.01
        pace.charge(0.01)
        await pace.wait()
    # Three times what was spent, less the time itself and what may be spent at once.
    assert 2 * 1.0 - 0.02 <= sum(slept) + 1e-9 <= 3 * 1.0


async def test_waiting_is_no_work() -> None:
    """Each step is told, what is thrown into the work arrives, and its result comes back."""
    steps: list[float] = []
    gate = asyncio.Event()

    async def work() -> str:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            return "cancelled"
        return "done"

    async def timed() -> str:
        return await Timed(work(), steps.append)

    waiting = asyncio.create_task(timed())
    await asyncio.sleep(0)
    assert len(steps) == 1
    gate.set()
    assert await waiting == "done"
    assert len(steps) == 2
    gate.clear()
    cancelled = asyncio.create_task(timed())
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await cancelled == "cancelled"
