"""An HTTP server on a port of its own, with an application that does what its paths say."""

import pytest

from tests.world.http_stage import HttpStage, ServeHttp, serving_stage


@pytest.fixture
def stage() -> HttpStage:
    return HttpStage()


@pytest.fixture
def serve_http(stage: HttpStage) -> ServeHttp:
    return serving_stage(stage)
