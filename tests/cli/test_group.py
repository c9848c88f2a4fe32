"""The command line itself: with and without what its commands need."""

import asyncio

import pytest
from click.testing import CliRunner

from ringback.cli.group import ringback
from tests.world.command_line import run, run_without

COMMANDS = (
    "serve",
    "config",
    "demo",
    "backup",
    "migrate-store",
    "services",
    "create",
    "get",
    "list",
    "cancel",
    "reschedule",
    "watch",
)
# What `pip install ringback[cli]` does not bring.
SERVER_MODULES = ("aiosqlite", "phonenumbers", "grpc_health", "grpc_reflection", "uvloop")


async def test_version_and_help() -> None:
    version, help_ = await asyncio.gather(run("--version"), run("--help"))
    assert (version.code, version.out.split()[0]) == (0, "ringback")
    for command in COMMANDS:
        assert f"\n  {command} " in help_.out


async def test_the_stubs_alone() -> None:
    ran = await run_without(("click", "rich", "yaml", *SERVER_MODULES), "get", "/42")
    assert ran == (2, "", "The ringback command needs more than the stubs: pip install 'ringback[cli]'\n")


async def test_client_commands_need_nothing_of_the_server() -> None:
    ran = await run_without(SERVER_MODULES, "--help")
    missing = {line.split()[0] for line in ran.out.splitlines() if "Not installed: " in line}
    assert (ran.code, missing) == (0, {"serve", "sip", "config", "access", "doctor", "backup", "migrate-store"})


async def test_serve_says_what_it_needs() -> None:
    ran = await run_without(SERVER_MODULES, "serve", "--listen", "127.0.0.1:0")
    assert ran.code == 2
    assert ran.err.endswith("ringback serve needs more than is installed: pip install 'ringback[server]'\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("dial",),
        ("get",),
        ("get", "42"),
        ("get", "/42", "--timeout", "0"),
        ("create", "sip:answer@sim.example"),
        ("create", "sip:answer@sim.example", "--service", "support"),
        ("create", "sip:answer@sim.example", "--service", "sip:a@b.example", "--priority", "urgent"),
        ("create", "sip:answer@sim.example", "--service", "sip:a@b.example", "--due", "soon"),
        ("create", "sip:answer@sim.example", "--service", "sip:a@b.example", "--label", "team"),
        ("create", "sip:answer@sim.example", "--service", "sip:a@b.example", "--gap", "99999999999"),
        ("reschedule", "/42"),
        ("services", "apply", "/nowhere.yaml"),
    ],
    ids=" ".join,
)
def test_bad_usage(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(ringback, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr
