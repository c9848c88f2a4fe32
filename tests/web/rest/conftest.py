"""A server that serves HTTP, too, and whose only dialer is the test's."""

from dataclasses import replace

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.api import Api
from tests.world.rest import Rest


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, dialer="none", http=Listen("127.0.0.1", 0))


@pytest.fixture
def rest(app: App, api: Api) -> Rest:
    """Return a client of a server without identities, which has a service."""
    assert app.edges.http is not None
    return Rest(app.edges.http.server.port, service_id=api.service_id)
