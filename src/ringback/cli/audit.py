"""`ringback log`: who has done what with which callback."""

import json
from contextlib import aclosing
from typing import Final

import click
from google.protobuf.timestamp_pb2 import Timestamp

from ringback import client
from ringback.cli.board import Board, follow
from ringback.cli.outage import tell_on_stderr
from ringback.cli.params import MOMENT_METAVAR, PAST, Wanted, filter_options
from ringback.cli.session import Session, client_command
from ringback.cli.watch import stopped_by_ctrl_c
from ringback.domain.masking import masked
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb

# A watch that is silent for so long has nothing more to tell.
_SILENCE_S: Final = 1
# The whole history that is kept.
_BEGINNING: Final = Timestamp(seconds=0, nanos=1)

_STATE: Final = cb.CallbackState
_STEPS: Final = {
    (cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_QUEUED): "due",
    (cb.CALLBACK_STATE_OFFERED, cb.CALLBACK_STATE_QUEUED): "given back",
    (cb.CALLBACK_STATE_QUEUED, cb.CALLBACK_STATE_SCHEDULED): "rescheduled",
    (cb.CALLBACK_STATE_DIALING, cb.CALLBACK_STATE_SCHEDULED): "to be retried",
    (cb.CALLBACK_STATE_CONNECTED, cb.CALLBACK_STATE_SCHEDULED): "to be retried",
}
_ENTERED: Final = {
    cb.CALLBACK_STATE_OFFERED: "leased",
    cb.CALLBACK_STATE_DIALING: "dialled",
    cb.CALLBACK_STATE_CONNECTED: "answered",
    cb.CALLBACK_STATE_CANCELLING: "cancelled",
}


@click.command()
@filter_options
@click.option(
    "--since",
    type=PAST,
    metavar=MOMENT_METAVAR,
    help="From when on, such as -1h. Without it, all that the server still has.",
)
@click.option("--follow", "follows", is_flag=True, help="Go on, until Ctrl-C.")
@stopped_by_ctrl_c(lambda follows, **_: bool(follows))
@client_command
async def log(session: Session, *, wanted: Wanted, since: Timestamp | None, follows: bool) -> None:
    """Show who has done what with which callback, the oldest first.

    The identities are shown to operators. A change without one was made by the server itself, or on a server that has
    no identities. Numbers are masked. Changes of services are in the log of the server.
    """
    request = pb.WatchCallbacksRequest(filter=wanted.as_filter(), begin_time=since or _BEGINNING)
    request.heartbeat_interval.FromSeconds(_SILENCE_S)
    await session.callbacks.ListCallbacks(
        pb.ListCallbacksRequest(filter=request.filter, page_size=1), timeout=session.timeout_s
    )
    if follows:
        request.ClearField("heartbeat_interval")
        async with aclosing(follow(session, request, Board(), until=_never, tell=tell_on_stderr(session))) as responses:
            async for response in responses:
                _print(session, response)
        return
    async with aclosing(client.watch(session.callbacks, request)) as responses:
        async for response in responses:
            if not response.events:
                return
            _print(session, response)


def _never(_: Board) -> bool:
    return False


def _print(session: Session, response: pb.WatchCallbacksResponse) -> None:
    for event in response.events:
        if session.as_json:
            click.echo(json.dumps(_facts(event)))
        else:
            facts = _facts(event)
            session.console.print(
                session.times.write(event.event_time),
                f"{facts['identity'] or '-':<16}",
                f"{facts['change']:<13}",
                facts["callback_id"],
                facts["external_id"] or "-",
                facts["target"],
                sep="  ",
                soft_wrap=True,
            )


def _facts(event: pb.CallbackEvent) -> dict[str, str]:
    callback = event.callback
    request = callback.callback_request
    external_id = f"{request.caller_id}/{request.external_task_id}" if request.external_task_id else ""
    return {
        "time": event.event_time.ToJsonString(),
        "identity": event.identity,
        "change": change_of(event),
        "callback_id": callback.callback_id,
        "external_id": external_id,
        "target": masked(callback.dial_target),
    }


def change_of(event: pb.CallbackEvent) -> str:
    """Return what has happened, in a word or two."""
    before, after = event.previous_state, event.callback.state
    match event.type:
        case pb.CALLBACK_EVENT_TYPE_CREATED:
            return "created"
        case pb.CALLBACK_EVENT_TYPE_REMOVED if not event.callback.dial_target:
            return "erased"
        case pb.CALLBACK_EVENT_TYPE_REMOVED if before == after:
            return "deleted"
    if before == after:
        return "updated"
    name = _STATE.Name(after).removeprefix("CALLBACK_STATE_").lower()
    return _STEPS.get((before, after)) or _ENTERED.get(after) or name
