"""The server that is fuzzed: a process of its own, on an SQLite file, with identities and without limits."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringback.application.access import Grant, Role
from ringback.identity.rules import AccessRules, Identity
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.fuzz.dice import Dice
from tests.world.api import Api
from tests.world.server_process import serving

# Of everything, of a viewer with masked numbers, of a caller that sees its own only.
ALL, MASKED, OTHER = "token-of-fuzz", "token-of-masked", "token-of-other"
AS_ALL: Final = (("authorization", f"Bearer {ALL}"),)
_GRANTS: Final = {
    ALL: (
        Grant(role=Role.OPERATOR),
        Grant(role=Role.DIALER),
        Grant(role=Role.CALLER, caller_ids=("crm", "fuzz")),
    ),
    MASKED: (Grant(role=Role.VIEWER, masked=True),),
    OTHER: (Grant(role=Role.CALLER, caller_ids=("other",)),),
}
_BAD: Final = (
    "",
    "Bearer",
    "Bearer ",
    "Basic dTpw",
    "Bearer a.b.c",
    f"bearer  {ALL}",
    f"Bearer {ALL}x",
    "Bearer " + "x" * 5000,
)
# What a call may add to the log on average: a line or two, and no traceback.
_BYTES_PER_CALL: Final = 1500
_BYTES_AT_ALL: Final = 20_000
# A service that no other call knows.
_SETTLING: Final = "sip:settling@fuzz.example"
_HEALTH_S: Final = 20.0


@dataclass(frozen=True)
class Fuzzed:
    """A server, as far as a fuzz has to do with it."""

    address: str
    http_address: str
    database: Path
    # All lines that it has logged so far.
    log: Callable[[], Sequence[str]]

    async def add_services(self, *sip_addresses: str) -> None:
        async with Api.at(self.address) as api:
            for sip_address in sip_addresses:
                service = directory_pb.Service(sip_address=sip_address)
                await api.directory.CreateService(directory_pb.CreateServiceRequest(service=service), metadata=AS_ALL)

    async def settle(self) -> None:
        """Have two changes written, behind all that a call which was given up may still write."""
        await self.add_services(_SETTLING)
        async with Api.at(self.address) as api:
            await api.directory.DeleteService(directory_pb.DeleteServiceRequest(sip_address=_SETTLING), metadata=AS_ALL)

    async def faults(self, calls: int) -> list[str]:
        """Return what is wrong with it after so many calls: its health, and its log."""
        found = []
        async with grpc.aio.insecure_channel(self.address) as channel:
            try:
                stub: Any = health_pb2_grpc.HealthStub(channel)
                checked = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_S)
                if checked.status != health_pb2.HealthCheckResponse.SERVING:
                    found.append(f"the server is {health_pb2.HealthCheckResponse.ServingStatus.Name(checked.status)}")
            except grpc.aio.AioRpcError as error:
                found.append(f"the server does not say whether it is healthy: {error.code().name} {error.details()}")
        lines = self.log()
        found += [f"the log has: {line}" for line in lines if _is_of_a_bug(line)]
        size = sum(map(len, lines))
        if size > _BYTES_AT_ALL + calls * _BYTES_PER_CALL:
            found.append(f"the log has {size} bytes after {calls} calls")
        return found


def _is_of_a_bug(line: str) -> bool:
    return " ERROR " in line or " CRITICAL " in line or "Traceback" in line or "never retrieved" in line


def access_rules() -> AccessRules:
    return AccessRules(
        identities=tuple(
            Identity(name=token.removeprefix("token-of-"), tokens_sha256=frozenset({_hashed(token)}), grants=grants)
            for token, grants in _GRANTS.items()
        )
    )


def authorization(dice: Dice) -> str | None:
    """Return the credentials of a call: mostly those that allow all, seldom bad ones: they wait for a pause."""
    if dice.chance(0.93):
        return f"Bearer {ALL}"
    if dice.chance(0.8):
        return f"Bearer {dice.choice((MASKED, OTHER))}"
    return dice.choice((None, *_BAD))


@asynccontextmanager
async def fuzzed_server(folder: Path) -> AsyncIterator[Fuzzed]:
    """Run a server whose files are in the folder."""
    access, database = folder / "access.yaml", folder / "fuzz.db"
    access.write_text(_ACCESS)
    options = ("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--database", f"sqlite:///{database}")
    others = ("--access", str(access), "--limits", "off", "--dialer", "none")
    async with serving(*options, *others) as server:
        yield Fuzzed(await server.address(), await server.http_address(), database, lambda: server.log)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


_ACCESS: Final = f"""
identities:
  fuzz:
    tokens_sha256: ["{_hashed(ALL)}"]
    grants:
      - {{role: operator}}
      - {{role: dialer, services: ["*"]}}
      - {{role: caller, caller_ids: [crm, fuzz], services: ["*"]}}
  masked:
    tokens_sha256: ["{_hashed(MASKED)}"]
    grants: [{{role: viewer, services: ["*"], numbers: masked}}]
  other:
    tokens_sha256: ["{_hashed(OTHER)}"]
    grants: [{{role: caller, caller_ids: [other], services: ["*"]}}]
"""
