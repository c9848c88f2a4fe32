"""Ports for what is stopped and started again."""

import random
import socket
from typing import Final

# Below the range from which systems take the ports of outgoing connections: a client that looks for a dead server
# on one of those can come to be connected to itself.
_PORTS: Final = range(20_000, 32_000)


def free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
