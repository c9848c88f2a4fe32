"""`ringback` and its commands, each imported when it is used."""

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click

import ringback as package
from ringback.cli.connection import StrictGroup, options_before_command
from ringback.cli.streams import BROKEN_PIPE, INTERRUPTED, give_up_stdout

# Each command: its module and name, and the extra that installs what it imports.
_COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "serve": ("ringback.cli.serve:serve", "server"),
        "config": ("ringback.cli.config:config", "server"),
        "access": ("ringback.cli.access:access", "server"),
        "sip": ("ringback.cli.sip:sip", "server"),
        "demo": ("ringback.cli.demo:demo", "server"),
        "doctor": ("ringback.cli.doctor.command:doctor", "server"),
        "backup": ("ringback.cli.backup:backup", "server"),
        "migrate-store": ("ringback.cli.migrate_store:migrate_store", "server"),
        "services": ("ringback.cli.services:services", "cli"),
        "create": ("ringback.cli.create:create", "cli"),
        "get": ("ringback.cli.callbacks:get", "cli"),
        "list": ("ringback.cli.callbacks:list_callbacks", "cli"),
        "count": ("ringback.cli.counts:count", "cli"),
        "outcomes": ("ringback.cli.counts:outcomes", "cli"),
        "cancel": ("ringback.cli.callbacks:cancel", "cli"),
        "reschedule": ("ringback.cli.callbacks:reschedule", "cli"),
        "update": ("ringback.cli.callbacks:update", "cli"),
        "history": ("ringback.cli.history:history", "cli"),
        "trace": ("ringback.cli.history:trace", "cli"),
        "log": ("ringback.cli.audit:log", "cli"),
        "erase": ("ringback.cli.erase:erase", "cli"),
        "watch": ("ringback.cli.watch:watch", "cli"),
        "queue": ("ringback.cli.queue:queue", "cli"),
        "explain": ("ringback.cli.queue:explain", "cli"),
        "resolve": ("ringback.cli.queue:resolve", "cli"),
    }
)


class LazyGroup(StrictGroup):
    """A group that imports a command when it is used: client commands work without what the server needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        place, extra = _COMMANDS[cmd_name]
        module, _, name = place.partition(":")
        try:
            command = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as missing:
            if (missing.name or "").startswith("ringback"):
                raise
            return _not_installed(cmd_name, extra)
        assert isinstance(command, click.Command)
        return command

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command, and exit. An error is printed as stderr can carry it, which click does in its own way."""
        try:
            code = super().main(*args, **extra | {"standalone_mode": False})
        except click.ClickException as error:
            error.show(sys.stderr)
            code = error.exit_code
        except click.Abort:
            code = INTERRUPTED
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. End quietly when it is interrupted, or when what reads its output has gone."""
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            give_up_stdout()
            ctx.exit(BROKEN_PIPE)
        except UnicodeEncodeError as fault:
            # Bytes of an argument, or of the environment, that are no text in the encoding of the system.
            raise click.UsageError(f"{fault.object!r} is no text in the encoding of this system") from None


def _not_installed(name: str, extra: str) -> click.Command:
    needed = f"ringback {name} needs more than is installed: pip install 'ringback[{extra}]'"

    def complain(**_: object) -> None:
        raise click.UsageError(needed)

    return click.Command(
        name,
        callback=complain,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
        short_help=f"Not installed: pip install 'ringback[{extra}]'",
    )


@click.group(
    cls=LazyGroup,
    context_settings={
        "auto_envvar_prefix": "RINGBACK",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(package.__version__, message="ringback %(version)s")
@options_before_command
def ringback(**_: object) -> None:
    """We will call you back.

    `ringback serve` is the server, `ringback demo` shows it at work; all other commands talk to a server that
    is running, and take --server, --timeout and --json before or after their name; the later one wins. Every option can
    also be given as an environment variable: RINGBACK_<OPTION> for `serve`, RINGBACK_SERVER, _TIMEOUT and _JSON for the
    others, RINGBACK_<COMMAND>_<OPTION> for the rest.
    """
