"""What peers are told as the address of this endpoint."""

import socket
from typing import Final

from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.transport.sockets import WILDCARDS

# Addresses for documents (RFC 5737, RFC 3849): nothing is sent to them, but the way there is that of the default route.
_ELSEWHERE: Final = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def advertised(host: str, advertise: str) -> tuple[str, int | None]:
    """Return the host and, if it is set, the port. Raise `MalformedMessage` for what is no HOST or HOST:PORT."""
    if advertise:
        uri = Uri.parse(f"sip:{advertise}")
        return uri.host, uri.port
    if host not in WILDCARDS:
        return host, None
    return _default_source(socket.AF_INET) or _default_source(socket.AF_INET6) or "127.0.0.1", None


def _default_source(family: socket.AddressFamily) -> str:
    """Return the address of this machine on its default route; "" when there is none."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
