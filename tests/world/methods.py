"""The paths of all RPCs that a server has."""

from collections.abc import Sequence
from typing import Final

from ringback.v1 import callbacks_service_pb2, dialer_service_pb2, directory_service_pb2

OWN_METHODS: Final[Sequence[str]] = [
    f"/{service.full_name}/{method.name}"
    for module in (callbacks_service_pb2, dialer_service_pb2, directory_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
HEALTH_METHODS: Final = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")
REFLECTION_METHODS: Final = tuple(
    f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha")
)
