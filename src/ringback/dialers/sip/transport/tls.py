"""TLS with peers: RFC 5922, as far as Python's `ssl` goes (names of type DNS and IP; not URI)."""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    ca: Path | None = None
    """The authorities that peers' certificates are verified by; None: those of the system."""
    cert: Path | None = None
    key: Path | None = None
    """Our certificate, shown to all that connect and to those that ask for one. Without it none can connect by TLS."""

    other_names: tuple[str, ...] = ()
    """Names that a certificate may have in place of an IP address."""

    def contents(self) -> tuple[bytes | None, ...]:
        """Return what the files have; None for one that cannot be read."""
        return tuple(_content(path) for path in (self.ca, self.cert, self.key) if path is not None)

    def client_context(self) -> ssl.SSLContext:
        """Raise `OSError` for a file that cannot be read or is no certificate (`ssl.SSLError` is one)."""
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._show_certificate(context)
        return context

    def server_context(self) -> ssl.SSLContext | None:
        if self.cert is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._show_certificate(context)
        return context

    def _show_certificate(self, context: ssl.SSLContext) -> None:
        if self.cert is not None:
            # Without a password in the key: there is nobody to type it.
            context.load_cert_chain(self.cert, self.key, password="")


class TlsContexts:
    """The contexts of files as they are now: what is renewed counts from the next connection on, without a restart."""

    def __init__(self, files: TlsFiles) -> None:
        """Raise `OSError` as the contexts do. Later, files that cannot be used change nothing, and the log tells it."""
        self.other_names = files.other_names
        self._files = files
        self._seen = files.contents()
        self._client, self._server = files.client_context(), files.server_context()

    def client(self) -> ssl.SSLContext:
        self._look()
        return self._client

    def server(self) -> ssl.SSLContext | None:
        """None without a certificate."""
        self._look()
        return self._server

    def _look(self) -> None:
        # Their dates say nothing: copies keep old ones.
        contents = self._files.contents()
        if contents == self._seen:
            return
        self._seen = contents
        try:
            self._client, self._server = self._files.client_context(), self._files.server_context()
        except (OSError, ValueError) as fault:
            _log.error("SIP: the files of TLS cannot be used, what was read before stays in use: %s", fault)
        else:
            _log.info("SIP: the files of TLS were read again")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
