"""What the dialer of the settings needs: its trunk, or its gateway."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import click

from ringback.cli.doctor.diagnosis import Diagnosis, Grade, failed, ok
from ringback.cli.sip_check import findings_of
from ringback.config import Settings
from ringback.dialers.sip.check import Level
from ringback.dialers.sip.settings import SipSettings

_PATIENCE_S: Final = 3.0
_GRADES: Final = {Level.OK: Grade.OK, Level.NOTE: Grade.WARNING, Level.FAULT: Grade.FAILED}
_SIP_REMEDY: Final = "see docs/sip.md, and `ringback sip check`"


def calls(settings: Settings) -> Sequence[Diagnosis]:
    """Look at what the dialer places calls through. No phone rings."""
    match settings.dialer:
        case "sip":
            return asyncio.run(_sip(settings.sip))
        case "http":
            return [_gateway(settings.http_dialer.url or "")]
        case "simulated":
            return [ok("dialer", "simulated: no call is placed")]
        case _:
            return [ok("dialer", "none: dialers of your own place the calls (`ringback queue` shows if they come)")]


async def _sip(settings: SipSettings) -> Sequence[Diagnosis]:
    try:
        return [
            Diagnosis(
                f"SIP {finding.subject}",
                _GRADES[finding.level],
                f"{place}{finding.text}",
                "" if finding.level is Level.OK else _SIP_REMEDY,
            )
            async for place, finding in findings_of(settings, settings.proxies)
        ]
    except click.ClickException as fault:
        return [failed("SIP listening", fault.format_message(), _SIP_REMEDY)]


def _gateway(url: str) -> Diagnosis:
    """See whether the gateway of the HTTP dialer takes connections. It gets no order."""
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), _PATIENCE_S).close()
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        return failed(
            "dialer", f"http: {place} takes no connection: {reason}", "see that the gateway runs (docs/http-dialer.md)"
        )
    return ok("dialer", f"http: {place} takes connections")
