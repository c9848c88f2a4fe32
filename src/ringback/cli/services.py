"""`ringback services`: the directory of services."""

import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import click
import yaml
from rich.table import Table

from ringback.cli.service_changes import RemoteDirectory, apply
from ringback.cli.service_commands import delete, find, pause, resume, service_argument, show
from ringback.cli.service_settings import settings_of, span_text
from ringback.cli.services_file import ServicesFileError, WantedService, load
from ringback.cli.session import Session, client_command
from ringback.cli.streams import stdout_is_unicode
from ringback.cli.tables import plain_table
from ringback.cli.times import Times
from ringback.v1 import directory_service_pb2 as pb


def _load(_: click.Context, param: click.Parameter, path: Path) -> list[WantedService]:
    try:
        return load(path)
    except ServicesFileError as fault:
        raise click.BadParameter(f"\n{fault}", param=param) from None


@click.group()
def services() -> None:
    """The services on whose behalf calls are made."""


for _command in (show, pause, resume, delete):
    services.add_command(_command)


@services.command("apply")
@click.argument("wanted", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), callback=_load)
@client_command
async def apply_file(session: Session, *, wanted: list[WantedService]) -> None:
    """Create and change services as the YAML file FILE says.

    What the file does not name stays as it is; nothing is ever deleted.
    """
    async for applied in apply(RemoteDirectory(session.directory, session.timeout_s), wanted):
        if session.as_json:
            session.print_json(applied.service)
        else:
            fields = f" ({', '.join(applied.fields)})" if applied.fields else ""
            service = applied.service
            session.console.print(f"{applied.change:9}  {service.service_id}  {service.sip_address}{fields}")


@services.command("list")
@client_command
async def list_services(session: Session) -> None:
    """List all services."""
    found = [service async for service in all_services(session)]
    if session.as_json:
        for service in found:
            session.print_json(service)
    else:
        session.console.print(_table(found, session.times))


async def all_services(session: Session) -> AsyncIterator[pb.Service]:
    """Yield the services of the server, page by page."""
    request = pb.ListServicesRequest()
    while True:
        page = await session.directory.ListServices(request, timeout=session.timeout_s)
        for service in page.services:
            yield service
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _table(found: Iterable[pb.Service], times: Times) -> Table:
    table = plain_table("service", "address", "name", "calls", "ring", "hours", "changed")
    for service in found:
        table.add_row(
            service.service_id,
            service.sip_address,
            service.display_name,
            "paused" if service.paused else str(service.max_concurrent_calls),
            span_text(service.ring_timeout),
            service.time_zone if service.opening_hours else "always",
            times.write(service.update_time),
        )
    return table


@services.command("get")
@service_argument
@client_command
async def get_service(session: Session, *, service: str) -> None:
    """Show a service, as a file that `services apply` takes."""
    found = await find(session, service)
    if session.as_json:
        session.print_json(found)
    else:
        settings = [settings_of(found)]
        text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=stdout_is_unicode())
        click.echo(text, file=sys.stdout, nl=False)
