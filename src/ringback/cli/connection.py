"""The options of all commands that talk to a server, which may stand before the command as well as after it."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

DEFAULT_SERVER: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT_S: Final = 10.0


class _AfterCommand(click.Option):
    """An option that takes its value from before the command, unless it is given after it."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        value, source = super().consume_value(ctx, opts)
        root, name = ctx.find_root(), self.name or ""
        if source is not ParameterSource.COMMANDLINE and _is_given(root, name):
            return root.params[name], ParameterSource.COMMANDLINE
        return value, source


_TIMEOUT: Final = click.FloatRange(min=0, min_open=True)

_FILE: Final = click.Path(path_type=Path)
# Of each its flag, its variable, and what it is. Commands have arguments of their own that are called `key`.
_CREDENTIALS: Final = (
    ("--tls-ca", "RINGBACK_TLS_CA", "Use TLS, with a server whose certificate is of the authorities in this file."),
    ("--cert", "RINGBACK_CERT", "The certificate of this client, followed by those up to its authority."),
    ("--key", "RINGBACK_KEY", "The key of the certificate."),
    ("--token-file", "RINGBACK_TOKEN_FILE", "A file with the token that says who you are."),
)
_PLAIN_TOKEN: Final = "--plain-token"  # noqa: S105 - a flag


def _name_of(flag: str) -> str:
    return {"--cert": "client_cert", "--key": "client_key"}.get(flag, flag.strip("-").replace("-", "_"))


_AFTER: Final = (
    click.option(
        "--server",
        cls=_AfterCommand,
        envvar="RINGBACK_SERVER",
        metavar="HOST:PORT|unix:PATH",
        default=DEFAULT_SERVER,
        show_default=True,
        show_envvar=True,
        help="The server to talk to.",
    ),
    click.option(
        "--timeout",
        cls=_AfterCommand,
        envvar="RINGBACK_TIMEOUT",
        type=_TIMEOUT,
        default=DEFAULT_TIMEOUT_S,
        show_default=True,
        show_envvar=True,
        help="How many seconds to wait for an answer.",
    ),
    *(
        click.option(flag, _name_of(flag), cls=_AfterCommand, envvar=variable, type=_FILE, show_envvar=True, help=text)
        for flag, variable, text in _CREDENTIALS
    ),
    click.option(
        _PLAIN_TOKEN,
        cls=_AfterCommand,
        is_flag=True,
        help="Send the token in plain text to another machine, where it can be read on its way.",
    ),
    click.option(
        "--json",
        "as_json",
        cls=_AfterCommand,
        envvar="RINGBACK_JSON",
        is_flag=True,
        show_envvar=True,
        help="Print JSON, one object per line.",
    ),
)
json_option: Final = _AFTER[-1]

# Their variables are read after the command: one that talks to no server does not depend on them.
_BEFORE: Final = (
    click.option("--server", metavar="HOST:PORT|unix:PATH", allow_from_autoenv=False, help="As after the command."),
    click.option("--timeout", type=_TIMEOUT, metavar="FLOAT", allow_from_autoenv=False, help="As after the command."),
    *(
        click.option(flag, _name_of(flag), type=_FILE, allow_from_autoenv=False, help="As after the command.")
        for flag, _, _ in _CREDENTIALS
    ),
    click.option(_PLAIN_TOKEN, is_flag=True, allow_from_autoenv=False, help="As after the command."),
    click.option("--json", "as_json", is_flag=True, allow_from_autoenv=False, help="As after the command."),
)


def options_after_command(command: Callable[..., Any]) -> Callable[..., Any]:
    return _with(_AFTER, command)


def options_before_command(group: Callable[..., Any]) -> Callable[..., Any]:
    return _with(_BEFORE, group)


def _with(options: Iterable[Callable[..., Any]], function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed([*options]):
        function = option(function)
    return function


class StrictGroup(click.Group):
    """A group that refuses an option before a command that does not have it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            root = ctx.find_root()
            for option in root.command.params:
                if _is_given(root, option.name or "") and not _takes(ctx, command, option.name or ""):
                    raise click.UsageError(f"{name} takes no {option.opts[0]}", ctx)
        return name, command, rest


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _takes(ctx: click.Context, command: click.Command, name: str) -> bool:
    if isinstance(command, click.Group):
        inner = [command.get_command(ctx, each) for each in command.list_commands(ctx)]
        return any(_takes(ctx, each, name) for each in inner if each is not None)
    return any(isinstance(option, _AfterCommand) and option.name == name for option in command.params)
