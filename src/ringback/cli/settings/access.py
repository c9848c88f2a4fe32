"""Who may do what, and how much: the access file, and the limits file."""

from pathlib import Path
from typing import Any, Final, Literal

from ringback.application.limits import LimitRules
from ringback.cli.access_file.limits import LimitsFile, load_limits
from ringback.cli.access_file.load import AccessFile, load_access
from ringback.cli.settings.kinds import Kind
from ringback.config import SettingError

OFF: Final = "off"


def _parse_access(text: str, folder: Path) -> AccessFile:
    return load_access(folder / text)


def _parse_limits(text: str, folder: Path) -> LimitsFile | Literal["off"]:
    return OFF if text == OFF else load_limits(folder / text)


def _show(file: Any) -> str | None:
    """Return the path; None for a setting without a value, which is an empty tuple."""
    return (file if file == OFF else str(file.path)) if file else None


ACCESS: Final = Kind(form="FILE", parse=_parse_access, show=_show, is_path=True, is_read_again=True)
LIMITS: Final = Kind(form="off|FILE", parse=_parse_limits, show=_show, is_path=True, is_read_again=True)


def limit_rules(access: AccessFile | None, limits: LimitsFile | Literal["off"] | None) -> LimitRules | None:
    """Return the limits of the limits file, or else of the access file, or else the default; None for none.

    Raise `SettingError`.
    """
    if limits is None:
        return access.rules.limit_rules if access else LimitRules()
    if limits == OFF:
        return None
    if faults := limits.faults_with([] if access is None else [each.name for each in access.rules.identities]):
        raise SettingError("; ".join(faults), "limits", "access")
    return limits.rules
