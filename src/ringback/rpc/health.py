"""Health as gRPC defines it, with what the servicer that comes with gRPC leaves out."""

from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse, HealthListRequest, HealthListResponse

from ringback.rpc.requests import Context


class Health(health.aio.HealthServicer):
    """Says of each service by its name whether it serves, and of all of them at once."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, HealthCheckResponse.ServingStatus.ValueType] = {}

    async def set(self, service: str, status: HealthCheckResponse.ServingStatus.ValueType) -> None:
        self._told[service] = status
        await super().set(service, status)

    async def List(self, request: HealthListRequest, context: Context) -> HealthListResponse:  # noqa: ARG002, N802 - gRPC's
        statuses = {service: HealthCheckResponse(status=status) for service, status in self._told.items()}
        return HealthListResponse(statuses=statuses)
