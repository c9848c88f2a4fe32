"""What a server says of its health."""

from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.world.api import Api

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class HealthWatch:
    """What a server says of itself, or of one of its services, as it changes."""

    def __init__(self, api: Api, service: str = "") -> None:
        stub: Any = health_pb2_grpc.HealthStub(api.channel)
        self._check = stub.Check
        self._request = health_pb2.HealthCheckRequest(service=service)
        self._stream = stub.Watch(self._request)

    async def until(self, status: int) -> None:
        while (await self._stream.read()).status != status:
            pass

    async def now(self) -> int:
        """Ask once more, apart from the watch."""
        status: int = (await self._check(self._request)).status
        return status
