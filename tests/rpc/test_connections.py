"""The sockets of a server, found among all that the process has."""

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.rpc.connections import Address, close_connections, stop_listening

Bound = tuple[socket.socket, Address]


def on_a_port(_: Path) -> Bound:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, listening.getsockname()[1]


def on_both_families(_: Path) -> Bound:
    listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return listening, listening.getsockname()[1]


def on_a_path(folder: Path) -> Bound:
    path = str(folder / "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    return listening, path


def connect(address: Address) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address))
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(address)
    except OSError:
        client.close()
        raise
    return client


@pytest.mark.parametrize("bind", [on_a_port, on_both_families, on_a_path])
async def test_what_was_accepted_ends_for_both_sides(bind: Callable[[Path], Bound], tmp_path: Path) -> None:
    listening, address = bind(tmp_path)
    with listening, connect(address) as client, listening.accept()[0] as accepted:
        stop_listening(address)
        client.sendall(b"sent before")
        await close_connections(address, limit_s=0)
        assert accepted.recv(100) in (b"sent before", b"")
        assert accepted.recv(100) == b""
        assert client.recv(100) == b""
        with pytest.raises(OSError, match="efused"):
            connect(address)


async def test_a_connection_that_its_owner_closes_is_not_cut(tmp_path: Path) -> None:
    """What it has written arrives."""
    listening, address = on_a_port(tmp_path)
    with listening, connect(address) as client:
        accepted, _ = listening.accept()
        stop_listening(address)
        closing = asyncio.create_task(close_connections(address, limit_s=60))
        assert await asyncio.to_thread(accepted.recv, 100) == b""
        accepted.sendall(b"the last word")
        accepted.close()
        await closing
        assert client.recv(100) == b"the last word"


async def test_other_sockets_are_left_alone(tmp_path: Path) -> None:
    with ExitStack() as stack:
        ours, address = on_a_port(tmp_path)
        stack.enter_context(ours)
        others, elsewhere = on_a_port(tmp_path)
        stack.enter_context(others)
        client = stack.enter_context(connect(elsewhere))
        accepted, _ = others.accept()
        stack.enter_context(accepted)
        datagrams = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", address))
        stop_listening(address)
        await close_connections(address, limit_s=0)
        client.sendall(b"still here")
        assert accepted.recv(100) == b"still here"
        datagrams.sendto(b"as well", ("127.0.0.1", address))
        assert datagrams.recv(100) == b"as well"
        connect(elsewhere).close()


async def test_a_server_stops_though_it_can_open_no_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    async with await App.start(settings) as app:
        monkeypatch.setattr(socket, "socketpair", fail)
        monkeypatch.setattr(Path, "iterdir", fail)
        assert app.edges.open_connections() == set()
        await app.edges.grpc.stop()
        monkeypatch.undo()


async def test_where_the_system_does_not_list_descriptors_nothing_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringback.rpc.connections._DESCRIPTORS", tmp_path / "missing")
    listening, address = on_a_port(tmp_path)
    with listening, connect(address) as client, listening.accept()[0] as accepted:
        stop_listening(address)
        await close_connections(address, limit_s=0)
        client.sendall(b"still here")
        assert accepted.recv(100) == b"still here"
