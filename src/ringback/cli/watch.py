"""`ringback watch`."""

import functools
from collections.abc import Callable
from contextlib import aclosing, nullcontext, suppress
from pathlib import Path
from typing import Any

import click

from ringback.cli.board import Board, Condition, follow, show_live
from ringback.cli.outage import tell_on_stderr
from ringback.cli.params import Wanted, filter_options
from ringback.cli.session import Session, client_command
from ringback.v1 import callbacks_service_pb2 as pb


def stopped_by_ctrl_c(is_usual: Callable[..., bool]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let Ctrl-C end a command without an error where that is how it is stopped, by its options."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(*args: Any, **options: Any) -> None:
            with suppress(KeyboardInterrupt) if is_usual(**options) else nullcontext():
                command(*args, **options)

        return run

    return decorate


@click.command()
@filter_options
@click.option("--until-ended", is_flag=True, help="Stop when all of them have ended.")
@click.option("--changes-only", is_flag=True, help="Leave out how they are at the start.")
@click.option(
    "--resume-token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Print JSON, and continue where the last run with this file stopped.",
)
@stopped_by_ctrl_c(lambda until_ended, **_: not until_ended)
@client_command
async def watch(
    session: Session, *, wanted: Wanted, until_ended: bool, changes_only: bool, resume_token_file: Path | None
) -> None:
    """Show callbacks as they change, until Ctrl-C.

    A live table on a terminal; otherwise, and with --json, one event per line. Survives broken connections and
    restarts of the server without missing a change, and says so: below the table, or on stderr. Interrupted by
    Ctrl-C it exits with 0, but with 130 when --until-ended was not reached.
    """
    if until_ended and (changes_only or resume_token_file):
        raise click.UsageError("--until-ended needs to know how all callbacks are at the start")
    request = pb.WatchCallbacksRequest(
        filter=wanted.as_filter(),
        snapshot_mode=pb.SNAPSHOT_MODE_NEVER if changes_only else pb.SNAPSHOT_MODE_WHEN_NEEDED,
    )
    await _check(session, request)
    until = Board.all_ended if until_ended else _never
    if session.as_json or resume_token_file or not session.console.is_terminal:
        await _print_events(session, request, until=until, resume_token_file=resume_token_file)
    else:
        await show_live(session, request, until=until)


def _never(_: Board) -> bool:
    return False


async def _check(session: Session, request: pb.WatchCallbacksRequest) -> None:
    """Fail when the server cannot be reached at the start: its address is probably mistyped. A watch would wait."""
    probe = pb.ListCallbacksRequest(filter=request.filter, page_size=1)
    await session.callbacks.ListCallbacks(probe, timeout=session.timeout_s)


async def _print_events(
    session: Session, request: pb.WatchCallbacksRequest, *, until: Condition, resume_token_file: Path | None
) -> None:
    request.resume_token = _read(resume_token_file) if resume_token_file else ""
    async with aclosing(follow(session, request, Board(), until=until, tell=tell_on_stderr(session))) as responses:
        async for response in responses:
            for event in response.events:
                session.print_json(event)
            if resume_token_file:
                _replace(resume_token_file, response.resume_token)


def _read(path: Path) -> str:
    """Return the stored token; "" before the first run."""
    return path.read_text() if path.exists() else ""


def _replace(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old one or the new one."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    draft.replace(path)
