"""TLS of the server, whose certificate may change while it runs."""

from typing import Final

import grpc

from ringback.identity.files import FileValue
from ringback.identity.server_files import ServerFiles


class Tls:
    """The credentials of the server: each connection gets those that the files have at that moment."""

    def __init__(self, files: FileValue[ServerFiles]) -> None:
        self._files: Final = files
        self._in_use = files.value

    def credentials(self) -> grpc.ServerCredentials:
        # gRPC either requires a certificate of every client, or takes none.
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._in_use),
            self._changed,  # type: ignore[arg-type] # that it may return None is documented
            require_client_authentication=self._in_use.client_ca is not None,
        )

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what the next handshakes are made with, None when it is the same. Called on gRPC's threads."""
        present = self._files.value
        if present is self._in_use:
            return None
        self._in_use = present
        return _configuration(present)


def _configuration(files: ServerFiles) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(files.key, files.chain)], files.client_ca)
