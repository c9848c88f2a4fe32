"""The certificates of the server: whether TLS can be served with them, for whom, and how long."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509 import Certificate

from ringback.cli.doctor.diagnosis import Diagnosis, failed, ok, several, warning
from ringback.config import Settings
from ringback.identity.certificates import read_certificates
from ringback.identity.files import UnusableFileError
from ringback.identity.server_files import server_files

_SOON: Final = timedelta(days=30)
_VERY_SOON: Final = timedelta(days=7)
# Of one that lasts for days only: such are renewed when a third is left.
_SHARE: Final = 3
_RENEW: Final = "renew it: the server takes the new file without a restart"


def certificates(settings: Settings, now: datetime) -> Sequence[Diagnosis]:
    """Look at the files of TLS."""
    if settings.tls_cert is None or settings.tls_key is None:
        return [ok("certificate", "none: plain text is served")]
    try:
        files = server_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca).value
    except UnusableFileError as fault:
        return [failed("certificate", str(fault), "mend the file; --tls-cert, --tls-key and --tls-client-ca name it")]
    chain = read_certificates(files.chain)
    found = [*of_chain(settings.tls_cert, chain, now)]
    if files.authorities is not None and settings.tls_client_ca is not None:
        found += of_authorities(settings.tls_client_ca, files.authorities, now)
    return found


def of_chain(path: Path, chain: Sequence[Certificate], now: datetime) -> Iterator[Diagnosis]:
    """Judge a certificate, and those between it and its authority."""
    own, *between = chain
    names = names_in(own)
    if not names:
        text = f"{path}: has no names (subjectAltName), and clients look at nothing else"
        yield failed("certificate", text, "have one issued for the names that clients use")
    else:
        yield of_end("certificate", f"{path}: for {', '.join(names)}", own, now)
    for issued, issuer in zip(chain, between, strict=False):
        if not _has_issued(issuer, issued):
            text = f"{path}: the certificates are not in order, each followed by the one that has issued it"
            yield failed("chain", text, "put them in order, the server's own first, and leave others out")
            return
    for each in between:
        yield of_end("chain", f"{path}: {each.subject.rfc4514_string() or 'a certificate without a name'}", each, now)


def of_authorities(path: Path, authorities: Sequence[Certificate], now: datetime) -> Sequence[Diagnosis]:
    """Judge the authorities of client certificates."""
    valid = [each for each in authorities if each.not_valid_before_utc <= now <= each.not_valid_after_utc]
    if not valid:
        text = (
            f"{path}: none of {several(len(authorities), 'authority', 'authorities')} is valid now: no client gets in"
        )
        return [failed("client CA", text, "add the authority that issues certificates of clients now")]
    last = max(valid, key=lambda each: each.not_valid_after_utc)
    return [of_end("client CA", f"{path}: {several(len(authorities), 'authority', 'authorities')}", last, now)]


def of_end(subject: str, text: str, certificate: Certificate, now: datetime) -> Diagnosis:
    """Judge until when a certificate is valid."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    left = ends - now
    text += f", valid until {ends:%F %T} UTC"
    if not begins <= now <= ends:
        return failed(subject, f"{text}, from {begins:%F %T} on, and not now", _RENEW)
    text += f" ({several(left.days, 'day')})"
    if left < min(_SOON, (ends - begins) / _SHARE):
        return warning(subject, text, f"{_RENEW}; do it now" if left < _VERY_SOON else _RENEW)
    return ok(subject, text)


def names_in(certificate: Certificate) -> Sequence[str]:
    """Return the names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def _has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not that one's
        return False
    return True
