"""The judging of the guard: what is slower than the page says, by a quarter, each time it is measured."""

from collections.abc import Sequence

import pytest

from bench.contest import Run, Who
from bench.guard import LEFT_ELSEWHERE, BesideEcho, Loss, by_load, lasting, losses

TOLD = {16: BesideEcho(cpu_echoes=1.5, per_echo=0.6), 64: BesideEcho(cpu_echoes=1.2, per_echo=0.8)}


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        (TOLD, []),
        ({16: BesideEcho(1.99, 0.46), 64: BesideEcho(1.59, 0.61)}, []),
        ({16: BesideEcho(1.5, 0.44), 64: BesideEcho(1.2, 0.8)}, [(16, 0.45, 0.44)]),
        ({16: BesideEcho(1.5, 0.6), 64: BesideEcho(1.7, 0.8)}, [(64, 1.6, 1.7)]),
        ({16: BesideEcho(4.5, 0.2), 64: BesideEcho(1.1, 0.9)}, [(16, 2.0, 4.5), (16, 0.45, 0.2)]),
        ({16: BesideEcho(0.7, 1.2), 64: BesideEcho(0.6, 1.6)}, []),
        ({16: BesideEcho(1.5, None), 64: BesideEcho(1.7, None)}, [(64, 1.6, 1.7)]),
    ],
    ids=["the same", "not quite a quarter", "fewer per second", "more CPU", "both", "faster", "a busy machine"],
)
def test_a_quarter_of_the_speed_may_be_lost_and_no_more(
    now: dict[int, BesideEcho], lost: list[tuple[int, float, float]]
) -> None:
    assert [(loss.in_flight, round(loss.bound, 9), loss.now) for loss in losses(TOLD, now)] == lost


def test_on_another_processor_half_of_the_speed_may_be_lost() -> None:
    now = {16: BesideEcho(2.9, 0.31), 64: BesideEcho(2.5, 0.41)}
    assert [(loss.in_flight, loss.figure) for loss in losses(TOLD, now, LEFT_ELSEWHERE)] == [
        (64, "CPU of a create ÷ an echo's")
    ]


@pytest.mark.parametrize(
    ("earlier", "later", "left"),
    [
        ([(16, "per s")], [(16, "per s")], [(16, "per s")]),
        ([(16, "per s")], [(64, "per s"), (16, "CPU")], []),
        ([(16, "per s"), (64, "CPU")], [(64, "CPU")], [(64, "CPU")]),
        ([(16, "per s")], [], []),
    ],
    ids=["it lasts", "something else", "one of two", "nothing is left"],
)
def test_only_what_is_lost_each_time_counts(
    earlier: list[tuple[int, str]], later: list[tuple[int, str]], left: list[tuple[int, str]]
) -> None:
    assert [(loss.in_flight, loss.figure) for loss in lasting(_losses(earlier), _losses(later))] == left


def test_a_loss_tells_both_figures_and_what_is_needed() -> None:
    [loss] = losses({16: TOLD[16]}, {16: BesideEcho(1.5, 0.41)})
    assert str(loss) == (
        "16 in flight, creates ÷ echoes per s: 0.41; docs/performance.md says 0.60, and at least 0.45 is needed"
    )


# Echoes and creates a second, round by round.
SPEEDS = [(1000, 500), (100, 40), (2000, 1400)]


def test_figures_are_medians_of_what_each_round_says_by_itself() -> None:
    """A round in which all are slow says the same as others."""
    rounds = [_round(*speeds) for speeds in SPEEDS]
    assert by_load(rounds, rounds) == dict.fromkeys((16, 64), BesideEcho(cpu_echoes=2.0, per_echo=0.5))


def test_rates_count_of_quiet_rounds_only_and_not_of_too_few() -> None:
    rounds = [_round(*speeds) for speeds in SPEEDS]
    noisy = [_round(1000, 10), _round(1000, 20)]
    assert by_load(rounds + noisy, rounds)[16].per_echo == 0.5
    assert by_load(rounds + noisy, rounds[:2])[16] == BesideEcho(cpu_echoes=2.5, per_echo=None)


def _round(echo: float, ours: float) -> Sequence[Run]:
    return [_run(who, in_flight, per_s) for in_flight in (16, 64) for who, per_s in _both(echo, ours)]


def _both(echo: float, ours: float) -> Sequence[tuple[Who, float]]:
    return [("echo", echo), ("ringback", ours)]


def _run(who: Who, in_flight: int, per_s: float) -> Run:
    return Run(who=who, flush_ms=0, in_flight=in_flight, batch=0, per_s=per_s, p50_us=1, p99_us=1, cpu_us=1e6 / per_s)


def _losses(figures: Sequence[tuple[int, str]]) -> Sequence[Loss]:
    return [Loss(in_flight, figure, told=1, bound=0.75, now=0.5) for in_flight, figure in figures]
