"""`ringback get`, `list`, `cancel`, `reschedule` and `update`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import click
from google.protobuf.field_mask_pb2 import FieldMask

from ringback.cli.page import callback_page
from ringback.cli.params import (
    LABEL,
    MOMENT,
    MOMENT_HELP,
    MOMENT_METAVAR,
    PRIORITY,
    WHOLE,
    Wanted,
    etag_option,
    filter_options,
    key_argument,
)
from ringback.cli.session import Session, client_command
from ringback.cli.tables import callbacks_table, state_text
from ringback.cli.values import PRIORITIES
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb

_MAX_PAGE_SIZE = 1000
_CLEARABLE = (
    "alternative-target",
    "max-retries",
    "due-date",
    "expire-time",
    "description",
    "context-url",
    "supervisor",
    "labels",
)


@click.command()
@key_argument
@client_command
async def get(session: Session, *, key: cb.CallbackKey) -> None:
    """Show a callback and all its attempts."""
    response = await session.callbacks.GetCallback(pb.GetCallbackRequest(key=key), timeout=session.timeout_s)
    if session.as_json:
        session.print_json(response.callback)
    else:
        session.console.print(callback_page(response.callback, session.times))


@click.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most this many.")
@client_command
async def list_callbacks(session: Session, *, wanted: Wanted, limit: int) -> None:
    """List callbacks, the newest first.

    An option given several times matches any of its values; different options must all match.
    """
    found = _found(session, wanted.as_filter(), limit)
    if session.as_json:
        async for callback in found:
            session.print_json(callback)
    else:
        callbacks = [callback async for callback in found]
        session.console.print(callbacks_table(callbacks, session.times, width=session.console.width))


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
    """Cancel a callback. What is being dialled is hung up."""
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
async def reschedule(session: Session, *, key: cb.CallbackKey, etag: str, **fields: Any) -> None:
    """Move a callback that is scheduled or queued to another time."""
    await _update(session, key, etag, {name: value for name, value in fields.items() if value is not None})


@click.command()
@key_argument
@click.option("--due", "due_date", type=MOMENT, metavar=MOMENT_METAVAR, help=f"When to try next. {MOMENT_HELP}")
@click.option("--expire", "expire_time", type=MOMENT, metavar=MOMENT_METAVAR, help="When to give up.")
@click.option("--priority", type=PRIORITY, metavar="PRIORITY", help=f"One of: {PRIORITIES}.")
@click.option("--target", help="Whom to dial from now on; clears the alternative target.")
@click.option("--alternative-target", help="Dialled instead of the target.")
@click.option("--retries", "max_retries", type=WHOLE, help="At most this many retries.")
@click.option("--gap", "seconds_between_retries", metavar="SECONDS", type=WHOLE, help="Between attempts, at least.")
@click.option("--description", help="What it is about, for the agent.")
@click.option("--context-url", help="What the agent's desktop opens.")
@click.option("--supervisor", help="The supervisor in charge.")
@click.option("--label", "labels", type=LABEL, multiple=True, metavar="KEY=VALUE", help="Repeatable; replaces all.")
@click.option(
    "--clear",
    type=click.Choice(_CLEARABLE),
    multiple=True,
    help="Repeatable: set this field to what it is when a request does not have it.",
)
@etag_option
@client_command
async def update(
    session: Session,
    *,
    key: cb.CallbackKey,
    etag: str,
    labels: tuple[tuple[str, str], ...],
    clear: tuple[str, ...],
    **fields: Any,
) -> None:
    """Change a callback's request: only what the options name.

    Whom, when and how often to dial can be changed while it is scheduled or queued, the rest until it has ended.
    """
    changed = {name: value for name, value in fields.items() if value is not None}
    if labels:
        changed["labels"] = dict(labels)
    names = [name.replace("-", "_") for name in clear]
    if twice := sorted(changed.keys() & set(names)):
        raise click.UsageError(f"{', '.join(twice)}: both a new value and --clear")
    if not changed and not names:
        raise click.UsageError("name something to change")
    await _update(session, key, etag, changed, names)


async def _update(
    session: Session, key: cb.CallbackKey, etag: str, changed: Mapping[str, Any], cleared: Sequence[str] = ()
) -> None:
    request = pb.UpdateCallbackRequest(
        key=key,
        callback_request=cb.CallbackRequest(**changed),
        update_mask=FieldMask(paths=[*changed, *cleared]),
        etag=etag,
    )
    response = await session.callbacks.UpdateCallback(request, timeout=session.timeout_s)
    _print_state(session, response.callback)


def _print_state(session: Session, callback: cb.Callback) -> None:
    if session.as_json:
        session.print_json(callback)
    else:
        session.console.print(callback.callback_id, state_text(callback.state), sep="  ")
