"""Where a message goes to, or came from."""

from dataclasses import dataclass
from enum import StrEnum


class Transport(StrEnum):
    """As a `transport` parameter has it; in capitals it is the one of a Via."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def is_reliable(self) -> bool:
        return self is not Transport.UDP

    @property
    def default_port(self) -> int:
        return 5061 if self is Transport.TLS else 5060


@dataclass(frozen=True, slots=True)
class Destination:
    transport: Transport
    address: str
    """An IP address, IPv6 without brackets."""
    port: int
    name: str = ""
    """The name that a certificate must have: the host of the URI, not one that DNS led to (RFC 5922 section 4)."""

    def __str__(self) -> str:
        return f"{bracketed(self.address)}:{self.port};transport={self.transport}"


def bracketed(host: str) -> str:
    """Return a host as a URI has it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
