"""Runs the transcripts of the documents for real, and compares what comes out with what is shown.

    python tests/transcripts/check.py            check README.md, docs/debugging.md and others
    python tests/transcripts/check.py --write    put the real output into them

Each document is one session: a server of its own, started as the document says, and its commands in order.
`document.py` says what a transcript is, and `sameness.py` what may differ. It needs grpcurl and buf: see PATH in
`session.py`.
"""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from tests.transcripts.document import Block, Command, blocks, with_outputs
from tests.transcripts.sameness import difference, is_enough, is_same, rewritten
from tests.transcripts.session import PATH, ROOT, Failed, Session

_DOCUMENTS = (
    "README.md",
    "docs/operating.md",
    "docs/debugging.md",
    "docs/cli.md",
    "docs/configuration.md",
    "docs/migrating.md",
    "docs/rest.md",
    "docs/http.md",
)
_TOOLS = ("grpcurl", "buf", "curl")


@dataclass
class Tally:
    """What has been found so far."""

    passed: int = 0
    failed: int = 0

    def note(self, where: str, command: Command, *, is_ok: bool) -> None:
        self.passed += is_ok
        self.failed += not is_ok
        print(f"{'ok  ' if is_ok else 'FAIL'}  {where}:{command.line}  {command.on_one_line}", flush=True)  # noqa: T201


async def check(document: str, tally: Tally, *, write: bool) -> None:
    """Run one document's transcripts, and note what is found."""
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    outputs = []
    async with Session.open() as session:
        for block in blocks(text):
            if not block.is_transcript:
                continue
            for aside in block.quietly:
                await session.run_quietly(aside)
            for command in block.commands:
                real = await _output(session, block, command)
                is_ok = is_same(command.shown, real)
                tally.note(document, command, is_ok=is_ok)
                if not is_ok:
                    print(*difference(command.shown, real), sep="\n")  # noqa: T201
                    outputs.append((command, rewritten(command.shown, real)))
    if write:
        path.write_text(with_outputs(text, outputs), encoding="utf-8")


async def _output(session: Session, block: Block, command: Command) -> list[str]:
    match command.words:
        case ["cat", file]:
            session.give(file, command.shown)
            return list(command.shown)
        case ["ringback", "serve", *_]:
            return await session.serve(command.text)
    return await session.run(command.text, is_enough=partial(is_enough, command.shown), meanwhile=block.meanwhile)


@click.command()
@click.argument("documents", nargs=-1)
@click.option("--write", is_flag=True, help="Put the real output into the documents.")
def main(documents: tuple[str, ...], write: bool) -> None:
    """Compare the transcripts of DOCUMENTS, paths from the root of the repository, with what really comes out."""
    if missing := [tool for tool in _TOOLS if shutil.which(tool, path=PATH) is None]:
        message = f"transcripts not checked: no {' and no '.join(missing)} on this machine"
        print(message, file=sys.stderr)  # noqa: T201
        sys.exit(1 if os.environ.get("CI") == "true" else 0)
    tally = Tally()
    try:
        for document in documents or _DOCUMENTS:
            asyncio.run(check(document, tally, write=write))
    except Failed as fault:
        tally.failed += 1
        print(f"FAIL  {fault}")  # noqa: T201
    print(f"{tally.passed} passed, {tally.failed} failed")  # noqa: T201
    sys.exit(1 if tally.failed and not write else 0)


if __name__ == "__main__":
    main()
