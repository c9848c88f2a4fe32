"""With which credentials the commands talk to a server, and what is wrong when they do not get through."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

import click
import grpc

from ringback.client import insecure_channel, secure_channel
from ringback.client.target import is_this_machine
from ringback.client.token import TokenUnreadable, read_token

# For the handshake that finds out why there is no connection.
_PATIENCE_S: Final = 2.0
_IN_PLAIN_TEXT: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})


class BadCredentials(click.UsageError):
    """Files with credentials that cannot be used, or that do not go together. Exit code 2."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {self.format_message()}", file=file, err=True)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where the server is, and the files with the credentials for it."""

    server: str
    tls_ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    token_file: Path | None = None
    plain_token: bool = False

    @property
    def uses_tls(self) -> bool:
        return self.tls_ca is not None or self.client_cert is not None

    def open(self) -> grpc.aio.Channel:
        """Open a channel. Raise `BadCredentials`."""
        if (self.client_cert is None) != (self.client_key is None):
            raise BadCredentials("--cert and --key need each other")
        if self.token_file is not None:
            try:
                read_token(self.token_file)
            except TokenUnreadable as fault:
                raise BadCredentials(str(fault)) from None
        if not self.uses_tls:
            if self.token_file is not None and not self.plain_token and not is_this_machine(self.server):
                raise BadCredentials(
                    f"the token would go to {self.server} in plain text: give --tls-ca, or allow it with --plain-token"
                )
            return insecure_channel(self.server, token_file=self.token_file)
        assert self._context is not None  # so the files can be used
        return secure_channel(
            self.server,
            root_certificates=_content(self.tls_ca),
            token_file=self.token_file,
            certificate_chain=_content(self.client_cert),
            private_key=_content(self.client_key),
        )

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """What the standard library makes of the files, which says what is wrong with them. Raise `BadCredentials`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["h2"])
        if self.tls_ca is None:
            context.load_default_certs()
        else:
            _check_readable(self.tls_ca)
            try:
                context.load_verify_locations(self.tls_ca)
            except (ssl.SSLError, ValueError):
                raise BadCredentials(f"{self.tls_ca} has no certificate in PEM, or one that cannot be read") from None
        if self.client_cert is not None and self.client_key is not None:
            _check_readable(self.client_cert)
            _check_readable(self.client_key)
            try:
                context.load_cert_chain(self.client_cert, self.client_key, password=_no_password)
            except (ssl.SSLError, ValueError):
                raise BadCredentials(
                    f"{self.client_cert} and {self.client_key} are no certificate and its key, "
                    "both in PEM and without a password"
                ) from None
        return context

    def why_unreachable(self) -> str | None:
        """Return what is wrong when there is no connection, None when TLS is not what is wrong.

        gRPC tells no more than that a socket was closed, so a handshake is made without it. This takes some time.
        """
        host, colon, port = self.server.rpartition(":")
        if not colon or not port.isdecimal():
            return None
        with suppress(OSError):
            return self._why_not_tls(host.strip("[]"), int(port)) if self.uses_tls else self._why_not_plain(host, port)
        return None

    def _why_not_tls(self, host: str, port: int) -> str | None:
        with socket.create_connection((host, port), _PATIENCE_S) as connection:
            try:
                handshaken = self._context.wrap_socket(connection, server_hostname=host)
            except ssl.SSLCertVerificationError as fault:
                authorities = "the system's authorities" if self.tls_ca is None else str(self.tls_ca)
                return f"its certificate is not accepted, with {authorities}: {fault.verify_message}"
            except ssl.SSLError as fault:
                return "it speaks plain text, and no TLS" if fault.reason in _IN_PLAIN_TEXT else None
            # In TLS 1.3 a server judges the client's certificate after the handshake, and then says something or goes.
            try:
                refused = not handshaken.recv(1)
            except (ConnectionError, ssl.SSLError):
                refused = True
        if not refused:
            return None
        return "it does not accept the certificate of --cert" if self.client_cert else "it needs --cert and --key"

    @staticmethod
    def _why_not_plain(host: str, port: str) -> str | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        try:
            with socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S) as connection:
                context.wrap_socket(connection, server_hostname=host.strip("[]")).close()
        except ssl.SSLError:
            return None
        return "it speaks TLS: give the file with its authority with --tls-ca"


def _check_readable(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as fault:
        raise BadCredentials(f"cannot read {path}: {fault.strerror}") from None


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


def _no_password() -> str:
    """Return no password, instead of asking for one on the terminal."""
    return ""
