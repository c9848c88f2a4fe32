"""The times during which a watch is not connected."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import click

from ringback.cli.session import Session
from ringback.cli.times import Times
from ringback.cli.values import format_span, timestamp

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time without a connection. The watch resumes after it where it was, so that nothing is missed."""

    start: datetime
    fault: str
    end: datetime | None = None  # None: it lasts

    def text(self, times: Times) -> str:
        start = times.write(timestamp(self.start))
        if self.end is None:
            return f"disconnected since {start}, trying again: {self.fault}"
        length = format_span((self.end - self.start) // _SECOND * _SECOND)
        return (
            f"resumed at {times.write(timestamp(self.end))}, {length} after the connection was lost: nothing is missed"
        )


def tell_on_stderr(session: Session) -> Callable[[Outage], None]:
    """Return what prints a line for each beginning and each end of an outage."""
    return lambda outage: click.echo(outage.text(session.times), file=sys.stderr)
