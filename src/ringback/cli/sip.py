"""`ringback sip`: what the SIP dialer would do with its settings, without a server."""

import click

from ringback.cli.connection import StrictGroup
from ringback.cli.sip_call import call
from ringback.cli.sip_check import check


@click.group(cls=StrictGroup)
def sip() -> None:
    """Test the settings of the SIP dialer, without a server.

    The settings are those of `ringback serve`: flags, environment, and the config file.
    """


sip.add_command(check)
sip.add_command(call)
