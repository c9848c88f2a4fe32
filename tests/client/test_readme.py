"""What clients/python/README.md shows is true."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc

from ringback.app import App
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc as pb_grpc
from tests.world.api import Api
from tests.world.certificates import Authority
from tests.world.scripted_server import Context, listening

README = Path(__file__).parents[2] / "clients/python/README.md"


async def test_the_example_runs_as_it_stands(app: App, api: Api, tmp_path: Path) -> None:
    example, _ = _examples()
    script = tmp_path / "example.py"
    script.write_text(example.replace("localhost:50051", f"localhost:{app.port}"))
    command = [sys.executable, str(script)]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=60)
    [callback] = await api.list_all()
    first, *states = ran.stdout.split()
    assert first == callback.callback_id
    assert states[-1] == "CALLBACK_STATE_COMPLETED"


async def test_the_channels_with_credentials_open_as_they_stand(tmp_path: Path) -> None:
    authority = Authority()
    server = authority.issue("localhost")
    client = authority.issue("client.example")
    for name, content in (("ca", authority.pem), ("client", client.chain), ("client-key", client.key)):
        _write(tmp_path / f"{name}.pem", content)
    _write(tmp_path / "ringback-token", b"a-secret\n")
    credentials = grpc.ssl_server_credentials([(server.key, server.chain)], authority.pem, require_client_auth=True)
    seen: list[object] = []

    async def look(_: pb.GetCallbackRequest, context: Context) -> pb.GetCallbackResponse:
        seen.extend(value for name, value in context.invocation_metadata() or () if name == "authorization")
        return pb.GetCallbackResponse()

    async with listening("GetCallback", look, credentials) as secured, listening("GetCallback", look) as local:
        _, example = _examples()
        for written, there in (
            ("/etc/ringback", str(tmp_path)),
            ("/run/secrets", str(tmp_path)),
            ("ringback.example:443", f"localhost:{secured}"),
            ("localhost:50051", f"localhost:{local}"),
        ):
            example = example.replace(written, there)
        opened: dict[str, Any] = {}
        exec(example, opened)
        for name in ("secured", "local"):
            async with opened[name] as channel:
                await pb_grpc.CallbacksServiceStub(channel).GetCallback(pb.GetCallbackRequest())
    assert seen == ["Bearer a-secret"] * 2


def _examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
