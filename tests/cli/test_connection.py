"""The options before a command, and what a shell completes."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ringback.app import App
from ringback.cli.group import ringback as group
from ringback.cli.values import PRIORITIES, STATES
from ringback.v1 import callback_pb2 as cb
from tests.world.api import Api
from tests.world.command_line import Run, environment

NOBODY = "127.0.0.1:1"


async def test_options_before_the_command(ringback: Run, api: Api) -> None:
    """The test's own server is that of RINGBACK_SERVER."""
    await api.create(external_task_id="42")
    elsewhere, after, as_json, in_group, no_time = await asyncio.gather(
        ringback("--server", NOBODY, "get", "/42"),
        ringback("get", "/42", "--server", NOBODY),
        ringback("--json", "--timeout", "9", "get", "/42"),
        ringback("--server", NOBODY, "services", "list"),
        ringback("--timeout", "0", "get", "/42"),
    )
    assert elsewhere == after == in_group
    assert elsewhere.code == 1
    assert elsewhere.err.startswith(f"cannot reach a server at {NOBODY}: ")
    assert (as_json.code, as_json.out[0]) == (0, "{")
    assert (no_time.code, "--timeout" in no_time.err) == (2, True)


async def test_the_later_one_wins(app: App, api: Api, ringback: Run) -> None:
    callback = await api.create(external_task_id="42")
    here = f"127.0.0.1:{app.port}"
    later, earlier = await asyncio.gather(
        ringback("--server", NOBODY, "get", "/42", "--server", here, "--json"),
        ringback("--server", here, "get", "/42", "--server", NOBODY),
    )
    assert callback.callback_id in later.out
    assert earlier.err.startswith(f"cannot reach a server at {NOBODY}: ")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--server", NOBODY, "serve"), "serve takes no --server"),
        (("--json", "demo"), "demo takes no --json"),
        (("--timeout", "1", "config", "show"), "config takes no --timeout"),
        (("--json", "config", "check"), "check takes no --json"),
        (("--timeout", "0", "get", "/42"), "Invalid value for '--timeout'"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(arguments: tuple[str, ...], fault: str) -> None:
    result = CliRunner().invoke(group, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert fault in result.stderr


# --- Completion ----------------------------------------------------------------------------------------------

WORDS = [
    (("list", "--state", ""), {*STATES, "open", "ended"}),
    (("list", "--state", "C"), {"connected", "cancelling", "completed", "cancelled"}),
    (("create", "sip:a@b.example", "--priority", ""), {*PRIORITIES}),
    (("--server", "h:1", "create", "--priority", "very-"), {"very-high", "very-low"}),
    (("serve", "--dialer", ""), {"sip", "http", "simulated", "none"}),
    (("serve", "--log-level", "w"), {"warning"}),
    (("serve", "--no-ins"), {"--no-insecure"}),
    (("config", ""), {"check", "show"}),
    (("migr",), {"migrate-store"}),
]


@pytest.mark.long
@pytest.mark.parametrize(("words", "completed"), WORDS, ids=[" ".join(words) for words, _ in WORDS])
def test_bash_completes(words: tuple[str, ...], completed: set[str]) -> None:
    script = (
        'eval "$(_RINGBACK_COMPLETE=bash_source ringback)"\n'
        'COMP_WORDS=(ringback "$@") COMP_CWORD=$#\n'
        "_ringback_completion ringback\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euc", script, "bash", *words],
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(ran.stdout.split()) == completed


def test_completion_has_what_is_there() -> None:
    assert len({*STATES}) == len(cb.CallbackState.values()) - 1
    assert len({*PRIORITIES}) == len(cb.Priority.values()) - 1


def _commands(command: click.Command, ctx: click.Context) -> Iterator[click.Command]:
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _commands(inner, ctx)
    else:
        yield command


def test_no_two_parameters_of_a_command_have_one_name() -> None:
    """The options of the connection are those of many commands, which have parameters of their own."""
    for command in _commands(group, click.Context(group)):
        names = Counter(parameter.name for parameter in command.params)
        assert max(names.values(), default=1) == 1, (command.name, names)
