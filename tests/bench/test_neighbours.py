"""What of the cores is taken by others than the bench."""

import os
import time

import pytest

from bench.neighbours import Cores, busy_s


@pytest.mark.parametrize(
    ("others_s", "share"), [(0.0, 0.0), (0.8, 0.1), (4.0, 0.5)], ids=["nobody", "somebody", "one of two cores"]
)
def test_others_have_what_is_busy_and_not_ours(monkeypatch: pytest.MonkeyPatch, others_s: float, share: float) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    before = Cores(moment_s=100, all_s=1000, ours_s=50)
    after = Cores(moment_s=104, all_s=1000 + 3 + others_s, ours_s=53)
    assert after.others_since(before) == pytest.approx(share)


def test_waiting_is_not_busy_and_what_is_stolen_is() -> None:
    assert busy_s("cpu  100 20 30 9999 8888 4 5 600 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n") == 759 / os.sysconf("SC_CLK_TCK")


def test_cores_know_what_this_process_has_spent() -> None:
    before = Cores.read([])
    begun = time.process_time()
    while time.process_time() < begun + 0.05:
        pass
    after = Cores.read([])
    assert after.ours_s - before.ours_s >= 0.04
    assert after.all_s >= before.all_s
