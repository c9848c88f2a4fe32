"""Clients that do not wait long."""

import pytest

from ringback import client


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes a hundred times faster, and three missed heartbeats are 30 ms."""
    monkeypatch.setattr(client, "_MIN_HEARTBEAT_S", 0.01)
    monkeypatch.setattr(client, "_FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(client, "_MAX_DELAY_S", 0.05)
