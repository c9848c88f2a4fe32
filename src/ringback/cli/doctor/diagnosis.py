"""What is found out, and how it is to be taken."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class Grade(StrEnum):
    """How a diagnosis is to be taken, from good to bad."""

    OK = "ok"
    # It works, and will not for ever, or not as well as it could.
    WARNING = "warning"
    # It does not work, or a promise is in danger.
    FAILED = "failed"


class Diagnosis(Struct, frozen=True):
    """One thing that was looked at, in plain words."""

    subject: str
    grade: Grade
    text: str
    # What to do. "" where there is nothing to do.
    remedy: str = ""


def ok(subject: str, text: str) -> Diagnosis:
    return Diagnosis(subject, Grade.OK, text)


def warning(subject: str, text: str, remedy: str) -> Diagnosis:
    return Diagnosis(subject, Grade.WARNING, text, remedy)


def failed(subject: str, text: str, remedy: str) -> Diagnosis:
    return Diagnosis(subject, Grade.FAILED, text, remedy)


def worst_of(found: Sequence[Diagnosis]) -> Grade:
    return max((each.grade for each in found), key=[*Grade].index, default=Grade.OK)


def in_bytes(size: float) -> str:
    """Return a size as people read it: 512 bytes, 4.2 MB, 120 GB (powers of a thousand)."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            value = size / factor
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
    return f"{size:.0f} bytes"


def several(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: 1 service, 2,000 services."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
