"""Counts of what has ended."""

from datetime import datetime
from typing import NamedTuple

from ringback.domain.callback import State
from ringback.domain.ends import EndCount
from ringback.domain.faults import Faults
from ringback.v1 import directory_service_pb2 as pb
from ringback.wire.enums import OUTCOMES, STATES
from ringback.wire.filters import MAX_VALUES
from ringback.wire.values import EPOCH, read_guid, read_list, read_time, write_time

# Of int32.
_MAX_COUNT = 2**31 - 1


class OutcomesWanted(NamedTuple):
    """What a GetOutcomesRequest names."""

    begin: datetime
    end: datetime | None
    service_ids: tuple[str, ...]


def read_outcomes_wanted(request: pb.GetOutcomesRequest, faults: Faults) -> OutcomesWanted:
    if not request.HasField("begin_time"):
        faults.add("begin_time", "is required")
    return OutcomesWanted(
        read_time(request, "begin_time", faults) or EPOCH,
        read_time(request, "end_time", faults),
        read_list(MAX_VALUES, read_guid, request.service_ids, "service_ids", faults),
    )


def write_end_count(counted: EndCount, response: pb.GetOutcomesResponse) -> None:
    """Add the count to those of attempts or to those of callbacks."""
    result = counted.result
    entry = (
        response.ends.add(state=STATES.number(result))
        if isinstance(result, State)
        else response.outcomes.add(outcome=OUTCOMES.number(result))
    )
    entry.service_id = counted.service_id
    entry.count = min(counted.count, _MAX_COUNT)
    write_time(counted.begin, entry.begin_time)
