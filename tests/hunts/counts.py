"""Compares the counts that a server keeps, or makes, with what its callbacks say."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory
from tests.world.api import Api

HALF_HOUR_S: Final = 1800

# What ended so, in which half hour, for which service.
_Counts = Counter[tuple[str, int, str]]


async def differences(api: Api, listed: Iterable[cb.Callback]) -> list[str]:
    """Return a line for each count that is not that of the callbacks. All have ended within the last day."""
    callbacks = list(listed)
    since = directory.GetOutcomesRequest()
    since.begin_time.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    kept = _kept(await api.directory.GetOutcomes(since))
    made = {
        counted.state: counted for counted in (await api.callbacks.CountCallbacks(pb.CountCallbacksRequest())).states
    }
    return [*_compare(_told(callbacks), kept), *_compare_states(callbacks, made)]


def _told(callbacks: Iterable[cb.Callback]) -> _Counts:
    """Return what the callbacks say."""
    counts: _Counts = Counter()
    for callback in callbacks:
        for attempt in callback.attempts:
            if attempt.outcome:
                counts[_key(callback.service_id, attempt.end_time.seconds, cb.CallOutcome.Name(attempt.outcome))] += 1
        if callback.HasField("end_time"):
            counts[_key(callback.service_id, callback.end_time.seconds, cb.CallbackState.Name(callback.state))] += 1
    return counts


def _key(service_id: str, end_s: int, name: str) -> tuple[str, int, str]:
    return service_id, end_s - end_s % HALF_HOUR_S, name


def _kept(response: directory.GetOutcomesResponse) -> _Counts:
    counts: _Counts = Counter()
    for attempts in response.outcomes:
        counts[attempts.service_id, attempts.begin_time.seconds, cb.CallOutcome.Name(attempts.outcome)] += (
            attempts.count
        )
    for ends in response.ends:
        counts[ends.service_id, ends.begin_time.seconds, cb.CallbackState.Name(ends.state)] += ends.count
    return counts


def _compare(told: _Counts, kept: _Counts) -> Iterator[str]:
    for key in sorted({*told, *kept}):
        if told[key] != kept[key]:
            yield f"GetOutcomes: {key} is {kept[key]}, and the callbacks have {told[key]}"


def _compare_states(
    callbacks: Iterable[cb.Callback], made: Mapping[cb.CallbackState.ValueType, pb.StateCount]
) -> Iterator[str]:
    there = Counter(callback.state for callback in callbacks)
    for state, counted in made.items():
        expected = min(there[state], counted.count) if counted.at_least else there[state]
        if counted.count != expected:
            yield f"CountCallbacks: {counted.count} in state {state}, and the list has {there[state]}"
