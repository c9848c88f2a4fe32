"""Who the clients of a scenario are: the access file of its server, and the options of a driver for each of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ringback.application.limits import LimitRules, Limits
from ringback.cli.access_file.load import load_access
from ringback.identity.rules import AccessRules
from tests.world.certificates import Authority
from tests.world.jwts import AUDIENCE, ISSUER, Signer, claims

# How a server with identities is reached.
TLS: Final = "tls"
MUTUAL_TLS: Final = "mutual-tls"
PLAIN_TEXT: Final = "plain-text"
WAYS: Final = (TLS, MUTUAL_TLS, PLAIN_TEXT)

OPERATOR: Final = "operator"
_SERVICE: Final = "sip:support@cc.example"
_CERTIFIED: Final = "crm.clients.example"
_SUBJECT: Final = "crm@clients"
_GRANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "caller": {"role": "caller", "caller_ids": ["crm"], "services": [_SERVICE]},
    "other-caller": {"role": "caller", "caller_ids": ["shop"], "services": ["*"]},
    "limited-caller": {"role": "caller", "caller_ids": ["bot"], "services": [_SERVICE]},
    "dialer": {"role": "dialer", "services": [_SERVICE]},
    "other-dialer": {"role": "dialer", "services": ["*"]},
    "viewer": {"role": "viewer", "services": [_SERVICE]},
    OPERATOR: {"role": "operator"},
}


LIMITS: Final = LimitRules(identities={"limited-caller": Limits(creates_per_s=0.5, watches=1)})


@dataclass
class Identities:
    """The files of a server with identities and of its clients, in a folder of their own."""

    folder: Path
    way: str
    _authority: Authority = field(default_factory=Authority)
    _signer: Signer = field(default_factory=Signer)
    _revoked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._server = self._authority.issue("localhost", addresses=["127.0.0.1"])
        self.cert, self.key = self._server.write(self.folder, "server")
        self.ca = self._write("ca.pem", self._authority.pem)
        self._write("other-ca.pem", Authority("other").pem)
        client = self._authority.issue(_CERTIFIED)
        self._write("client.pem", client.chain)
        # The only form of a key that gRPC for Java reads.
        key = load_pem_private_key(client.key, None)
        self._write("client.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self._write("jwks.json", json.dumps({"keys": [self._signer.jwk]}).encode())
        now = datetime.now(UTC)
        # By more than the skew of clocks that a server allows.
        self._write_token("expired", self._signer.token(claims(now - timedelta(hours=1), sub=_SUBJECT)))
        self._write_token("jwt", self._signer.token(claims(now, sub=_SUBJECT)))
        self._write_token("stranger", _token_of("stranger"))
        for name in _GRANTS:
            self._write_token(name, _token_of(name))

    @property
    def token(self) -> str:
        """The token of the operator."""
        return _token_of(OPERATOR)

    def rules(self) -> AccessRules:
        """Return what the access file says now."""
        identities = {
            name: {"tokens_sha256": [_hashed(self._token_file(name).read_text())], "grants": [grant]}
            for name, grant in _GRANTS.items()
            if name not in self._revoked
        }
        if "caller" in identities:
            identities["caller"] |= {"certificates": [_CERTIFIED], "subjects": [_SUBJECT]}
        jwt = {"jwks": "jwks.json", "issuer": ISSUER, "audience": AUDIENCE}
        file = self._write("access.yaml", yaml.safe_dump({"jwt": jwt, "identities": identities}).encode())
        file.chmod(0o600)
        return load_access(file).rules

    def renew_token(self) -> None:
        """Give the caller another token, at the client and at the server."""
        self._write_token("caller", _token_of("renewed-caller"))

    def revoke(self) -> None:
        """Take the caller out of the access file."""
        self._revoked.add("caller")

    def options(self, client: str) -> Sequence[str]:
        """Return the options of a driver that is this client."""
        options: list[str] = []
        if self.way != PLAIN_TEXT:
            options += ["--ca", str(self.folder / ("other-ca.pem" if client == "wrong-ca" else "ca.pem"))]
        if client == "certified":
            return [*options, "--cert", str(self.folder / "client.pem"), "--key", str(self.folder / "client.key")]
        if client == "nobody":
            return options
        return [*options, "--token-file", str(self._token_file("caller" if client == "wrong-ca" else client))]

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def _write_token(self, name: str, token: str) -> None:
        # Renamed, as the clients' documentation says, since they read it at any moment.
        self._write("token", f"{token}\n".encode()).rename(self._token_file(name))

    def _token_file(self, name: str) -> Path:
        return self.folder / f"{name}.token"


def _token_of(name: str) -> str:
    return f"token-of-{name}"


def _hashed(token: str) -> str:
    return hashlib.sha256(token.strip().encode()).hexdigest()
