"""Limits: a section of the access file, or a file of their own.

default: {creates_per_s: 50}
identities:
  crm: {creates_per_s: 200, open_callbacks: 100000}
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from ringback.application.limits import LimitRules, Limits
from ringback.cli.access_file.keys import Key, Keys, Section
from ringback.cli.yaml_file import FaultyFileError, Place

_RATE: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?")
_COUNT: Final = re.compile(r"[0-9]{1,9}")

# The limits that one place gives, by name. For the others, the default counts.
Given: TypeAlias = Mapping[str, Any]


def _rate(text: str) -> float:
    if not _RATE.fullmatch(text) or not float(text):
        raise ValueError(f"{text!r} is not a positive number, such as 200 or 0.5")
    return float(text)


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text) or not int(text):
        raise ValueError(f"{text!r} is not a positive whole number")
    return int(text)


def _read_rate(place: Place) -> float:
    return place.read(_rate, 0.0)


def _read_count(place: Place) -> int:
    return place.read(_count, 0)


LIMITS: Final[Keys] = MappingProxyType(
    {
        "creates_per_s": Key(
            read=_read_rate,
            form="a number",
            help="Callbacks created in a second. A batch counts as many as it has items. Without it there is no limit.",
        ),
        "open_callbacks": Key(
            read=_read_count,
            form="a whole number",
            help="Callbacks that have not ended. Without it there is no limit.",
        ),
        "watches": Key(
            read=_read_count, form="a whole number", help="WatchCallbacks and WatchQueues at a time: 1000 without it."
        ),
        "polls": Key(read=_read_count, form="a whole number", help="LeaseCallbacks at a time: 200 without it."),
        "connections": Key(
            read=_read_count, form="a whole number", help="Connections at a time. Without it there is no limit."
        ),
    }
)


def read_limits(place: Place) -> Given:
    return Section(place, LIMITS).values


@dataclass(frozen=True, slots=True)
class LimitsSection:
    """The limits that a file gives: the default, and those of identities, with the places of these."""

    default: Given = field(default_factory=dict)
    identities: Mapping[str, Given] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def rules(self) -> LimitRules:
        return LimitRules(
            default=self.filled_in({}),
            identities={name: self.filled_in(given) for name, given in self.identities.items()},
        )

    def filled_in(self, given: Given) -> Limits:
        """Return the limits of an identity, with the default for what it does not say."""
        return Limits(**{**self.default, **given})


def _read_identities(place: Place) -> dict[str, tuple[Given, Place]]:
    return {name: (read_limits(item), item) for name, item in place.entries()}


SECTION: Final[Keys] = MappingProxyType(
    {
        "default": Key(
            read=read_limits,
            form="limits",
            help="Of each identity, for what it does not say itself; of each address where there are no identities.",
        ),
        "identities": Key(read=_read_identities, form="names with limits", help="Of these identities."),
    }
)


def read_section(place: Place) -> LimitsSection:
    section = Section(place, SECTION)
    identities: dict[str, tuple[Given, Place]] = section.get("identities", {})
    return LimitsSection(
        default=section.get("default", {}),
        identities={name: given for name, (given, _) in identities.items()},
        places={name: item for name, (_, item) in identities.items()},
    )


# --- The file --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LimitsFile:
    """A limits file that has no faults."""

    path: Path
    rules: LimitRules
    # Where each identity stands: file, line and path.
    places: Mapping[str, str]

    def faults_with(self, identities: Collection[str]) -> list[str]:
        """Return the faults of a file that names other identities than these."""
        return [
            f"{place}: is no identity of the access file"
            for name, place in self.places.items()
            if name not in identities
        ]


def load_limits(path: Path) -> LimitsFile:
    """Read a limits file. Raise `FaultyFileError`."""
    root = Place.load(path)
    if root is None:
        raise FaultyFileError([f"{path}:1: is empty; limits are expected, such as default: {{creates_per_s: 50}}"])
    section = read_section(root)
    if root.faults:
        raise FaultyFileError(root.faults)
    places = {name: f"{place.file}:{place.line}: {place.path}" for name, place in section.places.items()}
    return LimitsFile(path, section.rules, places)
