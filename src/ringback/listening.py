"""The addresses that a server listens on: refusals that say what is wrong, and the life of a Unix socket.

gRPC says no more than that it could not bind, removes the socket of a server that runs, and lets two servers share
the names of one host. So the address is tried here first.
"""

import errno
import fcntl
import os
import secrets
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ringback.config import Listen, UnixSocket

# Binds a target of gRPC, and returns the port. Raises `RuntimeError`.
Bind = Callable[[str], int]

_REASONS: Final = {
    errno.EADDRINUSE: "the port is in use",
    errno.EADDRNOTAVAIL: "the address is not one of this machine",
    errno.EAFNOSUPPORT: "this machine has no such addresses",
}
# A host name may have addresses that the machine does not, such as ::1; one that it has is enough.
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_FIRST_FREE_PORT: Final = 1024
_ANY_IPV6: Final = "::"
# Connections that wait to be accepted. The system may allow less.
_BACKLOG: Final = 1024
_OWNER_ONLY: Final = 0o177


class CannotListen(Exception):  # noqa: N818 - shown to the operator as it is
    """The address cannot be bound."""

    def __init__(self, address: Listen | UnixSocket, reason: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")


# --- Ports -----------------------------------------------------------------------------------------------------


def bind_port(listen: Listen, bind: Bind) -> int:
    """Bind the address, and return the port. Raise `CannotListen`."""
    try_port(listen)
    try:
        return bind(str(listen))
    except RuntimeError as error:  # another program was faster
        raise CannotListen(listen, str(error)) from None


def try_port(listen: Listen) -> None:
    """Raise `CannotListen` for an address that could not be bound now."""
    addresses = _addresses_of(listen)
    faults = [fault for family, address in addresses if (fault := _fault_of(family, address))]
    in_the_way = [fault for fault in faults if fault.errno not in _NOT_HERE]
    if in_the_way or len(faults) == len(addresses):
        raise CannotListen(listen, reason_of((in_the_way or faults)[0], listen.port))


def listening_sockets(listen: Listen) -> Sequence[socket.socket]:
    """Listen on all addresses of the host, on one port, and return the sockets. Raise `CannotListen`.

    A socket that is only bound can be taken by another server, as long as neither listens.
    """
    sockets: list[socket.socket] = []
    faults: list[OSError] = []
    port = listen.port
    for family, address in _addresses_of(listen):
        try:
            sockets.append(_listening_socket(family, (address[0], port, *address[2:])))
        except OSError as fault:
            faults.append(fault)
        else:
            port = sockets[-1].getsockname()[1]
    in_the_way = [fault for fault in faults if fault.errno not in _NOT_HERE]
    if in_the_way or not sockets:
        for each in sockets:
            each.close()
        raise CannotListen(listen, reason_of((in_the_way or faults)[0], listen.port))
    return sockets


def _addresses_of(listen: Listen) -> Sequence[tuple[int, tuple[Any, ...]]]:
    try:
        found = socket.getaddrinfo(
            listen.host.strip("[]"), listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError:
        raise CannotListen(listen, "the host name has no address") from None
    return [(family, address) for family, *_, address in found]


def _listening_socket(family: int, address: tuple[Any, ...]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        # Connections of an earlier server that are not quite over do not keep this one from its port.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # [::] is all addresses of both kinds, as it is to gRPC.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != _ANY_IPV6))
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _fault_of(family: int, address: object) -> OSError | None:
    """Try an address as gRPC binds it."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)  # type: ignore[arg-type] # as getaddrinfo returned it
    except OSError as error:
        return error
    return None


def reason_of(fault: OSError, port: int) -> str:
    if fault.errno == errno.EACCES and port < _FIRST_FREE_PORT:
        return f"permission denied: a port below {_FIRST_FREE_PORT} needs a privilege"
    return _REASONS.get(fault.errno or 0, (fault.strerror or str(fault)).lower())


# --- Unix sockets ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoundSocket:
    """A socket in the file system, which is this server's."""

    path: Path
    device: int
    inode: int

    @classmethod
    def bind(cls, listen: UnixSocket, bind: Bind) -> "BoundSocket":
        """Bind the path, which only its owner can use from the first moment on. Raise `CannotListen`.

        What a server that has died left there is removed; a live server's socket and anything else is not.
        """
        path = listen.path
        # gRPC removes the name that it has bound when it stops, whatever is there by then: the next server's socket.
        bound = path.with_name(f"{path.name}~{secrets.token_hex(2)}")
        try:
            with _alone_in(path.parent):
                _make_room(listen)
                with _owner_only():
                    _try_socket(bound)
                    bind("unix:" + quote(str(bound)))
                status = bound.lstat()
                bound.rename(path)
        except OSError as error:
            raise CannotListen(listen, (error.strerror or str(error)).lower()) from None
        except RuntimeError as error:
            raise CannotListen(listen, str(error)) from None
        return cls(path.absolute(), status.st_dev, status.st_ino)

    def remove(self) -> None:
        """Remove the socket, unless another server has taken its place."""
        with suppress(OSError):
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == (self.device, self.inode):
                self.path.unlink()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one server at a time look for a socket in the folder, and bind one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _owner_only() -> Iterator[None]:
    # The mask is the process's: for this moment also what other threads create is the owner's only.
    mask = os.umask(_OWNER_ONLY)
    try:
        yield
    finally:
        os.umask(mask)


def _try_socket(path: Path) -> None:
    """Raise the `OSError` that gRPC would meet, of which it tells in its own words and on stderr."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.bind(os.fspath(path))
    path.unlink()


def _make_room(listen: UnixSocket) -> None:
    """Remove the socket of a server that has died. Raise `CannotListen` for anything else that is there."""
    try:
        mode = listen.path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListen(listen, "there is a file that is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.setblocking(False)
        try:
            tried.connect(os.fspath(listen.path))
        except ConnectionRefusedError:
            listen.path.unlink()
            return
        except PermissionError:
            raise
        except OSError:  # too many wait to be accepted, or it is not a stream
            pass
    raise CannotListen(listen, "the socket is in use")
