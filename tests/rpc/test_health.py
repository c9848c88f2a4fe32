"""grpc.health.v1, which everybody may call; what each state of the database makes of it is tested elsewhere."""

from typing import TYPE_CHECKING

from grpc_health.v1 import health, health_pb2

from ringback.rpc.server import SERVICES
from tests.world.api import Api

if TYPE_CHECKING:
    import grpc


async def test_the_health_of_all_services_at_once(api: Api) -> None:
    """The servicer that comes with gRPC has no such method, which ended as a bug of ours."""
    call: grpc.aio.UnaryUnaryMultiCallable[health_pb2.HealthListRequest, health_pb2.HealthListResponse]
    call = api.channel.unary_unary(
        "/grpc.health.v1.Health/List",
        health_pb2.HealthListRequest.SerializeToString,
        health_pb2.HealthListResponse.FromString,
    )
    response = await call(health_pb2.HealthListRequest())
    told = {service: each.status for service, each in response.statuses.items()}
    assert told == dict.fromkeys(("", *SERVICES, health.SERVICE_NAME), health_pb2.HealthCheckResponse.SERVING)
