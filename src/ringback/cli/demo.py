"""`ringback demo`: callbacks from their creation to their end, on a server and a database of its own."""

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import click
import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from rich.text import Text

from ringback.cli.board import Board, follow, show_live
from ringback.cli.credentials import Connection
from ringback.cli.demo_server import running_server
from ringback.cli.demo_stories import CALLER_ID, SERVICE_SIP, STORIES, Story
from ringback.cli.outage import tell_on_stderr
from ringback.cli.session import Refused, Session
from ringback.cli.tables import state_text
from ringback.cli.times import Times
from ringback.cli.values import OUTCOMES, PRIORITIES, STATES, timestamp
from ringback.client import insecure_channel
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory

# Few enough that callbacks wait for each other, and their priorities show.
_CONCURRENT_CALLS = 2
_RESCHEDULED_S = 6

StoriesById: TypeAlias = Mapping[str, Story]  # by the id of their callback


@click.command()
@click.option("--stay", is_flag=True, help="Go on serving the page afterwards, until Ctrl-C.")
def demo(*, stay: bool) -> None:
    """Start a server, ask for a dozen callbacks, and show them until all have ended.

    Everything is simulated and thrown away afterwards. Takes about 15 seconds. A browser can look on meanwhile: the
    address of the page is printed.
    """
    # A terminal that is closed ends the demo as Ctrl-C does, and with it the server, which would only read files again.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
    faults = asyncio.run(run_stories(stay=stay))
    for fault in faults:
        click.echo(fault, err=True)
    sys.exit(1 if faults else 0)


async def run_stories(*, stay: bool = False) -> list[str]:
    """Run a server and all stories on it; stay until Ctrl-C if that is wanted. Return what did not end as it should."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ringback-demo-") as folder:
        async with running_server(Path(folder)) as addresses, insecure_channel(addresses.grpc) as channel:
            session = Session.on(channel)
            session.console.print(f"A server listens on {addresses.grpc}, with a new database.")
            session.console.print(f"Its page is at {addresses.page}")
            try:
                faults = await _run_on(session)
            except grpc.aio.AioRpcError as error:
                raise Refused(error, Connection(server=addresses.grpc)) from None
            if not faults:
                took_s = time.monotonic() - started
                session.console.print(f"All {len(STORIES)} callbacks have ended as they should. Took {took_s:.0f} s.")
            if stay:
                session.console.print(f"The page stays at {addresses.page} until Ctrl-C.")
                await _interrupted()
    return faults


async def _interrupted() -> None:
    """Return upon Ctrl-C, which ends a demo that stays, and is no failure of it."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    try:
        await interrupted.wait()
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _run_on(session: Session) -> list[str]:
    wanted = cb.CallbackFilter(caller_ids=[CALLER_ID])
    # A watch from here on has every change of the callbacks, their creation included.
    page = await session.callbacks.ListCallbacks(pb.ListCallbacksRequest(filter=wanted))
    start = datetime.now(UTC)
    stories = await _create(session, start)
    await _change(session, stories)
    await _show(session, pb.WatchCallbacksRequest(filter=wanted, resume_token=page.resume_token), stories)
    page = await session.callbacks.ListCallbacks(pb.ListCallbacksRequest(filter=wanted))
    callbacks = sorted(page.callbacks, key=lambda callback: callback.callback_id)
    session.console.print("", _result(callbacks, start), sep="\n")
    return [
        f"{callback.callback_request.external_task_id} to {callback.dial_target} {fault}"
        for callback in callbacks
        for fault in stories[callback.callback_id].faults(callback)
    ]


async def _create(session: Session, start: datetime) -> StoriesById:
    service = directory.Service(sip_address=SERVICE_SIP, max_concurrent_calls=_CONCURRENT_CALLS)
    await session.directory.CreateService(directory.CreateServiceRequest(service=service))
    stories = {}
    for number, story in enumerate(STORIES, start=1):
        request = pb.CreateCallbackRequest(callback_request=story.request(f"task-{number:02}", start))
        response = await session.callbacks.CreateCallback(request)
        stories[response.callback.callback_id] = story
    return stories


async def _change(session: Session, stories: StoriesById) -> None:
    for callback_id, story in stories.items():
        key = cb.CallbackKey(callback_id=callback_id)
        match story.then:
            case "cancel":
                cancel = pb.CancelCallbackRequest(key=key, reason="has called in meanwhile")
                await session.callbacks.CancelCallback(cancel)
            case "reschedule":
                due_date = timestamp(datetime.now(UTC) + timedelta(seconds=_RESCHEDULED_S))
                update = pb.UpdateCallbackRequest(key=key, update_mask=FieldMask(paths=["due_date"]))
                update.callback_request.due_date.CopyFrom(due_date)
                await session.callbacks.UpdateCallback(update)


async def _show(session: Session, request: pb.WatchCallbacksRequest, stories: StoriesById) -> None:
    def until(board: Board) -> bool:
        return board.have_ended(stories.keys())

    if session.console.is_terminal:
        await show_live(session, request, until=until)
        return
    async with aclosing(follow(session, request, Board(), until=until, tell=tell_on_stderr(session))) as responses:
        async for response in responses:
            for event in response.events:
                session.console.print(_line(event, session.times))


def _line(event: pb.CallbackEvent, times: Times) -> str:
    callback = event.callback
    before, after = STATES.of(event.previous_state) or "new", STATES.of(callback.state)
    if before != after:
        change = f"{before} > {after}"
    else:
        change = f"{after}, {'ringing' if callback.state == cb.CALLBACK_STATE_DIALING else 'rescheduled'}"
    return f"{times.write(event.event_time, tenths=True)}  {change:25}  {callback.dial_target}"


def _result(callbacks: list[cb.Callback], start: datetime) -> Text:
    """Return all callbacks and their attempts as text, with times in seconds since the start."""

    def since(stamp: Timestamp) -> str:
        return f"{(stamp.ToDatetime(UTC) - start).total_seconds():.1f} s"

    result = Text()
    for callback in callbacks:
        request = callback.callback_request
        result.append(f"{callback.dial_target:40} {PRIORITIES.of(request.priority):15} ")
        state = state_text(callback.state)
        state.align("left", 10)
        result.append(state).append(f"due {since(request.due_date)}\n")
        for attempt in callback.attempts:
            answered = f", answered at {since(attempt.answer_time)}" if attempt.HasField("answer_time") else ""
            times = f"{since(attempt.start_time):>6} to {since(attempt.end_time)}"
            result.append(f"   {attempt.number}  {OUTCOMES.of(attempt.outcome):16} {times}{answered}\n")
    return result
