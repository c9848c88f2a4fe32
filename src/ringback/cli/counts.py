"""`ringback count` and `outcomes`: how many callbacks there are, and how attempts and callbacks have ended."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

import click
from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table

from ringback.cli.params import MOMENT_METAVAR, PAST, PAST_HELP, SERVICE, Wanted, filter_options
from ringback.cli.services import all_services
from ringback.cli.session import Session, client_command
from ringback.cli.tables import plain_table, state_text
from ringback.cli.times import Times
from ringback.cli.values import OUTCOMES, STATES, is_guid, timestamp
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory

_DAY = timedelta(days=1)


@click.command()
@filter_options
@client_command
async def count(session: Session, *, wanted: Wanted) -> None:
    """Count callbacks by state.

    An option given several times matches any of its values; different options must all match. A number with a plus sign
    is what was counted in bounded time: there may be more.
    """
    request = pb.CountCallbacksRequest(filter=wanted.as_filter())
    response = await session.callbacks.CountCallbacks(request, timeout=session.timeout_s)
    if session.as_json:
        session.print_json(response)
        return
    table = plain_table("state", "callbacks")
    for counted in response.states:
        table.add_row(state_text(counted.state), f"{counted.count}{'+' * counted.at_least}")
    session.console.print(table)


@click.command()
@click.option("--service", "services", type=SERVICE, multiple=True, metavar="UUID|SIP", help="Only of this one.")
@click.option(
    "--since", type=PAST, metavar=MOMENT_METAVAR, help=f"From when on, at most 15 days ago; -1d without it. {PAST_HELP}"
)
@client_command
async def outcomes(session: Session, *, services: tuple[str, ...], since: Timestamp | None) -> None:
    """Show how attempts and callbacks have ended, by half hour and service."""
    request = directory.GetOutcomesRequest(
        begin_time=since or timestamp(datetime.now(UTC) - _DAY),
        service_ids=[await _id_of(session, service) for service in services],
    )
    response = await session.directory.GetOutcomes(request, timeout=session.timeout_s)
    if session.as_json:
        session.print_json(response)
        return
    names = {service.service_id: service.sip_address async for service in all_services(session)}
    session.console.print(_outcomes_table(response, names, session.times))


async def _id_of(session: Session, service: str) -> str:
    if is_guid(service):
        return service
    request = directory.GetServiceRequest(sip_address=service)
    return (await session.directory.GetService(request, timeout=session.timeout_s)).service.service_id


def _outcomes_table(response: directory.GetOutcomesResponse, names: Mapping[str, str], times: Times) -> Table:
    """Return a line for each half hour and service in which anything ended; a column for each way in which it did."""
    counts: dict[tuple[int, str], dict[str, int]] = {}
    for counted in response.outcomes:
        line = counts.setdefault((counted.begin_time.seconds, counted.service_id), {})
        line[OUTCOMES.of(counted.outcome)] = counted.count
    for ended in response.ends:
        line = counts.setdefault((ended.begin_time.seconds, ended.service_id), {})
        line[STATES.of(ended.state)] = ended.count
    columns = _columns(list(counts.values()))
    table = plain_table("half hour", "service", *columns)
    for (begin_s, service_id), line in sorted(counts.items()):
        cells = [str(line.get(column, "")) for column in columns]
        table.add_row(times.write(Timestamp(seconds=begin_s)), names.get(service_id, service_id), *cells)
    return table


def _columns(lines: Sequence[Mapping[str, int]]) -> Sequence[str]:
    """Return what has been counted at all: outcomes of attempts, then states of callbacks."""
    return [name for name in chain(OUTCOMES, STATES) if any(name in line for line in lines)]
