#!/usr/bin/env python3
"""Writes the tables of all keys of an access file from the tables that its reader uses.

docs/diagrams/access_file.py                          print them
docs/diagrams/access_file.py --check docs/security/access.md fail when the page shows others
docs/diagrams/access_file.py --write docs/security/access.md put them into the page
"""

import sys
from collections.abc import Iterator

import block

from ringback.cli.access_file.identities import GRANT, IDENTITY
from ringback.cli.access_file.keys import Keys
from ringback.cli.access_file.limits import LIMITS, SECTION
from ringback.cli.access_file.load import FILE, JWT

_TABLES = (
    ("The file", FILE),
    ("An identity, under its name in `identities`", IDENTITY),
    ("A grant, in `grants`", GRANT),
    ("`jwt`", JWT),
    ("`limits` of the file, and a limits file", SECTION),
    ("`limits` of an identity, `default`, and each of `identities` in a limits file", LIMITS),
)


def tables() -> str:
    return "\n\n".join("\n".join(_lines(title, keys)) for title, keys in _TABLES)


def _lines(title: str, keys: Keys) -> Iterator[str]:
    yield f"**{title}**"
    yield ""
    yield "| key | value | |"
    yield "| --- | --- | --- |"
    for name, key in keys.items():
        yield f"| `{name}`{'' if not key.required else ' (required)'} | {key.form} | {key.help} |"


if __name__ == "__main__":
    sys.exit(block.main("access-file", tables(), language=""))
