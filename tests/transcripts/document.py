"""The transcripts of a Markdown document: its ```console blocks, and the comments that prepare them.

A transcript is a block in which every command is one that can be checked. Each command begins with `$ `, and ends
where its quotes are closed; what follows is its output, in which one line `…` may stand for any lines.

Comments before a block say what is not worth showing:

    <!-- quietly: ringback watch crm/4711 --until-ended -->     runs before the block, and must succeed
    <!-- meanwhile: ringback cancel crm/4711 -->                runs when the block's command has begun to print
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ANY_LINES: Final = "…"

# `cat` shows a file that a later command needs. It is not run: the file is made as shown.
_CHECKED: Final = (["grpcurl"], ["buf", "curl"], ["ringback"], ["curl"], ["printf"], ["cat"])
_PART: Final = re.compile(
    r"^```console\n(?P<block>.*?)^```$|^<!-- (?P<when>quietly|meanwhile):(?P<aside>.*?)-->$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Command:
    """One command and the output that is shown for it, which is `text[start:end]` of its document."""

    line: int
    text: str
    shown: Sequence[str]
    start: int
    end: int

    @property
    def words(self) -> list[str]:
        program, *rest = shlex.split(self.on_one_line)
        return [Path(program).name, *rest]

    @property
    def on_one_line(self) -> str:
        return re.sub(r"(?: \\)?\n *", " ", self.text)


@dataclass(frozen=True)
class Block:
    """One console block, with what happens before and during it."""

    commands: Sequence[Command]
    quietly: Sequence[str] = ()
    meanwhile: Sequence[str] = ()

    @property
    def is_transcript(self) -> bool:
        return all(any(command.words[: len(name)] == name for name in _CHECKED) for command in self.commands)


@dataclass
class _Asides:
    quietly: list[str] = field(default_factory=list)
    meanwhile: list[str] = field(default_factory=list)


def blocks(text: str) -> Iterator[Block]:
    """Find the console blocks of a document. Raise `ValueError` for one that cannot be read."""
    asides = _Asides()
    for part in _PART.finditer(text):
        if part["block"] is None:
            getattr(asides, part["when"]).append(part["aside"].strip())
        else:
            yield Block(list(_commands(text, part.start("block"), part.end("block"))), **vars(asides))
            asides = _Asides()


def _commands(text: str, start: int, end: int) -> Iterator[Command]:
    begins = [begin.end() for begin in re.compile(r"^\$ ", re.MULTILINE).finditer(text, start, end)]
    for begin, following in zip(begins, [*(b - len("$ ") for b in begins[1:]), end], strict=True):
        line = text.count("\n", 0, begin) + 1
        output = _end_of_command(text, begin, following, line)
        shown = text[output:following].rstrip("\n")
        lines = shown.splitlines()
        if lines.count(ANY_LINES) > 1:
            raise ValueError(f"line {line}: more than one {ANY_LINES} in an output; choose its lines with grep instead")
        yield Command(line, text[begin : output - 1], lines, output, output + len(shown) + bool(shown))


def _end_of_command(text: str, begin: int, end: int, line: int) -> int:
    """Return the position of the first line after the command."""
    position = begin
    while position < end:
        position = text.index("\n", position) + 1
        if _is_complete(text[begin : position - 1]):
            return position
    raise ValueError(f"line {line}: the command does not end")


def _is_complete(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:  # a quote is open, or nothing follows a backslash
        return False
    return True


def with_outputs(text: str, outputs: Sequence[tuple[Command, Sequence[str]]]) -> str:
    """Return the document with other outputs for some of its commands, given in the document's order."""
    for command, lines in reversed(outputs):
        text = text[: command.start] + "".join(f"{line}\n" for line in lines) + text[command.end :]
    return text
