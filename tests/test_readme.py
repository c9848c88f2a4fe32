"""What the README shows is so."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from ringback.app import App
from tests.api import Api

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


async def test_the_python_example_runs_as_it_stands(app: App, tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example.replace("localhost:50051", f"localhost:{app.port}"))
    async with Api.connect(app.port) as api:
        await api.add_service("sip:support@cc.example")
        process = await run(script)
        [callback] = await api.list_all(caller_ids=["crm"])
    first, *states = process.stdout.split()
    assert first == callback.callback_id
    assert states[-1] == "CALLBACK_STATE_COMPLETED"


async def run(script: Path) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=20
    )


def test_the_diagram_is_that_of_the_code() -> None:
    check = [sys.executable, str(ROOT / "docs/diagrams/states.py"), "--check", str(ROOT / "README.md")]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
