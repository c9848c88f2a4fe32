"""TLS with peers: RFC 5922, as far as Python's `ssl` goes (names of type DNS and IP; not URI)."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    ca: Path | None = None
    """The authorities that peers' certificates are verified by; None: those of the system."""
    cert: Path | None = None
    key: Path | None = None
    """Our certificate, shown to all that connect and to those that ask for one. Without it none can connect by TLS."""

    other_names: tuple[str, ...] = ()
    """Names that a certificate may have in place of an IP address."""

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
