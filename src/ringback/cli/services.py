"""`ringback services`: the directory of services."""

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import yaml
from google.protobuf.duration_pb2 import Duration
from rich.table import Table

from ringback.cli.params import SERVICE
from ringback.cli.service_changes import apply
from ringback.cli.services_file import ServicesFileError, WantedService, load
from ringback.cli.session import Session, client_command
from ringback.cli.tables import local_time, plain_table
from ringback.cli.values import DAYS, FIRST_LEGS, OUTCOMES, TARGET_POLICIES, format_span, is_guid
from ringback.v1 import directory_service_pb2 as pb


def _load(_: click.Context, param: click.Parameter, path: Path) -> list[WantedService]:
    try:
        return load(path)
    except ServicesFileError as fault:
        raise click.BadParameter(f"\n{fault}", param=param) from None


@click.group()
def services() -> None:
    """The services on whose behalf calls are made."""


@services.command("apply")
@click.argument("wanted", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), callback=_load)
@client_command
async def apply_file(session: Session, *, wanted: list[WantedService]) -> None:
    """Create and change services as the YAML file FILE says.

    What the file does not name stays as it is; nothing is ever deleted.
    """
    async for applied in apply(session.directory, wanted, session.timeout_s):
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
    found = [service async for service in _all(session)]
    if session.as_json:
        for service in found:
            session.print_json(service)
    else:
        session.console.print(_table(found))


async def _all(session: Session) -> AsyncIterator[pb.Service]:
    request = pb.ListServicesRequest()
    while True:
        page = await session.directory.ListServices(request, timeout=session.timeout_s)
        for service in page.services:
            yield service
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _table(found: Iterable[pb.Service]) -> Table:
    table = plain_table("service", "address", "name", "calls", "ring", "hours", "changed")
    for service in found:
        table.add_row(
            service.service_id,
            service.sip_address,
            service.display_name,
            "paused" if service.paused else str(service.max_concurrent_calls),
            _span(service.ring_timeout),
            service.time_zone if service.opening_hours else "always",
            local_time(service.update_time),
        )
    return table


@services.command("get")
@click.argument("service", type=SERVICE, metavar="UUID|SIP")
@client_command
async def get_service(session: Session, *, service: str) -> None:
    """Show a service, as a file that `services apply` takes."""
    key = {"service_id" if is_guid(service) else "sip_address": service}
    response = await session.directory.GetService(pb.GetServiceRequest(**key), timeout=session.timeout_s)
    if session.as_json:
        session.print_json(response.service)
    else:
        click.echo(yaml.safe_dump([_settings(response.service)], sort_keys=False, allow_unicode=True), nl=False)


def _settings(service: pb.Service) -> dict[str, Any]:
    return {
        "service_id": service.service_id,
        "sip_address": service.sip_address,
        "display_name": service.display_name,
        "max_concurrent_calls": service.max_concurrent_calls,
        "paused": service.paused,
        "default_max_retries": service.default_max_retries,
        "ring_timeout": _span(service.ring_timeout),
        "max_queue_time": _span(service.max_queue_time),
        "time_zone": service.time_zone,
        "opening_hours": dict(_hours(service.opening_hours)),
        "closed_dates": list(service.closed_dates),
        "retry_rules": {OUTCOMES.of(rule.outcome): _rule(rule) for rule in service.retry_rules},
        "first_leg": FIRST_LEGS.of(service.first_leg),
        "priority_weights": list(service.priority_weights),
        "same_target_policy": TARGET_POLICIES.of(service.same_target_policy),
    }


def _hours(periods: Iterable[pb.OpeningPeriod]) -> Iterator[tuple[str, str]]:
    by_day = sorted(periods, key=lambda period: period.day_of_week)
    for day, hours in groupby(by_day, key=lambda period: period.day_of_week):
        yield DAYS.of(day), ", ".join(f"{period.open_time}-{period.close_time}" for period in hours)


def _rule(rule: pb.RetryRule) -> dict[str, Any]:
    settings: dict[str, Any] = {"min_delay": _span(rule.min_delay)}
    for name in ("retry", "max_retries"):
        if rule.HasField(name):
            settings[name] = getattr(rule, name)
    return settings


def _span(duration: Duration) -> str:
    return format_span(duration.ToTimedelta())
