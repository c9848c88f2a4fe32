"""`ringback sip check`: whether the trunk can be reached, and what will not work, found out without a call."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import click

from ringback.cli.params import Parsed
from ringback.cli.settings.flags import config_option, sip_options
from ringback.cli.sip_endpoint import endpoint_of, sip_settings_of
from ringback.dialers.sip.check import Finding, Level, of_peer, of_registration, of_settings, worst
from ringback.dialers.sip.messages.trace import Trace
from ringback.dialers.sip.settings import SipSettings
from ringback.domain.masking import mask_numbers
from ringback.domain.sip_uri import SipUri


def _parse_uri(text: str) -> str:
    try:
        return str(SipUri.parse(text))
    except ValueError as fault:
        raise ValueError(f"{text!r} {fault}") from None


@click.command()
@click.argument("uris", metavar="[URI]...", nargs=-1, type=Parsed("uri", _parse_uri))
@config_option
@sip_options
def check(uris: tuple[str, ...], config: str | None, **flags: str | bool | None) -> None:
    """Check the proxies of the settings, or each URI: DNS, TLS, OPTIONS, and credentials. No phone rings.

    Exit code 1 when something will not work, and 0 otherwise.
    """
    settings = sip_settings_of(flags, config).sip
    sys.exit(asyncio.run(_check(settings, uris or settings.proxies)))


async def _check(settings: SipSettings, uris: tuple[str, ...]) -> int:
    findings = []
    async for place, finding in findings_of(settings, uris):
        mark = {Level.OK: "ok   ", Level.NOTE: "note ", Level.FAULT: "FAULT"}[finding.level]
        click.echo(mask_numbers(f"{mark}  {place}{finding.subject}: {finding.text}"))
        findings.append(finding)
    return 1 if worst(findings) is Level.FAULT else 0


async def findings_of(settings: SipSettings, uris: Sequence[str]) -> AsyncIterator[tuple[str, Finding]]:
    """Yield what is found out, each with the place that it is about. Raise `click.ClickException`."""
    async with endpoint_of(settings, Trace()) as endpoint:
        for finding in of_settings(settings, endpoint):
            yield "", finding
        for uri in uris:
            async for finding in of_peer(settings, endpoint, uri, datetime.now(UTC)):
                yield f"{uri}  ", finding
        if settings.register is not None:
            yield "", await of_registration(settings, endpoint, settings.register)
