"""The simulation finds bugs of the kinds that it is there for: each is planted, and found within a thousand seeds."""

import pytest

from tests.simulation.history import play
from tests.simulation.planted import PLANTED

_MOST_SEEDS = 1_000


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    PLANTED[bug](monkeypatch)
    for seed in range(_MOST_SEEDS):
        if findings := play(seed).findings:
            with capsys.disabled():
                print(f"\n{bug}: found by seed {seed}: {findings[0]}")  # noqa: T201 - what the test is there to tell
            return
    pytest.fail(f"{bug}: not found within {_MOST_SEEDS} seeds")
