"""The sockets of a gRPC server, closed behind its back: gRPC cannot stop without cancelling some of the calls.

From the moment on at which it is told to stop it cancels each call that arrives, and clients go on sending until they
have heard of it. They get CANCELLED without a reason, as if they had cancelled the call themselves. On a connection
that is closed nothing arrives, and what was sent to no effect fails with UNAVAILABLE.
"""

import asyncio
import os
import socket
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from ringback.identity.peer import peer_of

# What is bound: a port, or the path of a Unix socket.
Address: TypeAlias = int | str

# The open files of this process, by number. Where there is no such folder (Windows), no socket is found.
_DESCRIPTORS: Final = Path("/dev/fd")
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)
_PAUSE_S: Final = 0.002


class _Found(NamedTuple):
    """A socket of the server. What is found is a duplicate: the number may be that of another file in a moment."""

    number: int
    duplicate: socket.socket
    is_listening: bool


def stop_listening(address: Address) -> None:
    """Refuse new connections from now on. gRPC keeps a descriptor that it can close."""
    with _nothing() as nothing:
        for found in _sockets(address):
            if found.is_listening:  # which gRPC does not close while it runs, so the number is that of the socket
                os.dup2(nothing.fileno(), found.number, inheritable=False)


async def close_connections(address: Address, limit_s: float) -> None:
    """Close the connections that were accepted on the address, at the latest after `limit_s`.

    gRPC is made to read that the client has gone. It closes the connection as soon as it has written what it is
    writing, which takes for ever when the client does not read.
    """
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + limit_s
    while _shut_down(address, socket.SHUT_RD):
        if now_s() >= end_s:
            _shut_down(address, socket.SHUT_RDWR)
            return
        await asyncio.sleep(_PAUSE_S)


def open_connections(address: Address) -> Sequence[str]:
    """Return the peers, as gRPC writes them, whose connections to the address are open: mostly the newest last."""
    found = [(each.number, _peer_of(each.duplicate)) for each in _sockets(address) if not each.is_listening]
    return [peer for _, peer in sorted(found) if peer]


def end_connections(address: Address, peers: Collection[str]) -> None:
    """Have gRPC take the clients for gone whose peers these are."""
    ended = frozenset(peers)
    if not ended:
        return
    for found in _sockets(address):
        if not found.is_listening and _peer_of(found.duplicate) in ended:
            with suppress(OSError):  # the client has closed it
                found.duplicate.shutdown(socket.SHUT_RD)


def _shut_down(address: Address, how: int) -> int:
    """Shut the connections down, and return how many there are."""
    count = 0
    for found in _sockets(address):
        if not found.is_listening:
            with suppress(OSError):  # the client has closed it
                found.duplicate.shutdown(how)
                count += 1
    return count


def _sockets(address: Address) -> Iterator[_Found]:
    """Yield those that listen on the address, and those that were accepted there.

    Of a file nothing may be duplicated: the kernel drops all locks of this process on a file (fcntl) when any of its
    descriptors is closed. Without them the next program that has read the database takes itself for the last one, and
    deletes the write-ahead log in which this server goes on writing.
    """
    for number in _descriptors():
        try:
            if not _is_socket(number):
                continue
            duplicate = os.dup(number)
        except OSError:  # closed meanwhile
            continue
        if not _is_socket(duplicate):  # the number is that of a file since: a descriptor more does less harm
            continue
        with socket.socket(fileno=duplicate) as found:
            if found.type == socket.SOCK_STREAM and _address_of(found) == address:
                yield _Found(number, found, bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)))


def _is_socket(descriptor: int) -> bool:
    return stat.S_ISSOCK(os.fstat(descriptor).st_mode)


def _descriptors() -> list[int]:
    try:
        return [int(entry.name) for entry in _DESCRIPTORS.iterdir()]
    except OSError:  # there is no such folder, or not one more file can be opened
        return []


def _address_of(found: socket.socket) -> Address | None:
    with suppress(OSError):
        name = found.getsockname()
        address: Address = name[1] if found.family in _INTERNET else name
        return address
    return None


def _peer_of(found: socket.socket) -> str:
    """Return the peer as gRPC writes it; empty when there is none any more, or none that can be told from others."""
    with suppress(OSError):
        if found.family in _INTERNET:
            return peer_of(found.getpeername())
    return ""


def _nothing() -> socket.socket:
    """Return a socket whose other end is closed."""
    one, other = socket.socketpair()
    other.close()
    return one
