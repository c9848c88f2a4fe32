"""Who an HTTP request comes from, in the form in which `identity/` reads what proves it."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ringback.identity.tokens import METADATA_KEY

# In the `state` of a request's scope: its connection; and the token of a session, once the door has found one.
CONNECTION: Final = "connection"
SESSION_TOKEN: Final = "session_token"  # noqa: S105 - the name of its place

_AUTHORIZATION: Final = METADATA_KEY.encode()


class ConnectionPeer(Struct, frozen=True):
    """The other end of a connection."""

    # As gRPC writes it, such as ipv4:192.0.2.1:50000.
    peer: str
    # The client's certificate, and those that came with it, in PEM. Empty without one.
    certificate: bytes = b""
    chain: bytes = b""


class HttpCredentials:
    """The `Credentials` of one request."""

    __slots__ = ("_authorization", "_connection")

    def __init__(self, connection: ConnectionPeer, authorization: Sequence[str]) -> None:
        self._connection = connection
        self._authorization = authorization

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        return [(METADATA_KEY, value) for value in self._authorization]

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        if not self._connection.certificate:
            return {}
        return {"x509_pem_cert": [self._connection.certificate], "x509_pem_cert_chain": [self._connection.chain]}

    def peer(self) -> str:
        return self._connection.peer


def credentials_of(scope: MutableMapping[str, Any]) -> HttpCredentials:
    """Return the credentials of a request: its header Authorization, or else the token of its session."""
    state = scope["state"]
    authorization = [value.decode("latin-1") for name, value in scope["headers"] if name == _AUTHORIZATION]
    token = state.get(SESSION_TOKEN)
    if token is not None and not authorization:
        authorization = [f"Bearer {token}"]
    return HttpCredentials(state[CONNECTION], authorization)
