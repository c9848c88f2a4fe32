"""Where a server listens: each refusal is one line that says what is wrong, and a socket is its owner's only."""

import errno
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ringback.app import App
from ringback.client import insecure_channel
from ringback.config import Listen, SettingError, Settings, UnixSocket, parse_listen
from ringback.listening import BoundSocket, CannotListen, reason_of
from tests.world.command_line import run
from tests.world.server_process import serving

Refuse = Callable[[str], Awaitable[str]]


async def is_serving(channel: grpc.aio.Channel) -> bool:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    response = await stub.Check(health_pb2.HealthCheckRequest())
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


def is_there(path: Path) -> bool:
    return os.path.lexists(path)


def remove(path: Path) -> None:
    path.unlink()


def relative(path: Path) -> str:
    return os.path.relpath(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ringback.sock"


@pytest.fixture
def refusal(settings: Settings, tmp_path: Path) -> Refuse:
    """Return why a server cannot listen there; it leaves nothing behind."""

    async def refuse(text: str) -> str:
        database = tmp_path / "other.db"
        other = replace(settings, listen=parse_listen(text), database=database, insecure=True, open=True)
        with pytest.raises(CannotListen) as refused:
            await App.start(other)
        address, reason = str(refused.value).removeprefix("cannot listen on ").split(": ", 1)
        assert address == str(other.listen)
        assert "\n" not in reason
        return reason

    return refuse


# --- Ports -----------------------------------------------------------------------------------------------------


async def test_a_taken_port(refusal: Refuse) -> None:
    """Also by a program that has no gRPC, on one of the addresses of a name, or of the machine."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            assert await refusal(f"{host}:{port}") == "the port is in use"


async def test_an_address_of_another_machine(refusal: Refuse) -> None:
    assert await refusal("192.0.2.1:0") == "the address is not one of this machine"
    assert await refusal("no.such.host.invalid:0") == "the host name has no address"


def test_a_port_that_needs_a_privilege() -> None:
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    assert reason_of(denied, 443) == "permission denied: a port below 1024 needs a privilege"
    assert reason_of(denied, 50051) == "permission denied"


async def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    """Without what gRPC has to say about it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        ran = await run("serve", "--listen", listen, "--database", f"sqlite:///{tmp_path}/ringback.db")
    assert (ran.code, ran.out) == (1, "")
    made, refused = ran.err.splitlines()
    assert "there was no database" in made
    assert refused == f"Error: cannot listen on {listen}: the port is in use"


# --- Unix sockets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ringback.sock", "a socket #1 100%.sock", "Rückruf.sock"])
async def test_all_that_is_served_is_served_on_a_socket(settings: Settings, tmp_path: Path, name: str) -> None:
    listen = UnixSocket(tmp_path / name)
    async with await App.start(replace(settings, listen=listen)) as app, insecure_channel(app.address) as channel:
        assert app.address == f"unix:{tmp_path}/{name}"
        assert await is_serving(channel)
        plain: Any = channel  # the stubs of reflection are typed for grpc alone
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(plain)
        call = reflection.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        names = {service.name for service in (await call.read()).list_services_response.service}
        assert "ringback.v1.CallbacksService" in names
        await call.done_writing()
    assert not is_there(tmp_path / name)


def test_only_its_owner_reaches_it_from_the_first_moment(path: Path) -> None:
    """Whatever the mask of the process is, and before the name is there."""
    modes: list[int] = []

    def bind(target: str) -> int:
        bound = Path(target.removeprefix("unix:"))
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(bound))
        modes.append(stat.S_IMODE(bound.lstat().st_mode))
        assert not path.exists()
        return 1

    mask = os.umask(0)
    try:
        BoundSocket.bind(UnixSocket(path), bind)
        assert os.umask(0) == 0, "the mask is what it was"
    finally:
        os.umask(mask)
    assert modes == [0o600]
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


async def test_a_socket_of_a_live_server_is_in_use(settings: Settings, path: Path, refusal: Refuse) -> None:
    async with await App.start(replace(settings, listen=UnixSocket(path))) as app:
        assert await refusal(f"unix:{path}") == "the socket is in use"
        async with insecure_channel(app.address) as channel:
            assert await is_serving(channel)
    assert not is_there(path)


async def test_a_socket_whose_queue_is_full_is_in_use(path: Path, refusal: Refuse) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen(0)
        client.connect(str(path))
        assert await refusal(f"unix:{path}") == "the socket is in use"


async def test_a_socket_of_a_dead_server_is_replaced(settings: Settings, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with await App.start(replace(settings, listen=UnixSocket(path))) as app, insecure_channel(app.address) as c:
        assert await is_serving(c)
    assert not is_there(path)


MAKE: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: path.write_text("notes"),
    "a folder": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to("elsewhere"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE.keys())
async def test_what_is_not_a_socket_is_left_alone(path: Path, refusal: Refuse, make: Callable[[Path], object]) -> None:
    make(path)
    before = os.lstat(path)
    assert await refusal(f"unix:{path}") == "there is a file that is not a socket"
    assert os.lstat(path) == before


async def test_a_folder_that_is_not_there(tmp_path: Path, refusal: Refuse) -> None:
    assert await refusal(f"unix:{tmp_path}/gone/ringback.sock") == "no such file or directory"


async def test_a_socket_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    """In a folder in which nobody can make one, also not root."""
    ran = await run("serve", "--listen", "unix:/proc/s", "--database", f"sqlite:///{tmp_path}/ringback.db")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[1:] == ["Error: cannot listen on unix:/proc/s: no such file or directory"]


async def test_a_server_that_stops_leaves_the_socket_of_the_next_one(settings: Settings, path: Path) -> None:
    first = await App.start(replace(settings, listen=UnixSocket(path)))
    remove(path)
    own = replace(settings, listen=UnixSocket(path), database=path.with_name("second.db"))
    async with await App.start(own) as second, insecure_channel(second.address) as channel:
        await first.stop()
        assert await is_serving(channel)


@pytest.mark.long
async def test_the_commands_reach_it(tmp_path: Path) -> None:
    """A relative path, as an operator types it; plain text needs no --insecure, and nobody is warned of it."""
    services = tmp_path / "services.yaml"
    services.write_text("- sip_address: sip:support@cc.example\n")
    options = ("--database", f"sqlite:///{tmp_path}/ringback.db", "--services", str(services))
    socket_path = relative(tmp_path / "s")
    async with serving("--listen", f"unix:{socket_path}", *options) as server:
        assert await server.address() == f"unix:{socket_path}"
        for address in (f"unix:{socket_path}", f"unix:{tmp_path}/s", f"unix://{tmp_path}/s"):
            ran = await run("services", "list", "--server", address)
            assert (ran.code, ran.err) == (0, "")
            assert "sip:support@cc.example" in ran.out
        assert await server.stop() == 0
    assert not any("WARNING" in line and "there was no database" not in line for line in server.log)
    assert not is_there(tmp_path / "s")


@pytest.mark.long
async def test_a_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    options = ("--listen", f"unix:{tmp_path}/s", "--database", f"sqlite:///{tmp_path}/ringback.db")
    for _ in range(2):
        async with serving(*options) as server:
            await server.address()
            await server.kill()
            assert is_there(tmp_path / "s")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("unix:ringback.sock", "ringback.sock"),
        ("unix:/run/ringback.sock", "/run/ringback.sock"),
        ("unix:///run/ringback.sock", "/run/ringback.sock"),
        ("unix:50051", "50051"),
        ("unix:a%20b", "a%20b"),
    ],
)
def test_how_a_socket_is_written(text: str, path: str) -> None:
    listen = parse_listen(text)
    assert listen == UnixSocket(Path(path))
    assert Settings(listen=listen).listen.is_loopback
    assert parse_listen(str(listen)) == listen


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("unix:", "is not unix:PATH"),
        ("unix:a\0b", "is not unix:PATH"),
        ("unix:/", "is not unix:PATH"),
        ("unix://host/path", "names a host"),
        ("unix:a,b", "comma"),
        ("unix:/" + "x" * 102, "is too long"),
        ("unix:" + "ü" * 52, "is too long"),
    ],
)
async def test_what_is_not_a_path_of_a_socket(text: str, fault: str) -> None:
    with pytest.raises(SettingError, match=fault):
        parse_listen(text)


async def test_the_longest_path_works(settings: Settings, tmp_path: Path) -> None:
    here = relative(tmp_path)
    listen = parse_listen(f"unix:{here}/{'x' * (101 - len(here))}")
    async with await App.start(replace(settings, listen=listen)) as app, insecure_channel(app.address) as channel:
        assert await is_serving(channel)


@pytest.mark.parametrize(
    "text",
    ["::1:50051", "[::1:50051", "[::1]x:50051", "[127.0.0.1]:50051", "[]:50051", "a b:50051", "http://127.0.0.1:50051"],
)
def test_what_is_no_host(text: str) -> None:
    """gRPC would say so on stderr, in its own words, once the database is open."""
    with pytest.raises(SettingError, match="is neither HOST:PORT"):
        parse_listen(text)


def test_an_address_is_still_host_and_port() -> None:
    assert parse_listen("[::1]:50051") == Listen("[::1]", 50051)
    with pytest.raises(SettingError, match="unix:PATH"):
        parse_listen("unix-abstract:ringback")
