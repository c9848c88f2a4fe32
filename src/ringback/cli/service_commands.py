"""`ringback services show`, `pause`, `resume` and `delete`: one service, named by its UUID or its SIP address."""

from collections.abc import Callable, Iterator
from typing import Any

import click
from google.protobuf.field_mask_pb2 import FieldMask
from rich.table import Table

from ringback.cli.confirmation import confirm
from ringback.cli.params import SERVICE
from ringback.cli.service_settings import settings_of
from ringback.cli.session import Session, client_command
from ringback.cli.times import Times
from ringback.cli.values import is_guid
from ringback.v1 import directory_service_pb2 as pb


def service_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("service", type=SERVICE, metavar="UUID|SIP")(command)


async def find(session: Session, service: str) -> pb.Service:
    key = {"service_id" if is_guid(service) else "sip_address": service}
    return (await session.directory.GetService(pb.GetServiceRequest(**key), timeout=session.timeout_s)).service


@click.command()
@service_argument
@client_command
async def show(session: Session, *, service: str) -> None:
    """Show a service, its settings, and how many callbacks wait for it."""
    found = await find(session, service)
    if session.as_json:
        session.print_json(found)
        return
    request = pb.GetQueueRequest(service_id=found.service_id)
    queue = await session.directory.GetQueue(request, timeout=session.timeout_s)
    page = Table.grid(padding=(0, 2))
    page.add_column(style="bright_black", no_wrap=True)
    page.add_column(overflow="fold")
    for label, value in _facts(found, queue, session.times):
        page.add_row(label, value)
    session.console.print(page)


def _facts(service: pb.Service, queue: pb.GetQueueResponse, times: Times) -> Iterator[tuple[str, str]]:
    for name, value in settings_of(service).items():
        if value not in ("", [], {}):
            yield name.replace("_", " "), _text(value)
    yield "waiting", str(sum(level.count for level in queue.waiting))
    yield "in progress", f"{queue.in_progress} of {queue.capacity}"
    if rest_ends := times.write(queue.agents_rest_until):
        yield "agents", f"do not answer, called again at {rest_ends}"
    yield "created", times.write(service.create_time)
    yield "changed", times.write(service.update_time)


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_text, value))
        case dict():
            return "\n".join(f"{name}: {_text(inner)}" for name, inner in value.items())
    return str(value)


@click.command()
@service_argument
@client_command
async def pause(session: Session, *, service: str) -> None:
    """Dial for a service no more, until it is resumed. Calls in progress go on, and nothing is lost."""
    await _set_paused(session, service, paused=True)


@click.command()
@service_argument
@client_command
async def resume(session: Session, *, service: str) -> None:
    """Dial again for a service that was paused."""
    await _set_paused(session, service, paused=False)


async def _set_paused(session: Session, service: str, *, paused: bool) -> None:
    found = await find(session, service)
    change = "unchanged" if found.paused == paused else "paused" if paused else "resumed"
    if found.paused != paused:
        wanted = pb.Service(service_id=found.service_id, paused=paused)
        request = pb.UpdateServiceRequest(service=wanted, update_mask=FieldMask(paths=["paused"]))
        found = (await session.directory.UpdateService(request, timeout=session.timeout_s)).service
    _print_change(session, change, found)


@click.command()
@service_argument
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal to ask on.")
@client_command
async def delete(session: Session, *, service: str, yes: bool) -> None:
    """Delete a service that has no open callbacks. Its ended callbacks stay."""
    found = await find(session, service)
    if not yes:
        confirm(f"delete the service {_name(found)}", "deleted")
    request = pb.DeleteServiceRequest(service_id=found.service_id)
    await session.directory.DeleteService(request, timeout=session.timeout_s)
    _print_change(session, "deleted", found)


def _name(service: pb.Service) -> str:
    return f"{service.sip_address} ({service.display_name})" if service.display_name else service.sip_address


def _print_change(session: Session, change: str, service: pb.Service) -> None:
    if session.as_json:
        session.print_json(service)
    else:
        session.console.print(f"{change:9}  {service.service_id}  {service.sip_address}")
