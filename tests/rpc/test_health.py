"""grpc.health.v1, which everybody may call; what each state of the database makes of it is tested elsewhere."""

from typing import Any

from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ringback.rpc.server import SERVICES
from tests.world.api import Api


async def test_the_health_of_all_services_at_once(api: Api) -> None:
    """The servicer that comes with gRPC has no such method, which ended as a bug of ours."""
    pb: Any = health_pb2  # its types are older
    stub: Any = health_pb2_grpc.HealthStub(api.channel)
    response = await stub.List(pb.HealthListRequest())
    told = {service: each.status for service, each in response.statuses.items()}
    assert told == dict.fromkeys(("", *SERVICES, health.SERVICE_NAME), health_pb2.HealthCheckResponse.SERVING)
