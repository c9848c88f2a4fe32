"""UDP with the errors that come back by ICMP."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

# RFC 3261 section 18.1.1: messages up to this size have to be taken.
MAX_DATAGRAM: Final = 65_535
# After so many in a row the loop turns to others: a flood must not stop timers.
_AT_A_TIME: Final = 64
# Linux, <linux/in.h> and <linux/in6.h>: report ICMP errors, and to whom the datagram went.
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_HAS_ERROR_QUEUE: Final = sys.platform == "linux"
_BUFFER_BYTES: Final = 1 << 21

Address = tuple[str, int]


class UdpSocket:
    """One bound socket. All that is sent has its port as the source port."""

    def __init__(
        self,
        bound: socket.socket,
        on_datagram: Callable[[bytes, Address], None],
        on_refused: Callable[[Address, str], None],
    ) -> None:
        self._socket = bound
        self._on_datagram = on_datagram
        self._on_refused = on_refused
        self._loop = asyncio.get_running_loop()
        self._is_mapped = bound.family is socket.AF_INET6
        self._loop.add_reader(bound.fileno(), self._read)

    @classmethod
    def bind(cls, host: str, port: int) -> socket.socket:
        """Return a bound socket; on `::` it takes IPv4, too. Raise `OSError`."""
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            if family is socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            if _HAS_ERROR_QUEUE:
                bound.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
                if family is socket.AF_INET6:
                    bound.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
        return bound

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram. What does not fit into the socket's buffer is lost, as on the way."""
        address = (f"::ffff:{to[0]}", to[1]) if self._is_mapped and ":" not in to[0] else to
        for _ in range(2):
            try:
                self._socket.sendto(data, address)
            except BlockingIOError:
                return
            except OSError as fault:
                # An error of an earlier datagram may be reported here: then this one was not sent.
                if self._take_errors():
                    continue
                self._loop.call_soon(self._on_refused, to, _text(fault.errno))
            return

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        for _ in range(_AT_A_TIME):
            try:
                data, address = self._socket.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                if not self._take_errors():
                    break
            else:
                self._on_datagram(data, _plain(address))
        else:
            return
        self._take_errors()

    def _take_errors(self) -> bool:
        """Report what the error queue has. Return whether there was something."""
        if not _HAS_ERROR_QUEUE:
            return False
        found = False
        for _ in range(_AT_A_TIME):
            try:
                _, ancillary, _, address = self._socket.recvmsg(1, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            found = True
            code = int.from_bytes(ancillary[0][2][:4], sys.byteorder) if ancillary else 0
            if address and code != errno.EMSGSIZE:
                self._loop.call_soon(self._on_refused, _plain(address), _text(code))
        if found:
            # uvloop stops to read a socket that has reported an error.
            self._loop.call_soon(self._read_on)
        return found

    def _read_on(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.add_reader(self._socket.fileno(), self._read)


def _plain(address: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Return address and port; of an IPv4 address that is mapped into IPv6 the former."""
    host = address[0].partition("%")[0]
    if ":" in host and (mapped := IPv6Address(host).ipv4_mapped) is not None:
        host = str(mapped)
    return host, address[1]


def _text(code: int | None) -> str:
    return os.strerror(code).lower() if code else "unreachable"
