"""A server whose only dialer is the test's."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ringback.config import Settings
from tests.world.api import Api
from tests.world.dialer import Dialer
from tests.world.postgres import Cluster


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without a built-in dialer."""
    return replace(settings, dialer="none")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.start()
    yield cluster
    cluster.destroy()


@pytest.fixture
def dialer(api: Api) -> Dialer:
    return Dialer(api)
