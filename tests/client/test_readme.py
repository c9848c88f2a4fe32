"""What clients/python/README.md shows is true."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from ringback.app import App
from tests.world.api import Api

README = Path(__file__).parents[2] / "clients/python/README.md"


async def test_the_example_runs_as_it_stands(app: App, api: Api, tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example.replace("localhost:50051", f"localhost:{app.port}"))
    command = [sys.executable, str(script)]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=60)
    [callback] = await api.list_all()
    first, *states = ran.stdout.split()
    assert first == callback.callback_id
    assert states[-1] == "CALLBACK_STATE_COMPLETED"
