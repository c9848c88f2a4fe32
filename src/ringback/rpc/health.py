"""Health as gRPC defines it, with what the servicer that comes with gRPC leaves out."""

from typing import Any, Final

from grpc_health.v1 import health, health_pb2

from ringback.rpc.requests import Context

_pb: Final[Any] = health_pb2  # the package of its types is older


class Health(health.aio.HealthServicer):
    """Says of each service by its name whether it serves, and of all of them at once."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, int] = {}

    async def set(self, service: str, status: int) -> None:
        self._told[service] = status
        await super().set(service, status)

    async def List(self, request: object, context: Context) -> object:  # noqa: ARG002, N802 - gRPC's
        statuses = {service: _pb.HealthCheckResponse(status=status) for service, status in self._told.items()}
        return _pb.HealthListResponse(statuses=statuses)
