"""`ringback queue`, `explain` and `resolve`: what waits, why, and how to end what was served meanwhile."""

import click
from rich.text import Text

from ringback.cli.explanation import explanation, outcome_of
from ringback.cli.page import attempts_table
from ringback.cli.params import SERVICE, key_argument
from ringback.cli.queue_tables import levels_table, queue_facts, queues_table
from ringback.cli.session import Session, client_command
from ringback.cli.tables import callbacks_table, state_text
from ringback.cli.times import Times
from ringback.cli.values import WAITING, WAITING_REASONS, is_guid
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory


@click.command()
@click.argument("service", type=SERVICE, metavar="[UUID|SIP]", required=False)
@client_command
async def queue(session: Session, *, service: str | None) -> None:
    """Show who waits for a service, by priority, and what stands in the way of its calls; without one, all queues."""
    if service is None:
        await _show_all(session)
        return
    request = directory.GetQueueRequest()
    setattr(request, "service_id" if is_guid(service) else "sip_address", service)
    view = await session.directory.GetQueue(request, timeout=session.timeout_s)
    if session.as_json:
        session.print_json(view)
        return
    session.console.print(levels_table(view, session.times))
    for name, fact in queue_facts(view, session.times):
        session.console.print(f"{name:14}  {fact}")


async def _show_all(session: Session) -> None:
    """Show the queues of all services that may be read: the first picture of a watch."""
    queues: dict[str, directory.GetQueueResponse] = {}
    services: dict[str, directory.Service] = {}
    stream = session.directory.WatchQueues(directory.WatchQueuesRequest(), timeout=session.timeout_s)
    async for response in stream:
        queues |= {queue.service_id: queue for queue in response.queues}
        services |= {service.service_id: service for service in response.services}
        if response.complete:
            stream.cancel()
            break
    in_order = sorted(services.values(), key=lambda service: service.sip_address)
    if session.as_json:
        for service in in_order:
            session.print_json(queues[service.service_id])
    else:
        session.console.print(queues_table(queues, in_order, session.times))


@click.command()
@key_argument
@client_command
async def explain(session: Session, *, key: cb.CallbackKey) -> None:
    """Say where a callback stands: why it has not been dialled yet, who has it, or why it has ended."""
    callback = await _get(session, key)
    if callback.state in WAITING:
        view = await session.directory.GetQueue(directory.GetQueueRequest(callback_key=key), timeout=session.timeout_s)
        if view.position.reason:
            if not session.as_json:
                view.position.explanation = session.times.rewrite(view.position.explanation)
            _print_standing(session, callback, view, WAITING_REASONS.of(view.position.reason))
            return
        callback = await _get(session, key)  # it waits no more
    # The queue of a service that has been deleted since cannot be had, and tells nothing of what does not wait.
    times = Times() if session.as_json else session.times
    position = directory.QueuePosition(explanation=explanation(callback, times))
    view = directory.GetQueueResponse(service_id=callback.service_id, position=position)
    _print_standing(session, callback, view, outcome_of(callback))


async def _get(session: Session, key: cb.CallbackKey) -> cb.Callback:
    response = await session.callbacks.GetCallback(pb.GetCallbackRequest(key=key), timeout=session.timeout_s)
    return response.callback


def _print_standing(session: Session, callback: cb.Callback, view: directory.GetQueueResponse, reason: str) -> None:
    if session.as_json:
        session.print_json(view)
        return
    line = Text()
    line.append(state_text(callback.state)).append(f" ({reason}) " if reason else " ").append(view.position.explanation)
    session.console.print(line)
    if callback.attempts:
        session.console.print(attempts_table(callback.attempts, session.times))


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
        session.console.print(callbacks_table(resolved.values(), session.times, width=session.console.width))
