"""GET /healthz: whether this server should be sent requests, for proxies and probes that do not speak gRPC."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route


def health_routes(is_serving: Callable[[], bool]) -> Sequence[BaseRoute]:
    """Return the route. It says what `grpc.health.v1` says of the whole server, to everybody, and reads nothing."""

    async def tell(_: Request) -> Response:
        if is_serving():
            return PlainTextResponse("SERVING\n")
        return PlainTextResponse("NOT_SERVING\n", HTTPStatus.SERVICE_UNAVAILABLE)

    return [Route("/healthz", tell, methods=["GET"])]
