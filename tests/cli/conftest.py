"""Commands that talk to a real server."""

import pytest

from ringback.app import App
from tests.world.api import Api
from tests.world.command_line import Ran, Run, run


@pytest.fixture
def ringback(app: App, api: Api) -> Run:
    """Run a command against the server of the test, which has the service sip:support@cc.example."""

    async def run_here(*arguments: str, **settings: str) -> Ran:
        return await run(*arguments, RINGBACK_SERVER=f"127.0.0.1:{app.port}", **settings)

    return run_here
