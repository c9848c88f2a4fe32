"""`ringback queue`, `explain` and `resolve`: what waits, why, and how to end what was served meanwhile."""

import click

from ringback.cli.params import SERVICE, key_argument
from ringback.cli.session import Session, client_command
from ringback.cli.tables import callbacks_table, local_time, plain_table, state_text
from ringback.cli.values import PRIORITIES, WAITING_REASONS, format_span, is_guid
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory


@click.command()
@click.argument("service", type=SERVICE, metavar="UUID|SIP")
@client_command
async def queue(session: Session, *, service: str) -> None:
    """Show who waits for a service, by priority, and for how long."""
    request = directory.GetQueueRequest()
    setattr(request, "service_id" if is_guid(service) else "sip_address", service)
    view = await session.directory.GetQueue(request, timeout=session.timeout_s)
    if session.as_json:
        session.print_json(view)
        return
    table = plain_table("priority", "waiting")
    for level in view.waiting:
        table.add_row(PRIORITIES.of(level.priority), str(level.count))
    session.console.print(table)
    session.console.print(f"in progress     {view.in_progress} of {view.capacity}")
    session.console.print(f"oldest since    {local_time(view.oldest_waiting_time) or 'nobody waits'}")
    session.console.print(f"estimated wait  {_estimate(view)}")


@click.command()
@key_argument
@client_command
async def explain(session: Session, *, key: cb.CallbackKey) -> None:
    """Say where a callback stands, and why it has not been dialled yet."""
    found = await session.callbacks.GetCallback(pb.GetCallbackRequest(key=key), timeout=session.timeout_s)
    view = await session.directory.GetQueue(directory.GetQueueRequest(callback_key=key), timeout=session.timeout_s)
    if session.as_json:
        session.print_json(view)
        return
    standing = view.position
    reason = WAITING_REASONS.of(standing.reason)
    session.console.print(state_text(found.callback.state), f"({reason})" if reason else "", standing.explanation)


@click.command()
@click.argument("target")
@click.option("--reason", default="", help="Why; kept with the callbacks.")
@client_command
async def resolve(session: Session, *, target: str, reason: str) -> None:
    """End all open callbacks to TARGET, because that person was served meanwhile."""
    request = pb.ResolveCallbacksRequest(target=target, reason=reason, include_callbacks=True)
    resolved: dict[str, cb.Callback] = {}
    more = True
    while more:
        response = await session.callbacks.ResolveCallbacks(request, timeout=session.timeout_s)
        # A call that goes on is returned each time.
        more = response.more and any(result.callback_id not in resolved for result in response.results)
        resolved |= {result.callback_id: result.callback for result in response.results}
    if session.as_json:
        for callback in resolved.values():
            session.print_json(callback)
    else:
        session.console.print(callbacks_table(list(resolved.values())))


def _estimate(view: directory.GetQueueResponse) -> str:
    wait = format_span(view.estimated_wait.ToTimedelta()) if view.HasField("estimated_wait") else "unknown"
    return f"{wait} ({view.estimate_basis})"
