"""Why a request got no response from the network."""

from enum import StrEnum


class FaultKind(StrEnum):
    """What was wrong, so far as it is known."""

    # No response in time: a host that is down, or packets that are lost.
    TIMEOUT = "TIMEOUT"
    # The connection was refused, an ICMP error came, or there is no route.
    REFUSED = "REFUSED"
    # No address was found by DNS.
    UNRESOLVED = "UNRESOLVED"
    # The handshake failed: the certificate, the name in it, the version.
    TLS = "TLS"
    # The host resolves to an address that may not be reached.
    FORBIDDEN = "FORBIDDEN"


class TransactionFailed(Exception):  # noqa: N818 - named for what happened
    """A transaction ended without a final response."""

    def __init__(self, kind: FaultKind, text: str) -> None:
        self.kind = kind
        self.text = text
        super().__init__(text)
