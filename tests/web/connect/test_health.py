"""Health over HTTP says what it says over gRPC."""

import json

import pytest

from ringback.app import App
from ringback.rpc.server import SERVICES
from tests.world.connect_calls import post

CHECK = "/grpc.health.v1.Health/Check"


@pytest.mark.parametrize("service", ["", *SERVICES, "grpc.health.v1.Health"])
async def test_a_server_that_serves(port: int, service: str) -> None:
    answer = await post(port, CHECK, json.dumps({"service": service}).encode())
    assert (answer.status, answer.json) == (200, {"status": "SERVING"})


async def test_a_server_that_drains(app: App, port: int) -> None:
    await app.edges.grpc.report_health(serving=False)
    assert (await post(port, CHECK, b"{}")).json == {"status": "NOT_SERVING"}
    assert (await post(port, CHECK, b'{"service": "grpc.health.v1.Health"}')).json == {"status": "SERVING"}


async def test_a_service_that_is_none(port: int) -> None:
    answer = await post(port, CHECK, b'{"service": "no.such.Service"}')
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_what_is_no_request(port: int) -> None:
    assert (await post(port, CHECK, b'{"service": 1}')).status == 400
