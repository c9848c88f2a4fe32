"""The exact queue discipline. It holds no queue: it determines which level's turn it is."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import IntEnum


class Priority(IntEnum):
    """The levels in the order in which ties are decided. The numbers are those of the wire."""

    STRICT_PRIORITY = 1
    HIGHEST = 2
    VERY_HIGH = 3
    HIGH = 4
    NORMAL = 5
    LOW = 6
    VERY_LOW = 7
    LOWEST = 8
    NOTHING_ELSE = 9


# The levels that share by weight, in declared order.
WEIGHTED = tuple(Priority)[1:-1]
_COUNT = len(WEIGHTED)

# The state of a round. Belongs to a service, is stored with every grant. The credit of each of WEIGHTED; the
# index of the level with which the next mended round starts; and, when all levels were waiting at the last grant,
# the weights with which that round continues (see `pick`).
Credits = tuple[int, ...]
FRESH_ROUND: Credits = (0,) * (_COUNT + 1)


def pick(waiting: Collection[Priority], credits_: Credits, weights: Sequence[int]) -> tuple[Priority, Credits]:
    """Return the level whose turn it is among those with waiting callbacks, and the credits afterwards.

    Smooth weighted round robin, as in nginx's upstream balancing: every waiting level earns its weight, the one
    with the most credit is served and pays what all have earned. An empty level earns nothing and loses its
    credit. The weights are positive. Raise `ValueError` when no level is waiting.

    Exact shares: while all levels wait, any `sum(weights)` grants in a row serve each level exactly its weight
    times. In so many grants a level earns what it pays for so many turns, so this holds if, and only if, they
    lead back to the credits they began with; from there on everything repeats. A round from zero credits leads
    back. One whose credits are too far apart, after levels have emptied and filled, may not; this is checked
    when the last empty level fills, and the round is then mended: a fresh one takes its place, at some level's
    first turn.

    No starvation, however the other levels empty and fill: mended rounds start with each level in rotation, so
    every seventh one serves a level that waits all the time. Between two of them, its credit grows with every
    grant it does not get. Once it exceeds what a newly filled level can have, only levels with still more credit
    are served before it, and together they pay more than they earn.
    """
    if Priority.STRICT_PRIORITY in waiting:
        return Priority.STRICT_PRIORITY, credits_
    earning = [i for i, level in enumerate(WEIGHTED) if level in waiting]
    if not earning:
        if Priority.NOTHING_ELSE in waiting:
            return Priority.NOTHING_ELSE, credits_
        raise ValueError("nobody is waiting")
    held, next_start, goes_on_with = credits_[:_COUNT], credits_[_COUNT], credits_[_COUNT + 1 :]
    all_wait = tuple(weights) if len(earning) == _COUNT else ()
    if all_wait and all_wait != goes_on_with and not _leads_back(held, weights):
        held, next_start = _first_turn(next_start, weights), (next_start + 1) % _COUNT
    served, held = _grant(earning, held, weights)
    return WEIGHTED[served], (*held, next_start, *all_wait)


def granted_before(
    counts: Mapping[Priority, int], credits_: Credits, weights: Sequence[int], level: Priority, ahead: int, limit: int
) -> Mapping[Priority, int]:
    """Return how many of each level are granted before the callback with `ahead` others before it in `level`.

    Assume that no other callback arrives. The counts include the callback itself. What comes after the first `limit`
    grants is not counted.
    """
    left = {waiting: count for waiting, count in counts.items() if count > 0}
    turn = 0
    # The states since a level was last emptied, with the turn and what was left: from one that returns, all repeats.
    seen: dict[Credits, tuple[int, dict[Priority, int]]] = {}
    while turn < limit:
        if credits_ in seen:
            begun, at_begin = seen.pop(credits_)
            served = {waiting: at_begin[waiting] - count for waiting, count in left.items()}
            rounds = min((limit - turn) // (turn - begun), _repetitions(served, left, level, ahead))
            turn += rounds * (turn - begun)
            ahead -= rounds * served.get(level, 0)
            left = {waiting: count - rounds * served[waiting] for waiting, count in left.items()}
            seen.clear()
            continue
        seen[credits_] = turn, dict(left)
        granted, credits_ = pick(left, credits_, weights)
        if granted is level:
            if ahead == 0:
                break
            ahead -= 1
        turn += 1
        left[granted] -= 1
        if left[granted] == 0:
            del left[granted]
            seen.clear()
    before = {waiting: count - left.get(waiting, 0) for waiting, count in counts.items()}
    return {waiting: count for waiting, count in before.items() if count > 0}


def schedule(
    counts: Mapping[Priority, int], credits_: Credits, weights: Sequence[int], limit: int
) -> Mapping[Priority, Sequence[int]]:
    """Return the turns of the callbacks of each level, in order, from 1 on: of the first `limit` grants.

    Assume that no other callback arrives.
    """
    left = {waiting: count for waiting, count in counts.items() if count > 0}
    turns: dict[Priority, list[int]] = {waiting: [] for waiting in left}
    order: list[Priority] = []
    # The states since a level was last emptied, with the number of grants before.
    seen: dict[Credits, int] = {}
    while left and len(order) < limit:
        if (begun := seen.get(credits_)) is not None:
            round_ = order[begun:]
            rounds = min(_rounds(round_, left), (limit - len(order)) // len(round_))
            for granted in round_ * rounds:
                order.append(granted)
                turns[granted].append(len(order))
                left[granted] -= 1
            seen.clear()
            continue
        seen[credits_] = len(order)
        granted, credits_ = pick(left, credits_, weights)
        order.append(granted)
        turns[granted].append(len(order))
        left[granted] -= 1
        if left[granted] == 0:
            del left[granted]
            seen.clear()
    return turns


def _rounds(round_: Sequence[Priority], left: Mapping[Priority, int]) -> int:
    """Return how often a round can come again as it was, without a level that empties."""
    served = Counter(round_)
    return min((left[level] - 1) // count for level, count in served.items())


def _repetitions(served: Mapping[Priority, int], left: Mapping[Priority, int], level: Priority, ahead: int) -> int:
    """Return how often a round that serves so many of each level can come again as it was.

    That is, without a level that empties, and without the turn of the callback with `ahead` before it in `level`.
    """
    without_emptying = min((left[waiting] - 1) // count for waiting, count in served.items() if count)
    return min(without_emptying, ahead // served[level]) if served.get(level) else without_emptying


def _grant(earning: Sequence[int], held: Credits, weights: Sequence[int]) -> tuple[int, Credits]:
    earned = [0] * _COUNT
    for i in earning:
        earned[i] = held[i] + weights[i]
    richest = max(earning, key=lambda i: earned[i])  # the first of equals: the higher level
    earned[richest] -= sum(weights[i] for i in earning)
    return richest, tuple(earned)


def _leads_back(held: Credits, weights: Sequence[int]) -> bool:
    """Return whether one round with all levels waiting ends with the credits it began with."""
    after = held
    for _ in range(sum(weights)):
        _, after = _grant(range(_COUNT), after, weights)
    return after == held


def _first_turn(level: int, weights: Sequence[int]) -> Credits:
    """Return the credits of a fresh round with all levels waiting, just before this level's first turn."""
    held: Credits = (0,) * _COUNT
    served, after = _grant(range(_COUNT), held, weights)
    while served != level:
        held = after
        served, after = _grant(range(_COUNT), held, weights)
    return held
