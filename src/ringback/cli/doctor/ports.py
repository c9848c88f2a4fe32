"""The addresses that the server listens on: served by this program, free, or another program's."""

import http.client
import socket
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography.x509 import load_der_x509_certificate
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from ringback.cli.doctor.diagnosis import Diagnosis, failed, ok, warning
from ringback.config import Listen, Settings, UnixSocket
from ringback.identity.certificates import read_certificates
from ringback.listening import CannotListen, try_port

_PATIENCE_S: Final = 3.0
_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}  # noqa: S104
_OTHER: Final = "end the other program (`ss -ltnp` lists them), or listen on another port"


def grpc_port(settings: Settings) -> Sequence[Diagnosis]:
    """Look who answers at the address of --listen."""
    listen = settings.listen
    if isinstance(listen, UnixSocket):
        return [_unix_socket(listen)]
    if listen.port == 0:
        return [ok("port", f"{listen}: the system chooses it")]
    try:
        connection = _connected(listen)
    except OSError:
        return [free_or_not("port", listen)]
    with connection:
        if settings.tls_cert is not None:
            return [_tls("port", listen, connection, settings.tls_cert)]
    return [_health(listen, as_client(listen))]


def http_port(settings: Settings) -> Sequence[Diagnosis]:
    """Look who answers at the address of --http."""
    listen = settings.http
    if listen is None:
        return [ok("HTTP port", "none: nothing is served over HTTP, nor metrics")]
    if listen.port == 0:
        return [ok("HTTP port", f"{listen}: the system chooses it")]
    try:
        connection = _connected(listen)
    except OSError:
        return [free_or_not("HTTP port", listen)]
    with connection:
        return [_http_health(listen, connection, settings.tls_cert)]


def as_client(listen: Listen) -> str:
    """Return the address at which a client on this machine reaches it."""
    return f"{_EVERY_ADDRESS.get(listen.host, listen.host)}:{listen.port}"


def _connected(listen: Listen) -> socket.socket:
    host = _EVERY_ADDRESS.get(listen.host, listen.host).strip("[]")
    return socket.create_connection((host, listen.port), _PATIENCE_S)


def free_or_not(subject: str, listen: Listen) -> Diagnosis:
    """Judge an address at which nothing answers: whether it could be had."""
    try:
        try_port(listen)
    except CannotListen as fault:
        return failed(subject, str(fault), _OTHER)
    return ok(subject, f"{listen}: free, no server listens")


def _unix_socket(listen: UnixSocket) -> Diagnosis:
    path = listen.path
    if not path.exists():
        if not path.absolute().parent.is_dir():
            return failed("port", f"{listen}: the folder does not exist", "make it, for the user of the server")
        return ok("port", f"{listen}: free, no server listens")
    if not path.is_socket():
        return failed("port", f"{listen}: there is a file that is not a socket", "choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.settimeout(_PATIENCE_S)
        try:
            tried.connect(str(path))
        except ConnectionRefusedError:
            return ok("port", f"{listen}: left behind by a server that has died; the next one removes it")
        except OSError as fault:
            reason = (fault.strerror or str(fault)).lower()
            return failed("port", f"{listen}: {reason}", "run this as the user of the server")
    return _health(listen, str(listen))


# --- Who answers -----------------------------------------------------------------------------------------------------


def _health(listen: Listen | UnixSocket, target: str) -> Diagnosis:
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub: Any = HealthStub(channel)  # its types have no methods
        try:
            response = stub.Check(HealthCheckRequest(), timeout=_PATIENCE_S, wait_for_ready=False)
        except grpc.RpcError as fault:
            code = fault.code().name if isinstance(fault, grpc.Call) else "no answer"
            text = f"{listen}: taken by a program that does not answer as a server of this kind ({code})"
            return failed("port", text, _OTHER)
    return of_health("port", str(listen), serving=response.status == HealthCheckResponse.SERVING)


def _http_health(listen: Listen, connection: socket.socket, cert: Path | None) -> Diagnosis:
    """Request /healthz, which needs no credentials but a certificate where --tls-client-ca is given."""
    if cert is not None:
        return _tls("HTTP port", listen, connection, cert)
    client = http.client.HTTPConnection(listen.host.strip("[]"), listen.port, timeout=_PATIENCE_S)
    client.sock = connection
    try:
        client.request("GET", "/healthz", headers={"host": "localhost"})
        status = client.getresponse().status
    except (OSError, http.client.HTTPException) as fault:
        text = f"{listen}: taken by a program that does not speak HTTP ({type(fault).__name__})"
        return failed("HTTP port", text, _OTHER)
    if status not in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE):
        return failed("HTTP port", f"{listen}: taken by a program without /healthz ({status})", _OTHER)
    return of_health("HTTP port", str(listen), serving=status == HTTPStatus.OK)


def of_health(subject: str, listen: str, *, serving: bool) -> Diagnosis:
    if serving:
        return ok(subject, f"{listen}: a server listens, and is SERVING")
    text = f"{listen}: a server listens, and is NOT_SERVING: it stops, or its database takes no writes"
    return failed(subject, text, "see its log")


def _tls(subject: str, listen: Listen, connection: socket.socket, cert: Path) -> Diagnosis:
    """See which certificate is served. No more can be found out without credentials of a client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It is compared with the file.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with context.wrap_socket(connection, server_hostname=listen.host.strip("[]")) as handshaken:
            served = handshaken.getpeercert(binary_form=True)
    except OSError as fault:  # an SSLError is one
        reason = getattr(fault, "reason", None) or fault
        return failed(subject, f"{listen}: taken by a program that does not speak TLS ({reason})", _OTHER)
    try:
        in_file = read_certificates(cert.read_bytes())[0]
    except (OSError, ValueError):
        return ok(subject, f"{listen}: a server listens, with TLS")
    if served is None or load_der_x509_certificate(served) != in_file:
        text = f"{listen}: a server listens, with another certificate than that of {cert}"
        return warning(subject, text, "if it is this server, see in its log why the file was not taken")
    return ok(subject, f"{listen}: a server listens, with the certificate of {cert}")
