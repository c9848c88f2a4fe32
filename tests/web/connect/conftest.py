"""A server with the HTTP edge, and no built-in dialer."""

from dataclasses import replace

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.api import Api


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, dialer="none", http=Listen("127.0.0.1", 0))


@pytest.fixture
def port(app: App, api: Api) -> int:
    """Return the port of HTTP, once there is a service."""
    return int(app.edges.web_address.rpartition(":")[2])
