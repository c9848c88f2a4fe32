"""Certificate authorities of a test, and the certificates that they issue, with whatever names and dates."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Issued(NamedTuple):
    """A certificate with those between it and its authority, and its key; both in PEM."""

    chain: bytes
    key: bytes

    def write(self, folder: Path, name: str = "server") -> tuple[Path, Path]:
        """Write both, and return the paths of certificate and key."""
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        for path, content in zip(paths, self, strict=True):
            path.write_bytes(content)
        return paths

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.chain)


class Authority:
    """An authority, whose certificate is `pem`."""

    def __init__(self, name: str = "authority", parent: "Authority | None" = None, *, days: int = 3650) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        now = datetime.now(UTC)
        self.certificate = _signed(
            (parent or self)._key,
            _builder(self._name, (parent or self)._name, self._key, now - DAY, now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False),
        )
        self.pem = self.certificate.public_bytes(Encoding.PEM)
        # What clients have to send beside their own certificate.
        self._chain: bytes = b"" if parent is None else self.pem + parent._chain

    def issue(
        self,
        *dns: str,
        uris: Sequence[str] = (),
        addresses: Sequence[str] = (),
        common_name: str = "",
        starts: datetime | None = None,
        ends: datetime | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Issued:
        key = key or ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        builder = _builder(_name(common_name), self._name, key, starts or now - DAY, ends or now + 90 * DAY)
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
        names += [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not common_name)
        pem = _signed(self._key, builder).public_bytes(Encoding.PEM)
        return Issued(
            pem + self._chain, key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, starts: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
    )


def _signed(key: ec.EllipticCurvePrivateKey, builder: x509.CertificateBuilder) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())
