"""Ports for what is stopped and started again."""

import os
import random
import socket
from typing import Final

# Below the range from which systems take the ports of outgoing connections: a client that looks for a dead server
# on one of those can come to be connected to itself. Hunts at the same time begin at ports of their own (.ci/run): the
# port of a server that is down looks free.
# The same holds for the workers of pytest.
_FIRST: Final = int(os.environ.get("HUNT_PORTS_FROM", "20000"))
_PER_WORKER: Final = 1_000
_WORKER: Final = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
_WORKERS: Final = 4
_PORTS: Final = (
    range(_FIRST + int(_WORKER) % _WORKERS * _PER_WORKER, _FIRST + _WORKERS * _PER_WORKER)[:_PER_WORKER]
    if _WORKER
    else range(_FIRST, _FIRST + _WORKERS * _PER_WORKER)
)


def free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    """Return ports in a row that are free for UDP and for TCP."""
    while True:
        first = random.choice(_PORTS[: len(_PORTS) - count])
        ports = list(range(first, first + count))
        if all(_is_free(port) for port in ports):
            return ports


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
