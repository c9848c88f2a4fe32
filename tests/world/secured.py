"""A server with identities, with and without TLS, and channels with every kind of credentials."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import grpc

from ringback.app import App
from ringback.application.access import Grant, Role
from ringback.config import Settings
from ringback.identity.rules import AccessRules, Identity
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api, refusal_of
from tests.world.certificates import Authority, Issued

CRM, PBX, OPS, BOARD = "crm-token", "pbx-token", "ops-token", "board-token"
REFUSAL: Final = "this server needs valid credentials: a bearer token or a client certificate that it accepts"


def hashed(*tokens: str) -> frozenset[str]:
    return frozenset(hashlib.sha256(token.encode()).hexdigest() for token in tokens)


def identity(name: str, role: Role, *tokens: str, **fields: Any) -> Identity:
    grant = Grant(role=role, caller_ids=(name,) if role is Role.CALLER else ())
    return Identity(name=name, tokens_sha256=hashed(*tokens), **({"grants": (grant,)} | fields))


def rules(*identities: Identity, **fields: Any) -> AccessRules:
    """Return rules with an operator, a caller, a dialer and a viewer, but for the identities that are given."""
    usual = {
        each.name: each
        for each in (
            identity("ops", Role.OPERATOR, OPS),
            identity("crm", Role.CALLER, CRM),
            identity("pbx", Role.DIALER, PBX),
            identity("board", Role.VIEWER, BOARD),
        )
    }
    return AccessRules(identities=tuple((usual | {each.name: each for each in identities}).values()), **fields)


def bearer(token: str | bytes, scheme: str = "Bearer") -> tuple[str, str | bytes]:
    return ("authorization", f"{scheme} {token}" if isinstance(token, str) else token)


@dataclass
class Files:
    """The files of a server that speaks TLS to clients with certificates, in a folder of the test."""

    folder: Path
    authority: Authority = field(default_factory=lambda: Authority("of servers"))
    clients: Authority = field(default_factory=lambda: Authority("of clients"))

    @property
    def cert(self) -> Path:
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        return self.folder / "server.key"

    @property
    def client_ca(self) -> Path:
        return self.folder / "clients.pem"

    def write(self, issued: Issued | None = None) -> Issued:
        """Write a certificate for the server, and its key."""
        issued = issued or self.authority.issue("localhost")
        self.cert.write_bytes(issued.chain)
        self.key.write_bytes(issued.key)
        return issued

    def trust(self, *authorities: Authority) -> None:
        self.client_ca.write_bytes(b"".join(each.pem for each in authorities))

    def settings(self, settings: Settings, *, mutual: bool = False, **changed: Any) -> Settings:
        self.write()
        if mutual:
            self.trust(self.clients)
            changed["tls_client_ca"] = self.client_ca
        return replace(settings, tls_cert=self.cert, tls_key=self.key, **changed)

    def channel(self, app: App, certificate: Issued | None = None, **options: Any) -> grpc.aio.Channel:
        """Open a channel of its own connection: two channels share one only if all their options are the same."""
        credentials = grpc.ssl_channel_credentials(
            self.authority.pem,
            None if certificate is None else certificate.key,
            None if certificate is None else certificate.chain,
        )
        return grpc.aio.secure_channel(f"localhost:{app.port}", credentials, options=own_connection())


def own_connection() -> Sequence[tuple[str, int]]:
    return [("grpc.use_local_subchannel_pool", 1)]


async def list_services(channel: grpc.aio.Channel, *metadata: tuple[str, str | bytes]) -> grpc.StatusCode:
    """Make the cheapest call that every role may make; return its status."""
    try:
        await Api.on(channel).directory.ListServices(pb.ListServicesRequest(), metadata=metadata, timeout=5)
    except grpc.aio.AioRpcError as refusal:
        return refusal.code()
    return grpc.StatusCode.OK


def reason_and_text(refusal: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, str | None]:
    return refusal.code(), refusal_of(refusal).reason, refusal.details()
