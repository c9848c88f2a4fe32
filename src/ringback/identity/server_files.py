"""The files of a server that speaks TLS: its certificate and key, and the authorities of client certificates."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import Certificate
from msgspec import Struct

from ringback.identity.certificates import hosts_of, read_authorities, read_certificates
from ringback.identity.files import FileValue, UnusableFileError

# Before the end of the server's certificate there is a warning every day.
WARNING: Final = timedelta(days=14)


class ServerFiles(Struct, frozen=True, eq=False):
    """What is in the files, which belongs together."""

    # In PEM: the server's certificate, and those between it and its authority; its key.
    chain: bytes
    key: bytes
    ends_at: datetime
    # The hosts that the certificate is for.
    hosts: tuple[str, ...] = ()
    # In PEM, and as read; None where clients need no certificate.
    client_ca: bytes | None = None
    authorities: tuple[Certificate, ...] | None = None


def server_files(cert: Path, key: Path, client_ca: Path | None) -> FileValue[ServerFiles]:
    """Read the files. Raise `UnusableFileError`.

    They are one value: certificate and key are replaced one after the other, and until both fit together those from
    before stay in use.
    """
    paths = [cert, key] if client_ca is None else [cert, key, client_ca]
    what = "the certificate" if client_ca is None else "the certificate with its authorities of clients"

    def make(chain: bytes, private_key: bytes, authorities: bytes | None = None) -> ServerFiles:
        return ServerFiles(
            chain=chain,
            key=private_key,
            ends_at=_end_of_pair(cert, key, chain, private_key),
            hosts=hosts_of(read_certificates(chain)[0]),
            client_ca=authorities,
            authorities=None if client_ca is None else read_authorities(client_ca, authorities or b""),
        )

    return FileValue(what, paths, make)


def _end_of_pair(cert_path: Path, key_path: Path, chain: bytes, key: bytes) -> datetime:
    """Return when the server's certificate ends. Raise `UnusableFileError` unless TLS can be served with it now."""
    try:
        certificate = read_certificates(chain)[0]
    except ValueError:
        raise UnusableFileError(f"{cert_path}: has no certificate in PEM, or one that cannot be read") from None
    try:
        private_key = load_pem_private_key(key, password=None)
    except TypeError:
        raise UnusableFileError(f"{key_path}: is protected by a password; a server needs a key without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableFileError(f"{key_path}: has no private key in PEM, or one that cannot be read") from None
    if not _serves(private_key):
        raise UnusableFileError(f"{key_path}: is no RSA key, and no EC key on P-256 or P-384; gRPC serves no other")
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private_key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise UnusableFileError(f"{key_path}: is not the key of the certificate in {cert_path}")
    starts_at, ends_at = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not starts_at <= datetime.now(UTC) <= ends_at:
        raise UnusableFileError(f"{cert_path}: is valid from {starts_at:%F %T} to {ends_at:%F %T} UTC, and not now")
    return ends_at


def _serves(key: object) -> bool:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    return isinstance(key, rsa.RSAPrivateKey)
