"""The edges of HTTP: a trace comes in a header, and is the same as over gRPC."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.api import Api
from tests.world.dialer import Dialer
from tests.world.spans import SpanExporter, parent_id, trace_parent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CREATE = "ringback.v1.CallbacksService/CreateCallback"
HEADERS = {"content-type": "application/json"}
TRACED = {**HEADERS, "traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, dialer="none", http=Listen("127.0.0.1", 0))


@pytest.fixture
def connection(app: App) -> Iterator[http.client.HTTPConnection]:
    """Return a connection, which is kept from one request to the next."""
    assert app.edges.http is not None
    connection = http.client.HTTPConnection("127.0.0.1", app.edges.http.server.port, timeout=20)
    yield connection
    connection.close()


async def post(connection: http.client.HTTPConnection, path: str, body: Any, headers: dict[str, str]) -> int:
    def send() -> int:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        return response.status

    return await asyncio.to_thread(send)


@pytest.mark.parametrize("edge", ["connect", "rest"])
async def test_each_request_of_a_connection_has_its_own_trace(
    api: Api, connection: http.client.HTTPConnection, spans: SpanExporter, edge: str
) -> None:
    def request(number: int) -> tuple[str, Any]:
        target = f"sip:caller-{number}@sim.example"
        if edge == "rest":
            return "/v1.0/callbackrequests", {
                "Target": target,
                "SecondsBetweenRetries": 0,
                "ServiceId": api.service_id,
                "Priority": "Normal",
            }
        body = {"target": target, "secondsBetweenRetries": 0, "serviceId": api.service_id, "priority": 5}
        return f"/{CREATE}", {"callbackRequest": body}

    assert await post(connection, *request(1), TRACED) < 300
    assert await post(connection, *request(2), HEADERS) < 300
    first, second = await spans.of(CREATE, 2)
    assert (trace_parent(first)[3:35], parent_id(first)) == (TRACE, SPAN)
    assert second.parent is None
    assert (first.attributes or {})["rpc.system.name"] == {"connect": "connectrpc", "rest": "rest"}[edge]
    assert [lease.traceparent for lease in await Dialer(api).lease(2)] == [trace_parent(first), trace_parent(second)]


@pytest.mark.parametrize(
    ("path", "body"),
    [(f"/{CREATE}", {"callbackRequest": {"target": "nothing"}}), ("/v1.0/callbackrequests", {"Target": "nothing"})],
    ids=["connect", "rest"],
)
async def test_a_refusal_has_its_reason(
    api: Api, connection: http.client.HTTPConnection, spans: SpanExporter, path: str, body: Any
) -> None:
    assert await post(connection, path, body, TRACED) == 400
    [span] = await spans.of(CREATE)
    assert (span.attributes or {})["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert (span.attributes or {})["ringback.reason"] == "INVALID_FIELD"
    assert span.status.status_code is StatusCode.UNSET
