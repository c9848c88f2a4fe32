"""What all commands that talk to a server share: its address, the timeout, and how a refusal is shown."""

import asyncio
import functools
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from typing import IO, TYPE_CHECKING, Any

import click
import grpc
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from grpc import StatusCode
from rich.console import Console

from ringback.cli.connection import DEFAULT_TIMEOUT_S, options_after_command
from ringback.cli.credentials import Connection
from ringback.cli.streams import stdout_is_unicode
from ringback.cli.times import Times
from ringback.client import reason_of, violations_of
from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceStub
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub
from ringback.v1.error_reason_pb2 import ERROR_REASON_CREDENTIALS_INVALID, ErrorReason

if TYPE_CHECKING:
    from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceAsyncStub
    from ringback.v1.directory_service_pb2_grpc import DirectoryServiceAsyncStub

# What is piped is not cut to the width of a screen.
_PIPE_WIDTH = 1000


class Refused(click.ClickException):
    """The server refused, or could not be reached. Exit code 1."""

    def __init__(self, error: grpc.aio.AioRpcError, connection: Connection) -> None:
        super().__init__("\n".join(_explain(error, connection)))

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file or sys.stderr)


def _explain(error: grpc.aio.AioRpcError, connection: Connection) -> list[str]:
    reason, violations = reason_of(error), violations_of(error)
    server = connection.server
    name = ErrorReason.Name(reason).removeprefix("ERROR_REASON_")
    if violations:
        # The message says the same, in one line.
        return [f"{name}:", *(f"  {violation.field}: {violation.description}" for violation in violations)]
    if reason == ERROR_REASON_CREDENTIALS_INVALID:
        return [f"{name}: {error.details()}", f"  {_credentials_given(connection)}"]
    if reason:
        return [f"{name}: {error.details()}"]
    match error.code():
        case StatusCode.UNAVAILABLE:
            return [f"cannot reach a server at {server}: {connection.why_unreachable() or error.details()}"]
        case StatusCode.DEADLINE_EXCEEDED:
            return [f"no answer from {server} in time"]
    return [f"{error.code().name}: {error.details()}"]


def _credentials_given(connection: Connection) -> str:
    given = [str(path) for path in (connection.token_file, connection.client_cert) if path is not None]
    if given:
        return f"given: {', '.join(given)}"
    return "none were given: --token-file FILE, or --cert FILE and --key FILE with --tls-ca FILE"


@dataclass(frozen=True, slots=True)
class Session:
    """The connection of one command, and the form of its output."""

    callbacks: "CallbacksServiceAsyncStub"
    directory: "DirectoryServiceAsyncStub"
    timeout_s: float
    as_json: bool
    console: Console

    @classmethod
    def on(cls, channel: grpc.aio.Channel, *, timeout_s: float = DEFAULT_TIMEOUT_S, as_json: bool = False) -> "Session":
        return cls(
            callbacks=CallbacksServiceStub(channel),
            directory=DirectoryServiceStub(channel),
            timeout_s=timeout_s,
            as_json=as_json,
            console=open_console(),
        )

    @property
    def times(self) -> Times:
        """How this command writes moments, at this moment."""
        return Times.on(self.console)

    def print_json(self, message: Message) -> None:
        """Print one line of proto JSON, with the names that the proto uses."""
        ascii_only = not stdout_is_unicode()
        line = MessageToJson(message, preserving_proto_field_name=True, indent=None, ensure_ascii=ascii_only)
        click.echo(line, file=sys.stdout)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command line, instead of ending the program from within."""
        raise  # noqa: PLE0704 - rich calls this while it handles the error


def open_console() -> Console:
    """Return a console for text that is not ours: nothing in it is taken for markup."""
    console = _Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def client_command(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a click callback of a coroutine that takes a `Session` first."""

    @options_after_command
    @functools.wraps(command)
    def run(*, timeout: float, as_json: bool, **options: Any) -> None:
        connection = Connection(**{field.name: options.pop(field.name) for field in fields(Connection)})

        async def connected() -> None:
            async with connection.open() as channel:
                await command(Session.on(channel, timeout_s=timeout, as_json=as_json), **options)

        try:
            asyncio.run(connected())
        except grpc.aio.AioRpcError as error:
            raise Refused(error, connection) from None

    return run
