"""Who a call comes from, on the wire: tokens and JWTs in the metadata of real calls."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringback.app import App
from ringback.application.access import RIGHT_FOR, Right, Role
from ringback.config import Settings
from ringback.v1 import callbacks_service_pb2, dialer_service_pb2, directory_service_pb2
from tests.world.api import Api
from tests.world.jwts import Signer, claims, write_jwks
from tests.world.role_table import STREAMS
from tests.world.secured import (
    BOARD,
    CRM,
    OPS,
    PBX,
    REFUSAL,
    bearer,
    identity,
    list_services,
    reason_and_text,
    rules,
)

SIGNER: Final = Signer("RS256")
METHODS: Final = {
    method.name: f"/{service.full_name}/{method.name}"
    for file in (callbacks_service_pb2, dialer_service_pb2, directory_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    jwt = write_jwks(tmp_path / "keys.json", SIGNER.jwk)
    crm = identity("crm", Role.CALLER, CRM, "crm-token-2", subjects=frozenset({"crm@clients"}))
    return replace(settings, access=rules(crm, jwt=jwt))


@pytest.fixture
async def channel(app: App) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(app.address) as channel:
        yield channel


async def _refusal(channel: grpc.aio.Channel, *metadata: tuple[str, str | bytes]) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await Api.on(channel).directory.ListServices(
            directory_service_pb2.ListServicesRequest(), metadata=metadata, timeout=5
        )
    return refusal.value


ACCEPTED: Final[Mapping[str, Any]] = {
    "a token": bearer(CRM),
    "another token of the same identity": bearer("crm-token-2"),
    "the scheme in lower case": bearer(CRM, "bearer"),
    "the scheme in any case": bearer(CRM, "BeArEr"),
}
REFUSED: Final[Mapping[str, Any]] = {
    "no credentials": (),
    "a wrong token": (bearer("wrong"),),
    "a token twice": (bearer(CRM), bearer(CRM)),
    "two tokens": (bearer(CRM), bearer(PBX)),
    "a token after a wrong one": (bearer("wrong"), bearer(CRM)),
    "two tokens in one header": (("authorization", f"Bearer {CRM}, Bearer {PBX}"),),
    "the same in one header": (("authorization", f"Bearer {CRM},Bearer {CRM}"),),
    "no scheme": (("authorization", CRM),),
    "another scheme": (bearer(CRM, "Basic"),),
    "two schemes": (bearer(CRM, "Bearer Bearer"),),
    "nothing after the scheme": (("authorization", "Bearer"),),
    "an empty token": (("authorization", "Bearer "),),
    "an empty header": (("authorization", ""),),
    "two blanks": (bearer(f" {CRM}"),),
    "a blank within": (bearer(CRM.replace("-", " ")),),
    "a word after it": (bearer(f"{CRM} x"),),
    "the hash of the token": (bearer("7a6f" * 16),),
    "upper case": (bearer(CRM.upper()),),
    "a part of the token": (bearer(CRM[:-1]),),
    "as bytes": (("authorization-bin", f"Bearer {CRM}".encode()),),
    "as proxies name it": (("proxy-authorization", f"Bearer {CRM}"),),
    "of some length": (bearer("x" * 7000),),
    "a JWT of an unknown key": (bearer(Signer("RS256").token(claims())),),
    "a JWT of an unknown subject": (bearer(SIGNER.token(claims(sub="other@clients"))),),
    "a JWT of a subject in upper case": (bearer(SIGNER.token(claims(sub="CRM@clients"))),),
    "a JWT whose subject is the identity": (bearer(SIGNER.token(claims(sub="crm"))),),
    "a JWT that has expired": (bearer(SIGNER.token(claims(exp=1))),),
    "a JWT of the provider for another service": (bearer(SIGNER.token(claims(aud="ringback-staging"))),),
    "a JWT with alg none": (bearer(SIGNER.token(claims()).rpartition(".")[0] + "."),),
}


@pytest.mark.parametrize("metadata", ACCEPTED.values(), ids=ACCEPTED)
async def test_accepted(channel: grpc.aio.Channel, metadata: Any) -> None:
    assert await list_services(channel, metadata) is StatusCode.OK


async def test_an_accepted_jwt(channel: grpc.aio.Channel) -> None:
    token = SIGNER.token(claims())
    for _ in range(2):
        assert await list_services(channel, bearer(token)) is StatusCode.OK


@pytest.mark.long
@pytest.mark.parametrize("metadata", REFUSED.values(), ids=REFUSED)
async def test_all_refusals_are_the_same(channel: grpc.aio.Channel, metadata: Any) -> None:
    """Also after a call that was accepted on the same connection."""
    assert await list_services(channel, bearer(CRM)) is StatusCode.OK
    refusal = await _refusal(channel, *metadata)
    assert reason_and_text(refusal) == (StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID", REFUSAL)
    nothing = await _refusal(channel)
    assert refusal.trailing_metadata() == nothing.trailing_metadata()


async def test_a_huge_token_is_refused(channel: grpc.aio.Channel) -> None:
    """Of headers beyond 16 KiB gRPC itself says what is wrong, before there is a call."""
    refusal = await _refusal(channel, bearer("x" * 100_000))
    assert refusal.code() in {StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNAUTHENTICATED}
    assert await list_services(channel, bearer(CRM)) is StatusCode.OK


# --- Every RPC -------------------------------------------------------------------------------------------------------


async def _status_of(channel: Any, rpc: str, request: bytes, *metadata: Any) -> Any:
    if rpc in STREAMS:
        stream = channel.unary_stream(METHODS[rpc])(request, metadata=metadata, timeout=5)
        try:
            await stream.read()
        except grpc.aio.AioRpcError as refusal:
            return refusal
        stream.cancel()
        return None
    try:
        await channel.unary_unary(METHODS[rpc])(request, metadata=metadata, timeout=5)
    except grpc.aio.AioRpcError as refusal:
        return refusal
    return None


def test_each_rpc_has_a_right() -> None:
    assert METHODS.keys() == RIGHT_FOR.keys()


@pytest.mark.long
@pytest.mark.parametrize("rpc", METHODS)
@pytest.mark.parametrize("request_bytes", [b"", b"\xff\xff\xff"], ids=["empty", "garbage"])
async def test_without_credentials_no_rpc_is_even_read(
    channel: grpc.aio.Channel, rpc: str, request_bytes: bytes
) -> None:
    refusal = await _status_of(channel, rpc, request_bytes)
    assert reason_and_text(refusal) == (StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID", REFUSAL)


@pytest.mark.long
@pytest.mark.parametrize("rpc", METHODS)
async def test_without_the_right_no_rpc_is_even_read(channel: grpc.aio.Channel, rpc: str) -> None:
    """A dialer may dial and read services, a viewer may do neither; garbage is refused like anything else."""
    token = BOARD if RIGHT_FOR[rpc] == "dial" else PBX
    allowed = RIGHT_FOR[rpc] is Right.READ_SERVICES
    refusal = await _status_of(channel, rpc, b"\xff\xff\xff", bearer(token))
    if allowed:
        assert reason_and_text(refusal)[:2] == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    else:
        assert reason_and_text(refusal)[:2] == (StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


async def test_health_and_reflection_are_open(channel: grpc.aio.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    response = await stub.Check(health_pb2.HealthCheckRequest())
    assert response == health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
    assert await _reflected(channel) == StatusCode.OK


async def test_reflection_may_be_closed(settings: Settings) -> None:
    own = replace(settings, reflection=False)
    async with await App.start(own) as app, grpc.aio.insecure_channel(app.address) as channel:
        for metadata in ((), (bearer(OPS),)):
            assert await _reflected(channel, *metadata) == StatusCode.UNIMPLEMENTED
        assert await list_services(channel, bearer(OPS)) is StatusCode.OK


async def _reflected(channel: grpc.aio.Channel, *metadata: Any) -> StatusCode:
    """Open both versions of reflection, and close them without a request; return how that ends."""
    codes = set()
    for version in ("v1", "v1alpha"):
        call: Any = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")(
            metadata=metadata, timeout=5
        )
        await call.done_writing()
        codes.add(await call.code())
    [code] = codes
    assert isinstance(code, StatusCode)
    return code


async def test_without_identities_no_token_is_looked_at(settings: Settings) -> None:
    own = replace(settings, access=None)
    async with await App.start(own) as app, grpc.aio.insecure_channel(app.address) as channel:
        for metadata in ((), (bearer("any"),), (bearer("any"), bearer("other"))):
            assert await list_services(channel, *metadata) is StatusCode.OK


# --- Keys that change ------------------------------------------------------------------------------------------------


async def test_keys_are_read_again(app: App, channel: grpc.aio.Channel, tmp_path: Path) -> None:
    """A token of a key that is gone is refused, also one that was accepted before."""
    successor = Signer("EdDSA", kid="two")
    old, new = bearer(SIGNER.token(claims())), bearer(successor.token(claims()))
    assert [await list_services(channel, each) for each in (old, new)] == [StatusCode.OK, StatusCode.UNAUTHENTICATED]
    write_jwks(tmp_path / "keys.json", SIGNER.jwk, successor.jwk)
    await app.edges.credential_files.look()
    assert [await list_services(channel, each) for each in (old, new)] == [StatusCode.OK, StatusCode.OK]
    write_jwks(tmp_path / "keys.json", successor.jwk)
    await app.edges.credential_files.look()
    assert [await list_services(channel, each) for each in (old, new)] == [StatusCode.UNAUTHENTICATED, StatusCode.OK]


@pytest.mark.parametrize("content", [b"", b" \n", b"{}", b'{"keys": []}', None], ids=str)
async def test_bad_keys_change_nothing_and_are_told_once(
    app: App, channel: grpc.aio.Channel, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    path = tmp_path / "keys.json"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    for _ in range(3):
        await app.edges.credential_files.look()
        assert await list_services(channel, bearer(SIGNER.token(claims()))) is StatusCode.OK
    [line] = [record.getMessage() for record in caplog.records if record.name.startswith("ringback.identity")]
    assert line.startswith(f"{path}: ")
    assert line.endswith("; the JWKS that the server has stays in use")


async def test_no_secret_is_in_a_log_or_an_error(
    channel: grpc.aio.Channel, caplog: pytest.LogCaptureFixture, app: App
) -> None:
    caplog.set_level("DEBUG")
    secrets = [CRM, "my-wrong-secret", SIGNER.token(claims()), SIGNER.token(claims(exp=1))]
    for token in secrets:
        await list_services(channel, bearer(token))
    told = caplog.text + repr(app.edges.authenticator) + repr(vars(app.edges.authenticator)) + str(app.edges.admission)
    assert not [token for token in secrets if token in told]
