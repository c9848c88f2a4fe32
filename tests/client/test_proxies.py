"""A proxy in the environment does not stand between a client and a server of the same machine."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.app import App
from ringback.client import insecure_channel
from ringback.v1 import directory_service_pb2 as directory
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub
from tests.world.api import Api
from tests.world.command_line import run
from tests.world.server_process import serving

VARIABLES = ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY")


@pytest.fixture
def dead_proxy() -> Iterator[str]:
    """Return the URL of a proxy that is not there: nothing listens on its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "dns:///127.0.0.1", "ipv4:127.0.0.1"])
async def test_a_client(app: App, dead_proxy: str, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, dead_proxy)
    async with insecure_channel(f"{host}:{app.port}") as channel:
        listed = await DirectoryServiceStub(channel).ListServices(directory.ListServicesRequest())
    assert not listed.services


async def test_the_command_line(app: App, api: Api, dead_proxy: str) -> None:
    ran = await run("services", "list", "--server", f"127.0.0.1:{app.port}", **dict.fromkeys(VARIABLES, dead_proxy))
    assert ran.code == 0, ran.err
    assert "sip:support@cc.example" in ran.out


async def test_a_server_that_applies_its_services(dead_proxy: str, tmp_path: Path) -> None:
    """It talks to itself."""
    services = tmp_path / "services.yaml"
    services.write_text("- sip_address: sip:support@cc.example\n")
    options = (
        "--listen",
        "127.0.0.1:0",
        "--database",
        f"sqlite:///{tmp_path}/ringback.db",
        "--services",
        str(services),
    )
    async with serving(*options, **dict.fromkeys(VARIABLES, dead_proxy)) as server:
        await server.address()
        assert await server.stop() == 0
    assert any("service sip:support@cc.example created" in line for line in server.log)
