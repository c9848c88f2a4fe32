"""The queue discipline: whose turn it is, exactly."""

import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.domain.priority import (
    FRESH_ROUND,
    WEIGHTED,
    Credits,
    Priority,
    granted_before,
    pick,
    schedule,
)
from ringback.domain.service import DEFAULT_PRIORITY_WEIGHTS as WEIGHTS

STRICT, *_, NOTHING_ELSE = Priority
HIGHEST, VERY_HIGH, HIGH, NORMAL, LOW, VERY_LOW, LOWEST = WEIGHTED

levels = st.sampled_from(WEIGHTED)
level_sets = st.frozensets(levels, min_size=1)
histories = st.lists(level_sets, max_size=60)
weights = st.lists(st.integers(1, 12), min_size=7, max_size=7).map(tuple)


def grants(
    waiting: Collection[Priority], count: int, round_: Credits, by: Sequence[int] = WEIGHTS
) -> tuple[list[Priority], Credits]:
    """Return the levels of `count` grants, with the same levels waiting at each."""
    granted = []
    for _ in range(count):
        level, round_ = pick(waiting, round_, by)
        granted.append(level)
    return granted, round_


def after_history(history: Sequence[Collection[Priority]], by: Sequence[int]) -> Credits:
    round_ = FRESH_ROUND
    for waiting in history:
        _, round_ = pick(waiting, round_, by)
    return round_


def nginx(waiting: Collection[Priority], by: Sequence[int]) -> Iterator[Priority]:
    """Yield the choices of the reference: `ngx_http_upstream_get_peer`, over peers that are always up."""
    weight = {level: by[WEIGHTED.index(level)] for level in WEIGHTED if level in waiting}
    current = dict.fromkeys(weight, 0)
    while True:
        best = None
        for level, effective_weight in weight.items():
            current[level] += effective_weight
            if best is None or current[level] > current[best]:
                best = level
        assert best is not None
        current[best] -= sum(weight.values())
        yield best


def share(granted: Sequence[Priority]) -> tuple[int, ...]:
    count = Counter(granted)
    return tuple(count[level] for level in WEIGHTED)


# --- The order -------------------------------------------------------------------------------------------------


def test_the_first_round_printed() -> None:
    granted, round_ = grants(WEIGHTED, 28, FRESH_ROUND)
    assert "".join(str(WEIGHTED.index(level) + 1) for level in granted) == "1234512631427135241326154321"
    assert round_[:7] == FRESH_ROUND[:7]


@given(waiting=level_sets, by=weights)
def test_a_fresh_round_is_that_of_nginx(waiting: frozenset[Priority], by: tuple[int, ...]) -> None:
    count = 2 * sum(by)
    granted, _ = grants(waiting, count, FRESH_ROUND, by)
    reference = nginx(waiting, by)
    assert granted == [next(reference) for _ in range(count)]


@pytest.mark.parametrize("by", [(1,) * 7, (5,) * 7])
def test_ties_go_to_the_higher_level(by: tuple[int, ...]) -> None:
    assert grants(WEIGHTED, 14, FRESH_ROUND, by)[0] == [*WEIGHTED, *WEIGHTED]


@given(st.permutations(tuple(Priority)), histories)
def test_the_order_of_what_is_passed_in_does_not_matter(
    waiting: list[Priority], history: list[frozenset[Priority]]
) -> None:
    round_ = after_history(history, WEIGHTS)
    for size in range(1, len(waiting) + 1):
        some = waiting[:size]
        assert pick(some, round_, WEIGHTS) == pick(set(some), round_, WEIGHTS) == pick(sorted(some), round_, WEIGHTS)


@given(others=st.frozensets(st.sampled_from(Priority)), history=histories)
def test_strict_priority_is_in_front_and_no_turn_of_the_round(
    others: frozenset[Priority], history: list[frozenset[Priority]]
) -> None:
    round_ = after_history(history, WEIGHTS)
    assert pick({STRICT, *others}, round_, WEIGHTS) == (STRICT, round_)


@given(others=level_sets, history=histories)
def test_nothing_else_is_last_and_no_turn_of_the_round(
    others: frozenset[Priority], history: list[frozenset[Priority]]
) -> None:
    round_ = after_history(history, WEIGHTS)
    assert pick({NOTHING_ELSE, *others}, round_, WEIGHTS) == pick(others, round_, WEIGHTS)
    assert pick({NOTHING_ELSE, *others}, round_, WEIGHTS)[0] in others
    assert pick({NOTHING_ELSE}, round_, WEIGHTS) == (NOTHING_ELSE, round_)


def test_nobody_waiting_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody is waiting"):
        pick((), FRESH_ROUND, WEIGHTS)


# --- Exact shares ----------------------------------------------------------------------------------------------


def assert_exact(round_: Credits, by: tuple[int, ...]) -> None:
    """Check that each `sum(by)` grants in a row from here, all levels waiting, have each level exactly its weight."""
    size = sum(by)
    granted, _ = grants(WEIGHTED, 2 * size, round_, by)
    assert share(granted[:size]) == by
    assert granted[size:] == granted[:size]  # so every other window is a rotation of the first


# The shortest history, of one in some hundreds, after which plain nginx would not be exact.
OUT_OF_ORDER = [frozenset({HIGH, NORMAL}), frozenset(WEIGHTED), frozenset({HIGHEST, VERY_HIGH, NORMAL})]


def test_a_round_that_is_out_of_order_is_mended() -> None:
    round_ = after_history(OUT_OF_ORDER, WEIGHTS)
    assert round_ == (-3, 12, 0, -16, 0, 0, 0, 0)
    assert pick(WEIGHTED, round_, WEIGHTS) == (HIGHEST, (-21, 6, 5, 4, 3, 2, 1, 1, *WEIGHTS))


@given(history=histories, by=st.one_of(st.just(WEIGHTS), weights))
@example(history=OUT_OF_ORDER, by=WEIGHTS)
def test_every_window_is_exact_whatever_happened_before(
    history: list[frozenset[Priority]], by: tuple[int, ...]
) -> None:
    assert_exact(after_history(history, by), by)


def test_every_window_is_exact_after_histories_made_to_break_it() -> None:
    """One level after the other empties for a moment, which drives credits apart."""
    rng = random.Random(28)
    mended = 0
    for _ in range(1000):
        history = [rng.choice([WEIGHTED, set(WEIGHTED) - {rng.choice(WEIGHTED)}]) for _ in range(rng.randint(4, 14))]
        round_ = after_history(history, WEIGHTS)
        assert_exact(round_, WEIGHTS)
        mended += pick(WEIGHTED, round_, WEIGHTS)[1][7] != round_[7]
    assert mended > 0, "none of the histories needed what this test is about"


@given(history=histories, split=st.integers(0, 56), by=weights)
def test_a_restart_in_the_middle_of_a_round_changes_nothing(
    history: list[frozenset[Priority]], split: int, by: tuple[int, ...]
) -> None:
    """The stored integers are all of the state."""
    round_ = after_history(history, by)
    first, stored = grants(WEIGHTED, split, round_, by)
    rest, _ = grants(WEIGHTED, 56 - split, tuple(int(text) for text in map(str, stored)), by)
    assert first + rest == grants(WEIGHTED, 56, round_, by)[0]


@given(history=histories, grants_before=st.integers(0, 30), old=weights, new=weights)
def test_new_weights_hold_from_the_next_grant_on(
    history: list[frozenset[Priority]], grants_before: int, old: tuple[int, ...], new: tuple[int, ...]
) -> None:
    assert_exact(grants(WEIGHTED, grants_before, after_history(history, old), old)[1], new)


@given(history=histories)
def test_strict_priority_in_between_does_not_break_a_round(history: list[frozenset[Priority]]) -> None:
    round_ = after_history(history, WEIGHTS)
    granted = []
    for turn in range(56):
        level, round_ = pick({*WEIGHTED, STRICT} if turn % 2 else WEIGHTED, round_, WEIGHTS)
        granted.append(level)
    assert share([level for level in granted if level is not STRICT]) == WEIGHTS


# --- Coming and going ------------------------------------------------------------------------------------------


@given(absent=levels, others=level_sets, count=st.integers(1, 100))
def test_an_empty_level_earns_nothing(absent: Priority, others: frozenset[Priority], count: int) -> None:
    present = others - {absent}
    if not present:
        return
    _, round_ = grants(present, count, FRESH_ROUND)
    assert round_[WEIGHTED.index(absent)] == 0


def test_who_comes_late_gets_a_share_and_no_more() -> None:
    """A hundred grants to HIGHEST alone are no credit for LOWEST, which arrives after them."""
    _, round_ = grants({HIGHEST}, 100, FRESH_ROUND)
    assert share(grants({HIGHEST, LOWEST}, 80, round_)[0]) == (70, 0, 0, 0, 0, 0, 10)


def test_a_level_that_empties_forgets_its_credit() -> None:
    _, round_ = grants(WEIGHTED, 4, FRESH_ROUND)
    assert round_[WEIGHTED.index(LOW)] > 0
    _, round_ = pick({HIGHEST}, round_, WEIGHTS)
    assert round_[WEIGHTED.index(LOW)] == 0


# Three rounds. An opponent that looks at the credits and chooses greedily delays a level by up to 53 grants.
PATIENCE = 3 * sum(WEIGHTS)


@given(waits=levels, data=st.data())
def test_nobody_starves_while_others_come_and_go_at_every_grant(waits: Priority, data: st.DataObject) -> None:
    round_ = FRESH_ROUND
    others = data.draw(st.lists(st.frozensets(levels), min_size=PATIENCE, max_size=PATIENCE))
    granted = []
    for present in others:
        level, round_ = pick({waits, *present}, round_, WEIGHTS)
        granted.append(level)
    assert waits in granted


@pytest.mark.parametrize("waits", WEIGHTED)
def test_nobody_starves_under_an_opponent(waits: Priority) -> None:
    """Others come and go as suits the opponent best: another level is served, the one it costs least."""
    rng = random.Random(int(waits))
    round_, waited = FRESH_ROUND, 0
    for turn in range(400):
        options = [{waits, *rng.sample(WEIGHTED, rng.randint(1, 7))} for _ in range(8)]
        steps = [pick(option, round_, WEIGHTS) for option in (*options, WEIGHTED, {waits, HIGHEST})]
        delaying = [step for step in steps if step[0] is not waits]
        waited = waited + 1 if delaying else 0
        assert waited <= PATIENCE, f"{waits.name} was passed over {waited} times by grant {turn}"
        mine = WEIGHTED.index(waits)
        _, round_ = min(delaying or steps, key=lambda step: step[1][mine] - max(step[1][:7]))


def test_mended_rounds_start_with_each_level_in_rotation() -> None:
    """The worst case: a state that needs mending, seven times. Each time another level is served."""
    apart = (200, -200, 0, 0, 0, 0, 0)
    started = []
    for next_start in range(7):
        level, round_ = pick(WEIGHTED, (*apart, next_start), WEIGHTS)
        started.append(level)
        assert round_[7] == (next_start + 1) % 7
    assert started == list(WEIGHTED)


# --- The turn of one callback --------------------------------------------------------------------------------------


def counted_turns(
    counts: dict[Priority, int], round_: Credits, by: Sequence[int], level: Priority, ahead: int, limit: int
) -> int:
    """Return which grant is that of the callback, by making every one; `limit` when it is that one or a later one."""
    left = Counter(counts)
    for turn in range(1, limit):
        granted, round_ = pick(+left, round_, by)
        if granted is level and ahead == 0:
            return turn
        ahead -= granted is level
        left[granted] -= 1
    return limit


@given(
    st.dictionaries(st.sampled_from(Priority), st.integers(1, 400), min_size=1),
    histories,
    weights,
    st.integers(1, 600),
    st.data(),
)
def test_turns_are_skipped_by_whole_rounds_only(
    counts: dict[Priority, int],
    history: Sequence[Collection[Priority]],
    by: Sequence[int],
    limit: int,
    data: st.DataObject,
) -> None:
    """Whatever was granted before, and whichever levels empty meanwhile."""
    level = data.draw(st.sampled_from(sorted(counts)))
    ahead = data.draw(st.integers(0, counts[level] - 1))
    round_ = after_history(history, by)
    before = granted_before(counts, round_, by, level, ahead, limit - 1)
    assert 1 + sum(before.values()) == counted_turns(counts, round_, by, level, ahead, limit)


@given(
    st.dictionaries(st.sampled_from(Priority), st.integers(1, 400), min_size=1),
    histories,
    weights,
    st.integers(1, 600),
    st.data(),
)
def test_a_schedule_has_the_turn_of_each(
    counts: dict[Priority, int],
    history: Sequence[Collection[Priority]],
    by: Sequence[int],
    limit: int,
    data: st.DataObject,
) -> None:
    round_ = after_history(history, by)
    turns = schedule(counts, round_, by, limit)
    assert sorted(itertools.chain(*turns.values())) == [*range(1, min(limit, sum(counts.values())) + 1)]
    level = data.draw(st.sampled_from(sorted(counts)))
    ahead = data.draw(st.integers(0, counts[level] - 1))
    expected = counted_turns(counts, round_, by, level, ahead, limit + 1)
    assert turns[level][ahead : ahead + 1] == ([expected] if expected <= limit else [])
    before = granted_before(counts, round_, by, level, ahead, limit)
    last = min(expected, limit + 1)
    assert before == {each: n for each, its in turns.items() if (n := sum(turn < last for turn in its))}


def test_a_million_callbacks_are_not_counted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    picked = 0

    def counting(*arguments: Any) -> tuple[Priority, Credits]:
        nonlocal picked
        picked += 1
        return pick(*arguments)

    monkeypatch.setattr("ringback.domain.priority.pick", counting)
    counts = dict.fromkeys(Priority, 1_000_000)
    before = granted_before(counts, FRESH_ROUND, WEIGHTS, Priority.NORMAL, 1000, 10_000_000)
    assert sum(before.values()) == 1_000_000 + 28 * 250 + 3
    assert picked < 200
