"""Moments as they are printed: in the local zone for people at a terminal, in UTC for what is piped."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from ringback.cli.values import format_span

_SECOND: Final = timedelta(seconds=1)
_MOMENT: Final = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The form of all moments of one page: the same for each, and each with its zone."""

    # None for what is piped, where every moment has the same form on every day and in every zone.
    now: datetime | None = None
    # None: the zone of the machine, as it is at the moment that is printed.
    zone: tzinfo | None = None

    @classmethod
    def on(cls, console: Console) -> "Times":
        """Return the form for this console, at this moment."""
        return cls(now=datetime.now(UTC)) if console.is_terminal else cls()

    def write(self, stamp: Timestamp, *, tenths: bool = False) -> str:
        """Return a moment to the second, or to the tenth; "" for the zero moment, which stands for an unset field.

        On a terminal `14:02:11 +01:00`, with the date in front when that is not today. Piped `2030-01-31T13:02:11Z`.
        """
        if not stamp.seconds:
            return ""
        moment = stamp.ToDatetime(UTC)
        if self.now is None:
            return _to(moment, "%Y-%m-%dT%H:%M:%S", tenths=tenths) + "Z"
        local = moment.astimezone(self.zone)
        form = "%H:%M:%S" if local.date() == self.now.astimezone(self.zone).date() else "%Y-%m-%d %H:%M:%S"
        offset = f"{local:%z}"
        return f"{_to(local, form, tenths=tenths)} {offset[:3]}:{offset[3:5]}"

    def rewrite(self, text: str) -> str:
        """Return a text of the server with each moment in it written as all others on the page are."""
        return _MOMENT.sub(lambda found: self.write(_stamp(found[0])), text)


def _stamp(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString(text)
    return stamp


def _to(moment: datetime, form: str, *, tenths: bool) -> str:
    return f"{moment:{form}}" + (f".{moment.microsecond // 100_000}" if tenths else "")


def since(start: Timestamp, stamp: Timestamp) -> str:
    """Return how long after the start this moment was, such as `+0.7s` and `+1m23s`; "" when it is unset."""
    return f"+{_length(start, stamp)}" if stamp.seconds else ""


def before(start: Timestamp, stamp: Timestamp) -> str:
    """Return how long before the start this moment was, such as `-0.7s`; "" when it is unset."""
    return f"-{_length(stamp, start)}" if stamp.seconds else ""


def _length(start: Timestamp, end: Timestamp) -> str:
    length = end.ToDatetime(UTC) - start.ToDatetime(UTC)
    return f"{length / _SECOND:.1f}s" if length < timedelta(minutes=1) else format_span(length // _SECOND * _SECOND)
