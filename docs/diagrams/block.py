"""The block of a page that shows what the code says: printed, compared with the code, or written."""

import argparse
import re
import sys
from pathlib import Path


def main(name: str, text: str, language: str = "mermaid") -> int:
    """Do what the arguments say with the text: a diagram in a language, or plain Markdown. Return the exit code.

    In a page it stands between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
    """
    arguments = argparse.ArgumentParser(description=f"The {name}, as the code has them.")
    what = arguments.add_mutually_exclusive_group()
    what.add_argument("--check", metavar="PAGE", type=Path, help="fail when PAGE shows something else")
    what.add_argument("--write", metavar="PAGE", type=Path, help="put them into PAGE")
    options = arguments.parse_args()
    page: Path | None = options.check or options.write
    if page is None:
        sys.stdout.write(f"{text}\n")
        return 0
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    block = re.compile(f"^{begin}\n.*?^{end}$", re.DOTALL | re.MULTILINE)
    shown = page.read_text(encoding="utf-8")
    fenced = f"```{language}\n{text}\n```" if language else text
    wanted, blocks = block.subn(lambda _: f"{begin}\n{fenced}\n{end}", shown)
    if blocks != 1:
        sys.stderr.write(f"{page}: one line {begin} and one {end} after it are needed, found {blocks} pairs\n")
        return 1
    if options.write:
        page.write_text(wanted, encoding="utf-8")
    elif wanted != shown:
        sys.stderr.write(f"{page}: the {name} are out of date; run {sys.argv[0]} --write {page}\n")
        return 1
    return 0
