"""A server that no dialer asks for work but that of the test."""

from dataclasses import replace

import pytest

from ringback.config import Settings
from tests.world.api import Api
from tests.world.dialer import Dialer


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """No dialer but that of the test."""
    return replace(settings, dialer="none")


@pytest.fixture
def dialer(api: Api) -> Dialer:
    return Dialer(api)
