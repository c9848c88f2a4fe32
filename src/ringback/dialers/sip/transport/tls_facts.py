"""What a peer shows in a TLS handshake: for operators who look for what is wrong with it."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ringback.dialers.sip.transport.destination import Destination
from ringback.dialers.sip.transport.tls import TlsFiles

_HANDSHAKE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """What was agreed on, and the certificate of the peer."""

    version: str
    cipher: str
    # Of the SAN: what a certificate is valid for. The common name is not looked at (RFC 5922 section 7.1).
    names: tuple[str, ...]
    issuer: str
    valid_from: datetime
    valid_until: datetime
    # Why the certificate is not accepted: its chain, its dates or its names; "" when it is.
    fault: str = ""


async def tls_facts(destination: Destination, files: TlsFiles) -> TlsFacts:
    """Make a handshake as a call would, and return what it shows. Raise `OSError` when there is none."""
    context = files.client_context()
    try:
        return await _handshake(destination, context)
    except ssl.SSLCertVerificationError as refusal:
        fault = refusal.verify_message
    # Once more, without a look at the certificate, which would not be shown otherwise. Nothing is sent over it.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return await _handshake(destination, context, fault)


async def _handshake(destination: Destination, context: ssl.SSLContext, fault: str = "") -> TlsFacts:
    async with asyncio.timeout(_HANDSHAKE_S):
        _, writer = await asyncio.open_connection(
            destination.address, destination.port, ssl=context, server_hostname=destination.name or destination.address
        )
    try:
        session = writer.get_extra_info("ssl_object")
        certificate = x509.load_der_x509_certificate(session.getpeercert(binary_form=True))
        return TlsFacts(
            version=session.version(),
            cipher=session.cipher()[0],
            names=_names(certificate),
            issuer=_common_name(certificate.issuer),
            valid_from=certificate.not_valid_before_utc,
            valid_until=certificate.not_valid_after_utc,
            fault=fault,
        )
    finally:
        writer.transport.abort()


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return (*names.get_values_for_type(x509.DNSName), *addresses, *uris)


def _common_name(name: x509.Name) -> str:
    """Return what an issuer is called by people."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME) or name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
