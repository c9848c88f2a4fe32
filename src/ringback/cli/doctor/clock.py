"""The clock of this machine, and the time zones that it has."""

import ctypes
import zoneinfo
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import ringback
from ringback.cli.doctor.diagnosis import Diagnosis, failed, ok, several, warning
from ringback.domain.time_zone import zone_named, zone_names

# adjtimex(2): what the kernel returns while no time service keeps its clock.
_NOT_SYNCHRONISED: Final = 5
# More than the struct has on any machine.
_STRUCT_BYTES: Final = 512
_ZONES_PACKAGE: Final = "the package tzdata"


def clock(now: datetime) -> Sequence[Diagnosis]:
    """Look at the clock of this machine."""
    return [of_clock(now, built_at=_built_at(), synchronised=_is_synchronised())]


def of_clock(now: datetime, *, built_at: datetime | None, synchronised: bool | None) -> Diagnosis:
    text = f"{now:%F %T} UTC"
    if built_at is not None and now < built_at:
        text += f", before this program was installed ({built_at:%F %T})"
        return failed("clock", text, "set the clock right before the server starts")
    match synchronised:
        case False:
            return warning("clock", f"{text}, kept by no time service", "run chrony, systemd-timesyncd or ntpd")
        case True:
            return ok("clock", f"{text}, kept by a time service")
        case None:
            return ok("clock", f"{text}; whether a time service keeps it is not told on this system")


def _built_at() -> datetime | None:
    with suppress(OSError, TypeError):
        return datetime.fromtimestamp(Path(ringback.__file__).stat().st_mtime).astimezone(zoneinfo.ZoneInfo("UTC"))
    return None


def _is_synchronised() -> bool | None:
    """Return what the kernel says, which every time service tells; None where it says nothing."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        state = library.adjtimex(ctypes.create_string_buffer(_STRUCT_BYTES))  # all zero: it changes nothing
        return None if state < 0 else state != _NOT_SYNCHRONISED
    return None


# --- Zones -----------------------------------------------------------------------------------------------------------


def zones() -> Sequence[Diagnosis]:
    """Look at the data of time zones."""
    corrupt = sorted(name for name in zone_names() if zone_named(name) is None)
    return [of_zones(_version_of_system(), _version_of_package(), corrupt)]


def of_zones(system: str, package: str, corrupt: Sequence[str]) -> Diagnosis:
    """Judge the data of zones by its versions (2026b) and what cannot be used. `system` is "" where it has none."""
    remedy = "bring the time zones of the system up to date (tzdata), and the package of that name"
    if corrupt:
        named = ", ".join(corrupt[:3]) + (" and others" if len(corrupt) > 3 else "")
        return failed("zones", f"the data of {several(len(corrupt), 'zone')} cannot be used: {named}", remedy)
    used = f"version {system} of the system" if system else f"version {package} of {_ZONES_PACKAGE}"
    if system and system < package:
        return warning("zones", f"{used}; {_ZONES_PACKAGE} has {package}", remedy)
    return ok("zones", used)


def _version_of_system() -> str:
    for folder in zoneinfo.TZPATH:
        with suppress(OSError, ValueError):
            # "# version 2026b"; of some systems in a file of its own.
            first = (Path(folder) / "tzdata.zi").read_text(errors="replace").partition("\n")[0]
            return first.rpartition(" ")[2]
        with suppress(OSError):
            return (Path(folder) / "+VERSION").read_text(errors="replace").strip()
    return ""


def _version_of_package() -> str:
    import tzdata  # type: ignore[import-untyped] # noqa: PLC0415 - has data only

    return str(tzdata.IANA_VERSION)
