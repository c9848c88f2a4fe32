"""The endpoint of a command, beside a server that may be running with the same settings."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import click

from ringback.cli.settings.sources import resolve
from ringback.config import Settings
from ringback.dialers.sip.messages.trace import Trace
from ringback.dialers.sip.opening import SipCannotOpen, open_endpoint
from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.transactions.endpoint import Endpoint


def sip_settings_of(flags: dict[str, str | bool | None], config: str | None) -> Settings:
    """Return the settings of a server whose dialer is `sip`, whatever else they say. Raise `BadSettings`."""
    return resolve(flags | {"dialer": "sip"}, config).settings


@asynccontextmanager
async def endpoint_of(settings: SipSettings, trace: Trace) -> AsyncIterator[Endpoint]:
    """Open the endpoint at its own port, or at another one while a server has that. Raise `click.ClickException`."""
    async with AsyncExitStack() as stack:
        try:
            endpoint = await stack.enter_async_context(open_endpoint(settings, trace))
        except SipCannotOpen as fault:
            if not fault.port_in_use:
                raise click.ClickException(str(fault)) from None
            host, _ = settings.listen
            try:
                endpoint = await stack.enter_async_context(open_endpoint(replace(settings, listen=(host, 0)), trace))
            except SipCannotOpen as again:
                raise click.ClickException(str(again)) from None
            click.echo(
                f"port {fault.port_in_use} is in use, perhaps by a server: port {endpoint.port} is used instead",
                err=True,
            )
        yield endpoint
