"""`grpc.health.v1.Health/Check` over HTTP, open to everybody as it is over gRPC. Its Watch is there only."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from connectrpc.code import Code
from connectrpc.codec import Codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication, Endpoint
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from ringback.domain.errors import InvalidRequest
from ringback.web.connect.calls import read
from ringback.web.connect.refusals import refused

_MAX_BYTES: Final = 4096


class HealthOverConnect:
    """Says of each service what gRPC says."""

    def __init__(self, is_serving: Callable[[], bool], services: Iterable[str]) -> None:
        self._is_serving = is_serving
        self._services: Final = frozenset({"", *services})

    async def check(self, request: HealthCheckRequest, _: RequestContext[Any, Any], /) -> HealthCheckResponse:
        try:
            service = read(request).service
        except InvalidRequest as fault:
            raise refused(fault) from None
        if service in self._services:
            serves = self._is_serving()
        elif service == health.SERVICE_NAME:  # the process responds, which is all that is said of it
            serves = True
        else:
            raise ConnectError(Code.NOT_FOUND, "there is no service of this name")
        return HealthCheckResponse(status=HealthCheckResponse.SERVING if serves else HealthCheckResponse.NOT_SERVING)


class HealthASGIApplication(ConnectASGIApplication[HealthOverConnect]):
    """Like the generated ones: the service is not of our protos."""

    def __init__(self, service: HealthOverConnect, codecs: Iterable[Codec[Any, Any]]) -> None:
        super().__init__(
            service=service,
            endpoints=lambda served: {
                f"{self.path}/Check": Endpoint.unary(
                    method=MethodInfo(
                        name="Check",
                        service_name=health.SERVICE_NAME,
                        input=HealthCheckRequest,
                        output=HealthCheckResponse,
                        idempotency_level=IdempotencyLevel.UNKNOWN,
                        stream_type=StreamType.UNARY,
                    ),
                    function=served.check,
                )
            },
            read_max_bytes=_MAX_BYTES,
            compressions=(),
            codecs=codecs,
        )

    @property
    def path(self) -> str:
        return f"/{health.SERVICE_NAME}"
