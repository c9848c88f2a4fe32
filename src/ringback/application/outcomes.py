"""GetOutcomes: how attempts and callbacks have ended, by service and half hour."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.domain.ends import COUNTS_KEPT, HALF_HOUR, EndCount, half_hour_of
from ringback.domain.errors import Fault, InvalidRequest
from ringback.ports.clock import Clock
from ringback.ports.outcomes import OutcomeStore

MAX_COUNTS: Final = 60_000
"""What fits into a response: each takes up to 60 bytes."""
# Services that one statement reads: other reads come in between.
_PORTION: Final = 100


class Outcomes(Struct, frozen=True):
    """The counts, and the time of the server."""

    counts: Sequence[EndCount]
    at: datetime


class OutcomeQueries:
    """The use case behind GetOutcomes."""

    def __init__(self, store: OutcomeStore, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock

    async def read(self, caller: Caller, begin: datetime, end: datetime | None, service_ids: Sequence[str]) -> Outcomes:
        """Return the counts of these services, as far as the caller may see them; of all of its own without any.

        Raise `NotAllowed`, `InvalidRequest`.
        """
        view = caller.view_of(Right.READ_SERVICES)
        now = self._clock.now()
        _check(begin, end, now)
        begin, end = half_hour_of(begin), end or half_hour_of(now) + HALF_HOUR
        await self._directory.refresh()
        view = self._directory.resolve_known(view)
        granted = [service.service_id for service in self._directory.granted(caller, Right.READ_SERVICES)]
        wanted = sorted(set(granted).intersection(service_ids) if service_ids else granted)
        counts: list[EndCount] = []
        for start in range(0, len(wanted), _PORTION):
            callers_of = {service_id: view.caller_ids_in(service_id) for service_id in wanted[start : start + _PORTION]}
            room = MAX_COUNTS - len(counts)
            counts += await self._store.outcomes(callers_of, begin, end, room + 1)
            if len(counts) > MAX_COUNTS:
                raise _fault(
                    f"there are more than {MAX_COUNTS} counts since then: name fewer services, or a later time"
                )
        return Outcomes(counts, now)


def _check(begin: datetime, end: datetime | None, now: datetime) -> None:
    """Raise `InvalidRequest`."""
    if end is None:
        # The beginning counts as that of its half hour: so a client may subtract 15 days from the time that it has.
        if begin < half_hour_of(now - COUNTS_KEPT):
            raise _fault("is more than 15 days ago")
        if half_hour_of(begin) > now:
            raise _fault("lies ahead")
    elif end < begin:
        raise InvalidRequest([Fault("end_time", "is before begin_time")])
    elif end - begin > COUNTS_KEPT:
        raise InvalidRequest([Fault("end_time", "is more than 15 days after begin_time")])


def _fault(description: str) -> InvalidRequest:
    return InvalidRequest([Fault("begin_time", description)])
