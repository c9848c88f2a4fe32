"""`ringback history` and `ringback trace`: the life of one callback, and the messages of one of its calls."""

from collections.abc import AsyncIterator, Iterator, Sequence
from textwrap import indent

import click
from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table

from ringback.cli.audit import change_of
from ringback.cli.params import key_argument
from ringback.cli.session import Session, client_command
from ringback.cli.sip_ladder import AGENT, TARGET, Ladder
from ringback.cli.tables import state_text
from ringback.cli.values import OUTCOMES
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb

_PAGE_SIZE = 1000


@click.command()
@key_argument
@client_command
async def history(session: Session, *, key: cb.CallbackKey) -> None:
    """Show what has happened to a callback, the oldest first.

    The identities are shown to operators. A change without one was made by the server itself, or on a server that has
    no identities. What the server keeps no longer is missing at the beginning.
    """
    events = _events(session, key)
    if session.as_json:
        async for event in events:
            session.print_json(event)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    for fold in (False, False, False, True, True):
        table.add_column(no_wrap=not fold, overflow="fold" if fold else "ellipsis")
    before = cb.Callback()
    async for event in events:
        callback = event.callback
        told = ", ".join(_news(before, callback))
        time = session.times.write(event.event_time, tenths=True)
        table.add_row(time, change_of(event), state_text(callback.state), event.identity or "-", told)
        before = callback
    session.console.print(table)


async def _events(session: Session, key: cb.CallbackKey) -> AsyncIterator[pb.CallbackEvent]:
    request = pb.ListCallbackEventsRequest(key=key, page_size=_PAGE_SIZE)
    while True:
        page = await session.callbacks.ListCallbackEvents(request, timeout=session.timeout_s)
        if not page.complete and not request.page_token:
            click.echo("earlier events are kept no longer", err=True)
        for event in page.events:
            yield event
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _news(before: cb.Callback, after: cb.Callback) -> Iterator[str]:
    """Yield what is to be said of a change beside its name."""
    if not before.callback_id:
        return
    known = {attempt.number: attempt for attempt in before.attempts}
    for attempt in after.attempts:
        yield from _news_of_attempt(known.get(attempt.number, cb.Attempt()), attempt)
    if after.cancel_reason != before.cancel_reason:
        yield f"because: {after.cancel_reason}"
    was, now = before.callback_request, after.callback_request
    changed = [field.name for field in now.DESCRIPTOR.fields if getattr(was, field.name) != getattr(now, field.name)]
    if changed:
        yield f"changed {', '.join(changed)}"
    if after.leased_by and after.leased_by != before.leased_by:
        yield f"by dialer {after.leased_by}"


def _news_of_attempt(before: cb.Attempt, after: cb.Attempt) -> Iterator[str]:
    if not before.number:
        yield f"attempt {after.number}"
    if after.HasField("ring_time") and not before.HasField("ring_time"):
        yield "rings"
    if after.outcome != before.outcome:
        status = f" (SIP {after.sip_status})" if after.sip_status else ""
        yield f"{OUTCOMES.of(after.outcome)}{status}"


@click.command()
@key_argument
@click.option("--attempt", "number", type=click.IntRange(min=1), help="Which one. Without it, the last one.")
@click.option("--messages", is_flag=True, help="Show each message whole at the end, without what is secret.")
@client_command
async def trace(session: Session, *, key: cb.CallbackKey, number: int | None, messages: bool) -> None:
    """Show the SIP messages of one attempt of a callback, as `ringback sip call` shows them. For operators.

    The server has them in memory, of its last calls only, and of those that its own SIP dialer has placed. Numbers in
    them are masked.
    """
    found = await session.callbacks.GetCallback(pb.GetCallbackRequest(key=key), timeout=session.timeout_s)
    callback = found.callback
    if number is None:
        number = callback.attempt_count or 1
    request = pb.GetCallTraceRequest(key=key, attempt=number)
    response = await session.callbacks.GetCallTrace(request, timeout=session.timeout_s)
    if session.as_json:
        for message in response.messages:
            session.print_json(message)
    elif response.messages:
        _draw(response.messages, first=await _first_side(session, callback.service_id), whole=messages)
    else:
        click.echo(f"the server has no messages of attempt {number}", err=True)


async def _first_side(session: Session, service_id: str) -> int:
    """Return the side that is called first, as the service has it now."""
    request = directory_pb.GetServiceRequest(service_id=service_id)
    response = await session.directory.GetService(request, timeout=session.timeout_s)
    return TARGET if response.service.first_leg == directory_pb.FIRST_LEG_TARGET else AGENT


def _draw(messages: Sequence[pb.SipMessage], *, first: int, whole: bool) -> None:
    ladder = Ladder(first=first)
    click.echo(ladder.heading)
    for message in messages:
        elapsed_s = _seconds_between(messages[0].time, message.time)
        line = ladder.line_of_text(elapsed_s, sent=message.sent, call_id=message.call_id, text=message.text)
        if line is not None:
            click.echo(line)
    click.echo(ladder.note(_seconds_between(messages[0].time, messages[-1].time), f"Call-IDs: {ladder.sides}"))
    if whole:
        for message in messages:
            direction = "sent" if message.sent else "received"
            click.echo(
                f"\n{message.time.ToJsonString()} {direction} {message.peer}\n{indent(message.text.strip(), '    ')}"
            )


def _seconds_between(start: Timestamp, end: Timestamp) -> float:
    return (end.ToNanoseconds() - start.ToNanoseconds()) / 1e9
