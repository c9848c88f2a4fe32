"""Servers to be measured, each with a service and what it takes to call for it."""

import hashlib
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.processes import ServerProcess, add_service, listening, serving

# Those that do not look for one take it.
_ANY_SERVICE: Final = "00000000-0000-4000-8000-000000000001"
_ACCESS: Final = """
identities:
  bench:
    tokens_sha256: ["{bench}"]
    grants:
      - {{role: caller, caller_ids: [crm], services: ["*"]}}
      - {{role: dialer, services: ["*"]}}
  ops:
    tokens_sha256: ["{ops}"]
    grants: [{{role: operator}}]
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    server: ServerProcess
    service_id: str
    # Goes with each call; none when empty.
    token: str = ""

    @property
    def flags(self) -> Sequence[str]:
        """Return the flags with which the client reaches it."""
        return ("-address", self.server.address, "-service", self.service_id, "-token", self.token)


@asynccontextmanager
async def as_users_run_it(
    file: Path, *, environment: Mapping[str, str] | None = None, python: str = sys.executable
) -> AsyncIterator[Contestant]:
    """Run a server with identities and with its HTTP port. The token is a caller's and a dialer's."""
    token, operator = (secrets.token_urlsafe(32) for _ in range(2))
    access = file.with_suffix(".access.yaml")
    access.write_text(_ACCESS.format(bench=_hash_of(token), ops=_hash_of(operator)))
    access.chmod(0o600)
    options = ("--dialer", "none", "--access", str(access), "--http", "127.0.0.1:0")
    async with serving(1, f"sqlite:///{file}", *options, environment=environment, python=python) as [server]:
        yield Contestant(server, await add_service(server, operator), token)


@asynccontextmanager
async def open_to_everybody(file: Path) -> AsyncIterator[Contestant]:
    """Run a server with neither."""
    async with serving(1, f"sqlite:///{file}", "--dialer", "none") as [server]:
        yield Contestant(server, await add_service(server))


@asynccontextmanager
async def bare_echo() -> AsyncIterator[Contestant]:
    async with listening("bench.echo") as server:
        yield Contestant(server, _ANY_SERVICE)


@asynccontextmanager
async def a_commit_each(file: Path, *, environment: Mapping[str, str] | None = None) -> AsyncIterator[Contestant]:
    async with listening("bench.naive", str(file), environment=environment) as server:
        yield Contestant(server, _ANY_SERVICE)


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
