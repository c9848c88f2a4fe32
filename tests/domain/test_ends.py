"""What ends with a change: the fold over the life of a callback is what its last version says."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.ends import HALF_HOUR, Result, ended_by, half_hour_of
from ringback.domain.events import AttemptEnded, BecameDue, DialingStarted, Event, Leased
from ringback.domain.lifecycle import TRANSITIONS, after
from ringback.domain.outcome import Outcome
from tests.world.lifecycle import EVENTS, SECOND, event_of, planned

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Ends = Counter[tuple[datetime, Result]]


def said_by(callback: Callback) -> Ends:
    ends: Ends = Counter()
    for attempt in callback.attempts:
        if attempt.outcome is not None and attempt.end_time is not None:
            ends[attempt.end_time, attempt.outcome] += 1
    if callback.end_time is not None:
        ends[callback.end_time, callback.state] += 1
    return ends


OUTCOMES: dict[State, list[Outcome]] = {
    State.DIALING: [outcome for outcome in Outcome if outcome is not Outcome.ANSWERED],
    State.CONNECTED: [Outcome.ANSWERED, Outcome.INTERRUPTED, Outcome.MACHINE, Outcome.ABANDONED],
    State.CANCELLING: list(Outcome),
}
_ONWARD = (BecameDue, Leased, DialingStarted, AttemptEnded)
CHANCES = st.tuples(st.integers(0, 99), st.sampled_from([timedelta(0), SECOND, HALF_HOUR]))


@st.composite
def lives(draw: st.DrawFn) -> list[Callback]:
    """Return all versions of a callback: each step one that is possible, as chance has it."""
    life = [planned(max_retries=draw(st.integers(0, 3)), between_s=0)]
    for chance, passed in draw(st.lists(CHANCES, max_size=30)):
        callback = life[-1]
        steps = list(possible(callback, callback.update_time + passed))
        if not steps:
            break
        # Mostly onward, or few lives would come to a second attempt.
        onward = [step for step in steps if isinstance(step, _ONWARD)]
        chosen = onward if onward and chance % 10 else steps
        life.append(after(callback, chosen[chance % len(chosen)]))
    return life


def possible(callback: Callback, at: datetime) -> Iterator[Event]:
    for kind in EVENTS:
        if (callback.state, kind) not in TRANSITIONS:
            continue
        if kind is AttemptEnded:
            yield from (event_of(kind, callback, at, outcome=outcome) for outcome in OUTCOMES[callback.state])
        else:
            yield event_of(kind, callback, at)


@given(lives())
def test_each_end_is_told_once(life: list[Callback]) -> None:
    told: Ends = Counter()
    for before, version in zip([None, *life], life, strict=False):
        told.update(ended_by(before, version))
    assert told == said_by(life[-1])
    # The same, however many of the versions are told at once: as when a change takes two steps.
    assert Counter(ended_by(None, life[-1])) == told
    assert Counter(ended_by(life[0], life[-1])) == told
    assert not list(ended_by(life[-1], replace(life[-1])))


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_time_is_within_its_half_hour(since_us: int) -> None:
    time = EPOCH + timedelta(microseconds=since_us)
    begin = half_hour_of(time)
    assert begin <= time < begin + HALF_HOUR
    assert (begin.minute % 30, begin.second, begin.microsecond) == (0, 0, 0)
    assert half_hour_of(begin) == begin
