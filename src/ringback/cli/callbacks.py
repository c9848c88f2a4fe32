"""`ringback get`, `list`, `cancel` and `reschedule`."""

from collections.abc import AsyncIterator
from typing import Any

import click

from ringback.cli.params import (
    MOMENT,
    MOMENT_HELP,
    MOMENT_METAVAR,
    PRIORITY,
    Wanted,
    etag_option,
    filter_options,
    key_argument,
)
from ringback.cli.session import Session, client_command
from ringback.cli.tables import callback_page, callbacks_table, state_text
from ringback.cli.values import PRIORITIES
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb

_MAX_PAGE_SIZE = 1000


@click.command()
@key_argument
@client_command
async def get(session: Session, *, key: cb.CallbackKey) -> None:
    """Show a callback and all its attempts.

    KEY is a callback id, or CALLER/EXTERNAL_ID; /EXTERNAL_ID without a caller.
    """
    response = await session.callbacks.GetCallback(pb.GetCallbackRequest(key=key), timeout=session.timeout_s)
    if session.as_json:
        session.print_json(response.callback)
    else:
        session.console.print(callback_page(response.callback))


@click.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most this many.")
@client_command
async def list_callbacks(session: Session, *, wanted: Wanted, limit: int) -> None:
    """List callbacks, the newest first.

    An option given several times matches any of its values; different options must all match.
    """
    found = _found(session, await wanted.as_filter(session), limit)
    if session.as_json:
        async for callback in found:
            session.print_json(callback)
    else:
        session.console.print(callbacks_table([callback async for callback in found]))


async def _found(session: Session, wanted: cb.CallbackFilter, limit: int) -> AsyncIterator[cb.Callback]:
    request = pb.ListCallbacksRequest(filter=wanted)
    while limit > 0:
        request.page_size = min(limit, _MAX_PAGE_SIZE)
        page = await session.callbacks.ListCallbacks(request, timeout=session.timeout_s)
        for callback in page.callbacks:
            yield callback
        if not page.next_page_token:
            return
        limit -= len(page.callbacks)
        request.page_token = page.next_page_token


@click.command()
@key_argument
@click.option("--reason", default="", help="Why; it is kept with the callback.")
@etag_option
@client_command
async def cancel(session: Session, *, key: cb.CallbackKey, reason: str, etag: str) -> None:
    """Cancel a callback. What is being dialled is hung up.

    KEY is a callback id, or CALLER/EXTERNAL_ID; /EXTERNAL_ID without a caller.
    """
    request = pb.CancelCallbackRequest(key=key, reason=reason, etag=etag)
    response = await session.callbacks.CancelCallback(request, timeout=session.timeout_s)
    _print_state(session, response.callback)


@click.command()
@key_argument
@click.option("--due", "due_date", type=MOMENT, metavar=MOMENT_METAVAR, required=True, help=MOMENT_HELP)
@click.option("--priority", type=PRIORITY, metavar="PRIORITY", help=f"One of: {PRIORITIES}.")
@click.option("--target", help="Whom to dial from now on.")
@etag_option
@client_command
async def reschedule(session: Session, *, key: cb.CallbackKey, **fields: Any) -> None:
    """Move a callback that is scheduled or queued to another time.

    KEY is a callback id, or CALLER/EXTERNAL_ID; /EXTERNAL_ID without a caller.
    """
    request = pb.RescheduleCallbackRequest(key=key, **fields)
    response = await session.callbacks.RescheduleCallback(request, timeout=session.timeout_s)
    _print_state(session, response.callback)


def _print_state(session: Session, callback: cb.Callback) -> None:
    if session.as_json:
        session.print_json(callback)
    else:
        session.console.print(callback.callback_id, state_text(callback.state), sep="  ")
