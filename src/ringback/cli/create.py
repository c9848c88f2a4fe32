"""`ringback create`."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import click
from rich.text import Text

from ringback.cli.params import LABEL, MOMENT, MOMENT_HELP, MOMENT_METAVAR, PRIORITY, SERVICE, WHOLE
from ringback.cli.session import Session, client_command
from ringback.cli.tables import state_text
from ringback.cli.values import PRIORITIES, format_key, is_guid
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb


@click.command()
@click.argument("target")
@click.option("--service", type=SERVICE, metavar="UUID|SIP", required=True, help="On whose behalf the call is made.")
@click.option(
    "--priority",
    type=PRIORITY,
    metavar="PRIORITY",
    default="normal",
    show_default=True,
    help=f"One of: {PRIORITIES}.",
)
@click.option("--retries", "max_retries", type=WHOLE, help="At most this many retries. Default: the service's.")
@click.option(
    "--gap",
    "seconds_between_retries",
    metavar="SECONDS",
    type=WHOLE,
    default=60,
    show_default=True,
    help="The minimum time from the end of one attempt to the next.",
)
@click.option("--due", "due_date", type=MOMENT, metavar=MOMENT_METAVAR, help=f"When to try first. {MOMENT_HELP}")
@click.option("--expire", "expire_time", type=MOMENT, metavar=MOMENT_METAVAR, help="When to give up.")
@click.option("--external-id", "external_task_id", help="The asking system's own id for it.")
@click.option("--caller", "caller_id", help="Which system asks. Not a telephone number.")
@click.option("--description", help="What it is about, for the agent.")
@click.option("--context-url", help="What the agent's desktop opens.")
@click.option("--supervisor", help="The supervisor in charge.")
@click.option("--label", "labels", type=LABEL, multiple=True, metavar="KEY=VALUE", help="Repeatable.")
@click.option("--alternative-target", help="Dialled instead of TARGET.")
@click.option(
    "--incoming", "incoming_service_sip_uri", metavar="SIP_URI", help="The service session that it comes out of."
)
@click.option("--request-id", default="", help="A UUID that makes repeating this command harmless.")
@click.option("--validate-only", is_flag=True, help="Only check; store nothing.")
@client_command
async def create(
    session: Session,
    *,
    service: str,
    labels: tuple[tuple[str, str], ...],
    request_id: str,
    validate_only: bool,
    **fields: Any,
) -> None:
    """Ask for a callback to TARGET: sip:, sips: or tel: with a global number.

    Repeating an equal request with the same --external-id or --request-id returns the same callback.
    """
    fields["service_id" if is_guid(service) else "service_sip"] = service
    callback_request = cb.CallbackRequest(labels=dict(labels), **fields)
    request = pb.CreateCallbackRequest(
        callback_request=callback_request,
        # The channel repeats a call whose response was lost, which must not create a second callback.
        request_id=request_id or ("" if callback_request.external_task_id else str(uuid4())),
        validate_only=validate_only,
    )
    response = await session.callbacks.CreateCallback(request, timeout=session.timeout_s)
    if session.as_json:
        session.print_json(response)
    elif response.callback.callback_id:
        what = "created" if response.created else "existed"
        session.console.print(what, *_named(response.callback), sep="  ")
    else:
        session.console.print("valid, not stored")


def _named(callback: cb.Callback) -> Iterator[str | Text]:
    yield callback.callback_id
    yield state_text(callback.state)
    if key := format_key(callback.callback_request):
        yield key
