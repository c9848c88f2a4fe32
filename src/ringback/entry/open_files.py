"""How many files the process may open. Each connection is one, and the server itself needs some, whatever comes."""

import os
import sys
from contextlib import suppress
from typing import Final

# More than a server has at a time of its own: its database, a backup of it, what dials, and files that are read again.
_OWN: Final = 256
_SHARE: Final = 4
# What a process is given where it is not limited, and the most that it takes if it may: each file has a price in the
# kernel, and some programs walk through all that there could be.
_ENOUGH: Final = 1024 * 1024
# Beyond, connections cost more memory than a server has, however few calls they make.
_MOST_CONNECTIONS: Final = 20_000
_MOST_HTTP_CONNECTIONS: Final = 5_000
# The files of this process that are open, by number. Windows has no such folder.
_DESCRIPTORS: Final = "/dev/fd"


def raise_limit() -> None:
    """Open as many files as the process may have: it often begins with 1024, for programs that use select(2)."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not to be had on Windows

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if most == resource.RLIM_INFINITY else min(most, _ENOUGH)
    if wanted > limit():
        with suppress(OSError, ValueError):  # it goes on with what it has
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def limit() -> int:
    """Return how many files may be open at a time."""
    if sys.platform == "win32":
        return _ENOUGH
    import resource  # noqa: PLC0415 - not to be had on Windows

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if files == resource.RLIM_INFINITY else files


def count() -> int:
    """Return how many files are open; 0 where the system does not say."""
    try:
        return len(os.listdir(_DESCRIPTORS))  # noqa: PTH208 - often, and of thousands
    except FileNotFoundError:
        return 0
    except OSError:  # not one more can be opened
        return limit()


def most_http_connections() -> int:
    """Return for how many HTTP connections there is room."""
    return min(_MOST_HTTP_CONNECTIONS, limit() // _SHARE)


def most_grpc_connections(*, http: bool) -> int:
    """Return for how many gRPC connections there is room, beside HTTP if it is served."""
    others = min(_OWN, limit() // _SHARE) + (most_http_connections() if http else 0)
    return min(_MOST_CONNECTIONS, limit() - others)
