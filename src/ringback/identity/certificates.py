"""Client certificates: which names they have, who issued them, and until when they are valid."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import Certificate

from ringback.identity.files import UnusableFileError

_BEGIN: Final = re.compile(rb"^-----BEGIN (?:X509 )?CERTIFICATE-----", re.MULTILINE)
# What the parser raises of extensions that are not as they should be.
_FAULTY = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError)


def read_authorities(path: Path, content: bytes) -> tuple[Certificate, ...]:
    """Read the certificates of the authorities whose client certificates are accepted. Raise `UnusableFileError`."""
    try:
        return tuple(read_certificates(content))
    except ValueError:
        raise UnusableFileError(f"{path}: has no certificate in PEM, or one that cannot be read") from None


def read_certificates(content: bytes) -> Sequence[Certificate]:
    """Read all certificates of a file in PEM, at least one. Raise `ValueError`, also for one that is cut off.

    The parser passes over one that has no end, as a file has that is just being written.
    """
    found = x509.load_pem_x509_certificates(content)
    if len(found) != len(_BEGIN.findall(content)):
        raise ValueError("a certificate has no end")
    return found


def names_of(certificate: Certificate) -> frozenset[str]:
    """Return the DNS names and URIs of the certificate's SAN, in lower case. Those with wildcards name nobody.

    The common name is not looked at: what an authority checks of it is not defined.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _FAULTY:
        return frozenset()
    dns = (name for name in names.get_values_for_type(x509.DNSName) if ":" not in name)
    # Without a scheme it is no URI, and might be taken for a DNS name.
    uris = (uri for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if ":" in uri)
    return frozenset(name.lower() for name in (*dns, *uris) if name.isascii() and "*" not in name)


def hosts_of(certificate: Certificate) -> tuple[str, ...]:
    """Return the hosts that the certificate of a server is for: DNS names, also with a wildcard, and addresses."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _FAULTY:
        return ()
    return (
        *(name.lower() for name in names.get_values_for_type(x509.DNSName)),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    )


def valid_until(
    certificate: Certificate, between: Sequence[Certificate], authorities: Sequence[Certificate], now: datetime
) -> datetime | None:
    """Return until when the certificate is valid, with a chain of issuers up to one of the authorities.

    None: it is not valid now, or no chain leads there. `between` are the certificates that the client sent beside its
    own. The handshake has checked one chain already; this finds out whether an authority of today is at its end.
    """
    ends: list[datetime] = []
    path = [(certificate, certificate.not_valid_after_utc)]
    # Each certificate once: those that issue one another would lead round in circles.
    seen = {certificate}
    for current, end in path:
        if not _is_valid(current, now):
            continue
        if current in authorities:
            ends.append(end)
        issuers = (each for each in authorities if _is_valid(each, now) and _has_issued(each, current))
        ends.extend(min(end, issuer.not_valid_after_utc) for issuer in issuers)
        for issuer in between:
            if issuer not in seen and _is_authority(issuer) and _has_issued(issuer, current):
                seen.add(issuer)
                path.append((issuer, min(end, issuer.not_valid_after_utc)))
    return max(ends, default=None)


def _is_valid(certificate: Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _FAULTY:
        return False
