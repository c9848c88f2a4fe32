"""The server's dial rules: the path of a file."""

from pathlib import Path
from typing import Any, Final

from ringback.cli.dial_rules_file import DialRulesFile, load_rules
from ringback.cli.settings.kinds import Kind


def _parse(text: str, folder: Path) -> DialRulesFile:
    return load_rules(folder / text)


def _show(file: Any) -> str | None:
    """Return the path; None for a setting without a value, which is an empty tuple."""
    return str(file.path) if file else None


DIAL_RULES: Final = Kind(form="FILE", parse=_parse, show=_show, is_path=True, is_read_again=True)
