"""The credentials of the commands, and what they say when these do not get through."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from ringback.app import App
from ringback.application.access import Role
from ringback.config import Settings
from tests.world.certificates import Authority
from tests.world.command_line import Ran, run
from tests.world.secured import CRM, PBX, Files, identity, rules

RULES: Final = rules(identity("crm", Role.CALLER, CRM, certificates=frozenset({"crm.example"})))
VARIABLES: Final = {
    "--tls-ca": "RINGBACK_TLS_CA",
    "--cert": "RINGBACK_CERT",
    "--key": "RINGBACK_KEY",
    "--token-file": "RINGBACK_TOKEN_FILE",
}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return the files of a server and of its clients, each of which has a name of its own."""
    files = Files(tmp_path)
    (tmp_path / "ca.pem").write_bytes(files.authority.pem)
    (tmp_path / "other-ca.pem").write_bytes(Authority().pem)
    files.clients.issue("crm.example").write(tmp_path, "crm")
    files.clients.issue("nobody.example").write(tmp_path, "nobody")
    Authority().issue("crm.example").write(tmp_path, "foreign")
    (tmp_path / "crm.token").write_text(f"{CRM}\n")
    (tmp_path / "pbx.token").write_text(PBX)
    (tmp_path / "wrong.token").write_text("wrong")
    return files


@pytest.fixture
async def plain(settings: Settings) -> AsyncIterator[App]:
    async with await App.start(replace(settings, access=RULES)) as app:
        yield app


@pytest.fixture
async def secured(settings: Settings, files: Files) -> AsyncIterator[App]:
    async with await App.start(files.settings(settings, access=RULES)) as app:
        yield app


@pytest.fixture
async def mutual(settings: Settings, files: Files) -> AsyncIterator[App]:
    async with await App.start(files.settings(settings, mutual=True, access=RULES)) as app:
        yield app


async def _list(app: App, folder: Path, *arguments: str, **environment: str) -> Ran:
    """List the services; a name with a dot is that of a file in the folder."""
    paths = [str(folder / each) if not each.startswith("-") else each for each in arguments]
    server = f"localhost:{app.port}"
    return await run("services", "list", "--server", server, *paths, **environment)


OVER_PLAIN: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "a token": (("--token-file", "crm.token"), ""),
    "no token": ((), "CREDENTIALS_INVALID: "),
    "a wrong token": (("--token-file", "wrong.token"), "CREDENTIALS_INVALID: "),
    "TLS": (("--tls-ca", "ca.pem"), "it speaks plain text, and no TLS"),
}
OVER_TLS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "a token": (("--tls-ca", "ca.pem", "--token-file", "crm.token"), ""),
    "no token": (("--tls-ca", "ca.pem"), "CREDENTIALS_INVALID: "),
    "a wrong authority": (("--tls-ca", "other-ca.pem", "--token-file", "crm.token"), "unable to get local issuer"),
    "plain text": (("--token-file", "crm.token"), "it speaks TLS: give the file with its authority with --tls-ca"),
}
OVER_MUTUAL: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "a certificate": (("--tls-ca", "ca.pem", "--cert", "crm.pem", "--key", "crm.key"), ""),
    "none": (("--tls-ca", "ca.pem", "--token-file", "crm.token"), "it needs --cert and --key"),
    "a foreign one": (
        ("--tls-ca", "ca.pem", "--cert", "foreign.pem", "--key", "foreign.key"),
        "it does not accept the certificate of --cert",
    ),
    "of no identity": (("--tls-ca", "ca.pem", "--cert", "nobody.pem", "--key", "nobody.key"), "CREDENTIALS_INVALID: "),
}


async def _check(app: App, folder: Path, cases: Mapping[str, tuple[tuple[str, ...], str]]) -> None:
    async def check(name: str, arguments: tuple[str, ...], fault: str) -> None:
        environment = {
            VARIABLES[flag]: str(folder / value) for flag, value in zip(arguments[::2], arguments[1::2], strict=True)
        }
        by_flags, by_variables = await asyncio.gather(_list(app, folder, *arguments), _list(app, folder, **environment))
        assert by_flags == by_variables, name
        assert by_flags.code == bool(fault), (name, by_flags)
        assert fault in by_flags.err, name
        assert "Traceback" not in by_flags.err

    for name, (arguments, fault) in cases.items():
        await check(name, arguments, fault)


@pytest.mark.long
async def test_over_plain_text(plain: App, files: Files) -> None:
    await _check(plain, files.folder, OVER_PLAIN)


@pytest.mark.long
async def test_over_tls(secured: App, files: Files) -> None:
    await _check(secured, files.folder, OVER_TLS)


@pytest.mark.long
async def test_over_tls_with_certificates(mutual: App, files: Files) -> None:
    await _check(mutual, files.folder, OVER_MUTUAL)


async def test_another_name(secured: App, files: Files) -> None:
    address = f"127.0.0.1:{secured.port}"
    ran = await run("services", "list", "--server", address, "--tls-ca", str(files.folder / "ca.pem"))
    assert (ran.code, ran.out) == (1, "")
    assert "its certificate is not accepted" in ran.err
    assert "IP address mismatch" in ran.err


async def test_a_role_that_may_not(plain: App, files: Files) -> None:
    ran = await run("list", "--server", f"127.0.0.1:{plain.port}", "--token-file", str(files.folder / "pbx.token"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "NOT_ALLOWED: this identity may not read callbacks\n"


async def test_before_the_command(plain: App, files: Files) -> None:
    options = ("--server", f"127.0.0.1:{plain.port}", "--token-file", str(files.folder / "crm.token"))
    assert (await run(*options, "services", "list")).code == 0


REFUSED: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "a certificate alone": (("--cert", "crm.pem"), "--cert and --key need each other"),
    "a key alone": (("--key", "crm.key"), "--cert and --key need each other"),
    "no such authorities": (("--tls-ca", "none.pem"), "cannot read "),
    "no authorities": (("--tls-ca", "crm.token"), "has no certificate in PEM"),
    "no such certificate": (("--cert", "none.pem", "--key", "crm.key"), "cannot read "),
    "another key": (("--cert", "crm.pem", "--key", "nobody.key"), "are no certificate and its key"),
    "no such token": (("--token-file", "none.token"), "cannot read the token file "),
    "a folder": (("--token-file", "."), "cannot read the token file "),
    "an empty token": (("--token-file", "empty.token"), "must have one token"),
    "two tokens": (("--token-file", "two.token"), "must have one token"),
    "no text": (("--token-file", "crm.der"), "has other characters than a token"),
}


@pytest.mark.long
@pytest.mark.parametrize(("arguments", "fault"), REFUSED.values(), ids=REFUSED)
async def test_files_that_cannot_be_used(files: Files, arguments: tuple[str, ...], fault: str) -> None:
    (files.folder / "empty.token").write_text("\n")
    (files.folder / "two.token").write_text("one\ntwo\n")
    (files.folder / "crm.der").write_bytes(b"\x30\x82\xff")
    paths = [str(files.folder / each) if not each.startswith("-") else each for each in arguments]
    ran = await run("services", "list", "--server", "127.0.0.1:1", *paths)
    assert (ran.code, ran.out) == (2, "")
    assert fault in ran.err
    assert len(ran.err.splitlines()) == 1


async def test_a_token_is_not_sent_in_plain_text_to_another_machine(files: Files) -> None:
    """Unless that is said: then it is tried, and there is no such server."""
    options: Any = ("services", "list", "--server", "192.0.2.1:1", "--token-file", str(files.folder / "crm.token"))
    refused, allowed = await asyncio.gather(run(*options), run(*options, "--plain-token", "--timeout", "0.2"))
    assert (refused.code, refused.out) == (2, "")
    assert "in plain text: give --tls-ca, or allow it with --plain-token" in refused.err
    assert allowed.code == 1
    assert "192.0.2.1:1" in allowed.err
