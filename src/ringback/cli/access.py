"""`ringback access`: who may do what, checked without a server, and tokens for it."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from ringback.application.access import ROLES_WITH, Grant, Role
from ringback.cli.access_file.load import AccessFile, load_access
from ringback.cli.access_file.token import MAX_BYTES, MIN_BYTES, new_token
from ringback.cli.connection import StrictGroup, json_option
from ringback.cli.session import open_console
from ringback.cli.streams import stdout_is_unicode
from ringback.cli.tables import plain_table
from ringback.cli.yaml_file import FaultyFileError
from ringback.identity.rules import Identity
from ringback.web.door.session_keys import new_session_key

_FAULTY: Final = 2
_OWNER_ONLY: Final = 0o600


@click.group(cls=StrictGroup)
def access() -> None:
    """Who may do what: the file of `serve --access`, and its tokens."""


# --- check -----------------------------------------------------------------------------------------------------------


@access.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, file: Path, *, as_json: bool) -> None:
    """Check the access file FILE, and show who may do what.

    All faults are printed, each on a line with its place; the exit code is 2 then. Nothing is shown that is secret.
    """
    try:
        read = load_access(file)
    except FaultyFileError as refusal:
        if as_json:
            _print_json({"file": str(file), "faults": refusal.faults})
        else:
            click.echo(str(refusal), err=True)
        ctx.exit(_FAULTY)
    if as_json:
        _print_json(_object(read))
        return
    for warning in read.warnings:
        click.echo(f"warning: {warning}", err=True)
    count = len(read.rules.identities)
    click.echo(f"{file}: no faults, {count} {'identity' if count == 1 else 'identities'}")
    table = plain_table("identity", "proved by", "role", "of callers", "of services", "may")
    table.columns[-1].no_wrap = False
    for row in _rows(read):
        table.add_row(*row)
    open_console().print(table)


def _rows(read: AccessFile) -> Iterator[tuple[str, ...]]:
    for identity in read.rules.identities:
        name, proofs = identity.name, _in_words(identity)
        for grant in identity.grants:
            yield name, proofs, grant.role, ", ".join(grant.caller_ids), _services(grant), _rights(grant)
            name = proofs = ""


def _in_words(identity: Identity) -> str:
    counts = {
        "token": len(identity.tokens_sha256),
        "certificate": len(identity.certificates),
        "subject": len(identity.subjects),
    }
    return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count)


def _services(grant: Grant) -> str:
    return "all" if grant.services is None else ", ".join(sorted(grant.services))


def _rights(grant: Grant) -> str:
    rights = ", ".join(right for right, roles in ROLES_WITH.items() if grant.role in roles)
    return f"{rights}; numbers masked" if grant.masked else rights


def _object(read: AccessFile) -> dict[str, Any]:
    return {
        "file": str(read.path),
        "faults": [],
        "warnings": read.warnings,
        "identities": [
            {
                "name": identity.name,
                "tokens": len(identity.tokens_sha256),
                "certificates": sorted(identity.certificates),
                "subjects": sorted(identity.subjects),
                "grants": [_grant(grant) for grant in identity.grants],
            }
            for identity in read.rules.identities
        ],
    }


def _grant(grant: Grant) -> dict[str, Any]:
    shown: dict[str, Any] = {"role": grant.role}
    if grant.role is Role.CALLER:
        shown["caller_ids"] = grant.caller_ids
    shown["services"] = ["*"] if grant.services is None else sorted(grant.services)
    return shown | ({"numbers": "masked"} if grant.masked else {})


def _print_json(shown: Mapping[str, Any]) -> None:
    click.echo(json.dumps(shown, ensure_ascii=not stdout_is_unicode()))


# --- token -----------------------------------------------------------------------------------------------------------


@access.command()
@click.option(
    "--bytes",
    "size",
    type=click.IntRange(MIN_BYTES, MAX_BYTES),
    default=MIN_BYTES,
    show_default=True,
    metavar="NUMBER",
    help="How many random bytes it has.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the token into FILE, which must not exist, for its owner alone; print only what the access file needs.",
)
@json_option
def token(size: int, out: Path | None, *, as_json: bool) -> None:
    """Make a bearer token, and print it with the line for the access file.

    It is shown once, and stored nowhere: the access file has its SHA-256 only.
    """
    made = new_token(size)
    if out is not None:
        _write(out, made.text)
    if as_json:
        _print_json(({} if out else {"token": made.text}) | {"sha256": made.sha256})
        return
    if out is None:
        click.echo(made.text)
    click.echo(f'tokens_sha256: ["{made.sha256}"]')


# --- session-key -----------------------------------------------------------------------------------------------------


@access.command("session-key")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the key into FILE, which must not exist, for its owner alone; print nothing.",
)
def session_key(out: Path | None) -> None:
    """Make a key for `serve --http-session-key`: it seals the cookies of people who are signed in."""
    key = new_session_key()
    if out is None:
        click.echo(key)
    else:
        _write(out, key)


def _write(path: Path, text: str) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except (OSError, ValueError) as fault:
        raise click.ClickException(f"{path}: {getattr(fault, 'strerror', None) or fault}") from None
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(f"{text}\n")
