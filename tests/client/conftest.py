"""Clients that do not wait long."""

import pytest

from ringback.client import backoff


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make time pass a hundred times faster; three missed heartbeats are then 30 ms."""
    monkeypatch.setattr(backoff, "MIN_HEARTBEAT_S", 0.3)
    monkeypatch.setattr(backoff, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(backoff, "MAX_DELAY_S", 0.05)
