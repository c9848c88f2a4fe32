"""What one connection does as time passes, on a clock that skips and a transport in memory."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ringback.dialers.sip.messages.message import encode
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.stream import FIRST_MESSAGE_S, IDLE_CLOSE_S, PING_AFTER_S, StreamConnection
from tests.world.sip_messages import request, with_via
from tests.world.skipping_loop import run_skipping

PEER = Destination(Transport.TCP, "192.0.2.1", 5060)
MESSAGE = encode(with_via(request("OPTIONS", "sip:us@192.0.2.9")))


class MemoryTransport(asyncio.Transport):
    """Notes what is written and when. The peer reads it at once, or never."""

    def __init__(self, protocol: StreamConnection, *, is_read: bool = True) -> None:
        super().__init__()
        self.written: list[tuple[float, bytes]] = []
        self.closed_at: float | None = None
        self._protocol = protocol
        self._is_read = is_read

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append((asyncio.get_running_loop().time(), bytes(data)))

    def get_write_buffer_size(self) -> int:
        return 0 if self._is_read else sum(len(data) for _, data in self.written)

    def is_closing(self) -> bool:
        return self.closed_at is not None

    def close(self) -> None:
        if self.closed_at is None:
            self.closed_at = asyncio.get_running_loop().time()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Connection:
    """A connection with its transport, and what it has reported."""

    def __init__(self, *, is_ours: bool, is_read: bool = True) -> None:
        self.messages: list[bytes] = []
        self.closed: list[str] = []
        self.stream = StreamConnection(
            PEER,
            is_ours=is_ours,
            on_message=lambda data, _: self.messages.append(data),
            on_opened=lambda _: None,
            on_closed=lambda _, reason: self.closed.append(reason),
        )
        self.transport = MemoryTransport(self.stream, is_read=is_read)
        self.stream.connection_made(self.transport)


def play(scenario: Callable[[Connection], Any], *, is_ours: bool, is_read: bool = True) -> None:
    async def whole() -> None:
        connection = Connection(is_ours=is_ours, is_read=is_read)
        await scenario(connection)
        connection.stream.close()
        await asyncio.sleep(2 * IDLE_CLOSE_S)
        assert len(connection.closed) == 1

    run_skipping(whole())


def test_a_peer_that_connects_and_sends_nothing_is_closed() -> None:
    async def scenario(connection: Connection) -> None:
        await asyncio.sleep(1)
        connection.stream.data_received(b"\r\n\r\n" + MESSAGE[:20])
        await asyncio.sleep(FIRST_MESSAGE_S)
        assert connection.transport.closed_at == FIRST_MESSAGE_S
        assert connection.closed == ["the connection was idle"]

    play(scenario, is_ours=False)


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_connection_is_closed_when_it_had_no_message_for_long(is_ours: bool) -> None:
    async def scenario(connection: Connection) -> None:
        for _ in range(3):
            connection.stream.data_received(MESSAGE)
            await asyncio.sleep(IDLE_CLOSE_S - 1)
            assert connection.transport.closed_at is None
        await asyncio.sleep(1)
        assert connection.transport.closed_at == 3 * (IDLE_CLOSE_S - 1) + 1
        assert connection.messages == [MESSAGE] * 3

    play(scenario, is_ours=is_ours)


def test_what_we_opened_is_kept_open_by_pings_when_nothing_is_sent() -> None:
    async def scenario(connection: Connection) -> None:
        await asyncio.sleep(PING_AFTER_S / 2)
        connection.stream.send(MESSAGE)
        await asyncio.sleep(2.5 * PING_AFTER_S)
        assert connection.transport.written == [
            (PING_AFTER_S / 2, MESSAGE),
            (1.5 * PING_AFTER_S, b"\r\n\r\n"),
            (2.5 * PING_AFTER_S, b"\r\n\r\n"),
        ]

    play(scenario, is_ours=True)


def test_what_a_peer_opened_is_for_the_peer_to_keep_open() -> None:
    async def scenario(connection: Connection) -> None:
        connection.stream.data_received(MESSAGE + b"\r\n\r\n")
        await asyncio.sleep(5 * PING_AFTER_S)
        assert connection.transport.written == [(0.0, b"\r\n")]

    play(scenario, is_ours=False)


def test_a_peer_that_reads_nothing_is_closed() -> None:
    async def scenario(connection: Connection) -> None:
        for _ in range(10_000):
            connection.stream.send(MESSAGE)
        await asyncio.sleep(0)
        assert connection.closed == ["the peer does not read"]
        assert sum(len(data) for _, data in connection.transport.written) < 1_100_000

    play(scenario, is_ours=True, is_read=False)


def test_messages_ahead_of_garbage_are_taken_and_nothing_after_it() -> None:
    async def scenario(connection: Connection) -> None:
        connection.stream.data_received(MESSAGE + b"\0" * 40_000 + MESSAGE)
        await asyncio.sleep(0)
        assert connection.messages == [MESSAGE]
        assert connection.closed[0].startswith("what came is no SIP: ")

    play(scenario, is_ours=False)
