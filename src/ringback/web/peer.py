"""Who an HTTP request comes from, in the form in which `identity/` reads what proves it."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ringback.identity.tokens import METADATA_KEY

# In the `state` of a request's scope: its connection; and of a request with a session what returns the token, which
# is None once the session is over.
CONNECTION: Final = "connection"
SESSION_TOKEN: Final = "session_token"  # noqa: S105 - the name of its place

# In the `state` of a request that is judged by its credentials: from there on it waits for its turn among all calls.
HAS_TURN: Final = "has_turn"


class ConnectionPeer(Struct, frozen=True):
    """The other end of a connection."""

    # As gRPC writes it, such as ipv4:192.0.2.1:50000.
    peer: str
    # The client's certificate, and those that came with it, in PEM. Empty without one.
    certificate: bytes = b""
    chain: bytes = b""


class HttpCredentials:
    """The `Credentials` of one request. Its headers are the metadata."""

    __slots__ = ("_connection", "_headers", "_session_token")

    def __init__(
        self, connection: ConnectionPeer, headers: Sequence[tuple[str, str]], session_token: Callable[[], str | None]
    ) -> None:
        self._connection = connection
        self._headers = headers
        self._session_token = session_token

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        """Return the headers. Without `authorization` among them, the token of the session is one, while it lasts."""
        if any(name == METADATA_KEY for name, _ in self._headers) or (token := self._session_token()) is None:
            return self._headers
        return [*self._headers, (METADATA_KEY, f"Bearer {token}")]

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        if not self._connection.certificate:
            return {}
        return {"x509_pem_cert": [self._connection.certificate], "x509_pem_cert_chain": [self._connection.chain]}

    def peer(self) -> str:
        return self._connection.peer


def is_serial(scope: MutableMapping[str, Any]) -> bool:
    """Return whether the connection of a request carries one at a time, as those of HTTP/1.1 do."""
    return str(scope.get("http_version", "")).startswith("1")


def credentials_of(scope: MutableMapping[str, Any]) -> HttpCredentials:
    """Return the credentials of a request."""
    state = scope["state"]
    state[HAS_TURN] = True
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return HttpCredentials(state[CONNECTION], headers, state.get(SESSION_TOKEN, _no_session))


def credentials_with(scope: MutableMapping[str, Any], token: str) -> HttpCredentials:
    """Return the credentials of a request with a token from elsewhere than its headers."""
    scope["state"][HAS_TURN] = True
    return HttpCredentials(scope["state"][CONNECTION], [(METADATA_KEY, f"Bearer {token}")], _no_session)


def _no_session() -> None:
    return None
