"""TLS of the HTTP port, from the same files as that of the gRPC port."""

import logging
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from time import perf_counter
from typing import Any, Final

from ringback.identity.files import FileValue, UnusableFileError
from ringback.identity.server_files import ServerFiles
from ringback.web.server_pace import ReadingPace

_log = logging.getLogger(__name__)

_PROTOCOLS: Final = ("h2", "http/1.1")


class HttpTls:
    """What handshakes are made with: each with what the files have at that moment."""

    def __init__(self, files: FileValue[ServerFiles], pace: ReadingPace) -> None:
        """`pace` is charged with handshakes. Raise `UnusableFileError` for files that OpenSSL does not take."""
        self._files: Final = files
        self._seen = files.value
        self._timed: Final = _timed(pace)
        self._context = self._made(files.value)

    def present(self) -> ssl.SSLContext:
        """Return the context for the next handshake."""
        files = self._files.value
        if files is not self._seen:
            self._seen = files
            try:
                self._context = self._made(files)
            except UnusableFileError as fault:
                _log.error("HTTP goes on with the certificate from before: %s", fault)
        return self._context

    def _made(self, files: ServerFiles) -> ssl.SSLContext:
        context = _context(files)
        context.sslobject_class = self._timed
        return context


def _timed(pace: ReadingPace) -> type[ssl.SSLObject]:
    class TimedHandshake(ssl.SSLObject):
        """To sign is most of the work that there is for a connection, and is done for whoever connects."""

        def do_handshake(self) -> None:
            begun_s = perf_counter()
            try:
                super().do_handshake()
            finally:
                pace.charge(perf_counter() - begun_s)

    return TimedHandshake


def _context(files: ServerFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(_PROTOCOLS)
    try:
        with _as_file(files.chain) as chain, _as_file(files.key) as key:
            context.load_cert_chain(chain, key)
        if files.client_ca is not None:
            _require_certificates(context, files.client_ca)
    except (ssl.SSLError, ValueError) as fault:
        raise UnusableFileError(f"the certificate cannot be used for HTTP: {fault}") from None
    return context


def _require_certificates(context: ssl.SSLContext, authorities: bytes) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    # As gRPC does: an authority of the file is one, also if another has issued its certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST
    context.load_verify_locations(cadata=authorities.decode("ascii", errors="ignore"))
    # A session that is resumed by a ticket has lost the certificates between the client's and its authority.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give the content a path, without writing it to a disk: `ssl` reads certificates and keys only by their paths."""
    reading, writing = os.pipe()

    def write() -> None:
        # What OpenSSL finds faulty, it does not read to the end.
        with suppress(OSError), open(writing, "wb") as pipe:  # noqa: PTH123 - a descriptor has no path
            pipe.write(content)

    writer = Thread(target=write, daemon=True)
    writer.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()


def certificates_of(connection: Any) -> tuple[bytes, bytes]:
    """Return the client's certificate and those that came with it, in PEM: empty without one.

    `connection` is the `SSLObject` of a connection.
    """
    if connection is None or (own := connection.getpeercert(binary_form=True)) is None:
        return b"", b""
    return _pem([own]), _pem(_sent_certificates(connection))


def _sent_certificates(connection: Any) -> Sequence[bytes]:
    if hasattr(connection, "get_unverified_chain"):  # since Python 3.13
        return list(connection.get_unverified_chain())
    # The same, under its name from before it was public.
    return [
        ssl.PEM_cert_to_DER_cert(each.public_bytes())
        for each in connection._sslobj.get_unverified_chain() or ()  # noqa: SLF001
    ]


def _pem(certificates: Sequence[bytes]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates)).encode()
