"""CallbackService and DirectoryService: asking, asking again, looking, changing one's mind."""

from dataclasses import replace

import grpc
import pytest

from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb

INVALID, EXISTS = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS
PRECONDITION, NOT_FOUND = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND
SCHEDULED, QUEUED, OFFERED = cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_QUEUED, cb.CALLBACK_STATE_OFFERED
CANCELLED, COMPLETED, FAILED = cb.CALLBACK_STATE_CANCELLED, cb.CALLBACK_STATE_COMPLETED, cb.CALLBACK_STATE_FAILED


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Nobody dials, but where a test asks for it."""
    return settings if request.node.get_closest_marker("usefixtures") else replace(settings, dialer="none")
