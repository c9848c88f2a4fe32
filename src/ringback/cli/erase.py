"""`ringback erase`: everything that is kept about a target, deleted for good."""

import asyncio
from typing import Final

import click

from ringback.cli.confirmation import confirm
from ringback.cli.session import Session, client_command
from ringback.v1 import directory_service_pb2 as pb

# A call may take a while to end; a server that has much looks through all of it.
_PAUSE_S: Final = 1.0
_AT_LEAST_S: Final = 300.0


@click.command()
@click.argument("target")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal to ask on.")
@client_command
async def erase(session: Session, *, target: str, yes: bool) -> None:
    """Delete everything that is kept about TARGET, and cancel what is still to be dialled.

    In whatever spelling, of all services: callbacks, their attempts, and what the log has of them. Calls in progress
    are hung up, and waited for; Ctrl-C stops the waiting, and a repetition does the rest. Backups are not touched.
    """
    if not yes:
        confirm(f"erase everything about {target}", "erased")
    erased = 0
    request = pb.EraseTargetRequest(target=target)
    told = False
    while True:
        done = await session.directory.EraseTarget(request, timeout=max(session.timeout_s, _AT_LEAST_S))
        erased += done.erased
        if not done.in_progress:
            break
        if not told:
            click.echo(f"{done.in_progress} in a call: waiting until it has ended (Ctrl-C stops the waiting)", err=True)
            told = True
        await asyncio.sleep(_PAUSE_S)
    if session.as_json:
        session.print_json(pb.EraseTargetResponse(erased=erased))
    else:
        session.console.print(f"erased  {erased} callbacks")
