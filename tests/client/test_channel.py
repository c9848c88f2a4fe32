"""Channels: what is repeated automatically, and what is sent over TLS only."""

import asyncio
import json
from typing import Any

import grpc
import pytest
import trustme

from ringback.client import channel_options, secure_channel
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc as pb_grpc
from ringback.v1 import dialer_service_pb2, directory_service_pb2
from tests.world.scripted_server import Context, listening, serving


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_calls_are_repeated_when_the_server_is_away_or_stops(code: grpc.StatusCode) -> None:
    calls: list[pb.GetCallbackRequest] = []

    async def refuse_twice(request: pb.GetCallbackRequest, context: Context) -> pb.GetCallbackResponse:
        calls.append(request)
        if len(calls) <= 2:
            await context.abort(code, "on purpose")
        return pb.GetCallbackResponse()

    async with serving("GetCallback", refuse_twice) as stub:
        await stub.GetCallback(pb.GetCallbackRequest())
    assert len(calls) == 3


async def test_a_call_that_the_client_cancels_is_not_repeated() -> None:
    called, cancelled = asyncio.Queue[None](), asyncio.Event()

    async def wait(_: pb.GetCallbackRequest, context: Context) -> pb.GetCallbackResponse:
        called.put_nowait(None)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with serving("GetCallback", wait) as stub:
        first = stub.GetCallback(pb.GetCallbackRequest())
        await called.get()
        first.cancel()
        await cancelled.wait()
        assert await first.code() is grpc.StatusCode.CANCELLED
        second = stub.GetCallback(pb.GetCallbackRequest())  # comes after any repetition of the first
        await called.get()
        second.cancel()
        assert called.empty()


def test_the_service_config_names_services_and_methods_that_exist() -> None:
    config = json.loads(dict(channel_options())["grpc.service_config"])
    services = {
        service.full_name: service
        for file in (pb.DESCRIPTOR, dialer_service_pb2.DESCRIPTOR, directory_service_pb2.DESCRIPTOR)
        for service in file.services_by_name.values()
    }
    names = [name for method in config["methodConfig"] for name in method["name"]]
    assert {name["service"] for name in names} == set(services)
    for name in names:
        assert "method" not in name or name["method"] in services[name["service"]].methods_by_name


@pytest.mark.parametrize(
    ("method", "limit"),
    [
        ("CallbacksService/GetCallback", "10s"),
        ("CallbacksService/BatchCreateCallbacks", "60s"),
        ("CallbacksService/ResolveCallbacks", "60s"),
        ("DialerService/ReportAttempts", "60s"),
        ("DialerService/LeaseCallbacks", "75s"),
        ("DirectoryService/EraseTarget", "300s"),
        ("CallbacksService/WatchCallbacks", None),
    ],
)
def test_the_deadline_leaves_time_for_what_a_call_does(method: str, limit: str | None) -> None:
    service, _, name = method.partition("/")
    limits = {
        entry.get("method"): config.get("timeout")
        for config in json.loads(dict(channel_options())["grpc.service_config"])["methodConfig"]
        for entry in config["name"]
        if entry["service"] == f"ringback.v1.{service}"
    }
    assert limits.get(name, limits[None]) == limit


@pytest.mark.parametrize(("token", "sent"), [("a-secret", ["Bearer a-secret"]), (None, [])], ids=["token", "none"])
async def test_a_secure_channel_brings_the_token(token: str | None, sent: list[str]) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    key = certificate.private_key_pem.bytes()
    credentials = grpc.ssl_server_credentials([(key, certificate.cert_chain_pems[0].bytes())])
    seen: list[Any] = []

    async def look(_: pb.GetCallbackRequest, context: Context) -> pb.GetCallbackResponse:
        seen.extend(value for name, value in context.invocation_metadata() or () if name == "authorization")
        return pb.GetCallbackResponse()

    async with listening("GetCallback", look, credentials) as port:
        async with secure_channel(f"127.0.0.1:{port}", token, authority.cert_pem.bytes()) as channel:
            await pb_grpc.CallbacksServiceStub(channel).GetCallback(pb.GetCallbackRequest())
        async with secure_channel(f"127.0.0.1:{port}", token) as channel:
            with pytest.raises(grpc.aio.AioRpcError):  # no known authority vouches for that certificate
                await pb_grpc.CallbacksServiceStub(channel).GetCallback(pb.GetCallbackRequest(), timeout=0.5)
    assert seen == sent
