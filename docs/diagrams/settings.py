#!/usr/bin/env python3
"""Writes the table of all settings of the server from the one table in the code.

docs/diagrams/settings.py                                print it
docs/diagrams/settings.py --check docs/configuration.md  fail when the page shows another one
docs/diagrams/settings.py --write docs/configuration.md  put it into the page
"""

import sys
from collections.abc import Iterator

import block

from ringback.cli.settings.setting import Setting
from ringback.cli.settings.table import SETTINGS


def table() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| key in the file | flag | environment variable | value | default | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for setting in SETTINGS.values():
        cells = [f"`{setting.key}`", _flags(setting), f"`{setting.variable}`", _value(setting), _default(setting)]
        yield f"| {' | '.join(cells)} | {setting.help} |"


def _flags(setting: Setting) -> str:
    if setting.is_secret:
        return "none"
    names = [setting.flag, f"--no-{setting.flag.removeprefix('--')}"] if setting.kind.is_switch else [setting.flag]
    return ", ".join(f"`{name}`" for name in names)


def _value(setting: Setting) -> str:
    kind = setting.kind
    if kind.choices:
        return ", ".join(f"`{choice}`" for choice in kind.choices)
    form = f"a number of {kind.unit}" if kind.unit else f"`{kind.form}`"
    return f"{form}, {kind.limits}" if kind.limits else form


def _default(setting: Setting) -> str:
    return "none" if setting.default is None else f"`{setting.default}`"


if __name__ == "__main__":
    sys.exit(block.main("settings", table(), language=""))
