"""GET /metrics: what Prometheus reads."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from grpc import StatusCode
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ringback.application.access import METRICS, Caller
from ringback.domain.errors import NotAllowed
from ringback.entry.long_calls import Ending
from ringback.entry.way_in import WayIn
from ringback.metrics.exposition import chosen
from ringback.metrics.scrape import Scrape
from ringback.web.peer import credentials_of, is_serial
from ringback.web.problems import problem
from ringback.wire.errors import status_of

_HTTP: Final[Mapping[StatusCode, HTTPStatus]] = MappingProxyType(
    {
        StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
        StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
        StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
        StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
_CODES: Final = {code.value[0]: code for code in StatusCode}


def metrics_routes(way_in: WayIn, scrape: Scrape) -> Sequence[BaseRoute]:
    """Return the route. Those may scrape who may read the figures of all services: operators, and viewers of all."""

    async def read(request: Request) -> Response:
        call = way_in.begin(METRICS, "rest", credentials_of(request.scope), serial=is_serial(request.scope))

        async def behave(caller: Caller, _: Ending | None) -> Response:
            if not caller.reads_metrics:
                raise NotAllowed("metrics are for operators, and for viewers of all services")
            return await _response(request, scrape)

        try:
            await call.admit()
            response = await call.serve(behave)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - its text is not for clients
            status = status_of(call.refusal(error))
            code = _CODES[status.code]
            call.end(code.name)
            return _refusal(code, status.message)
        call.end()
        return response

    return [Route("/metrics", read, methods=["GET"])]


async def _response(request: Request, scrape: Scrape) -> Response:
    format_ = chosen(",".join(request.headers.getlist("accept")))
    is_compressed = _takes_gzip(request.headers.getlist("accept-encoding"))
    headers = {"Vary": "Accept, Accept-Encoding"}
    if is_compressed:
        headers["Content-Encoding"] = "gzip"
    content = await scrape.read(format_, compressed=is_compressed)
    return Response(content, headers=headers, media_type=format_.value)


def _takes_gzip(accepted: Sequence[str]) -> bool:
    for entry in ",".join(accepted).lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name == "gzip":
            return all(parameter.replace(" ", "").rstrip("0.") != "q=" for parameter in parameters)
    return False


def _refusal(code: StatusCode, message: str) -> Response:
    status = _HTTP.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return problem(status, message, headers=headers)
