"""What is drawn from the seed: everything that is not determined, also where the server draws it itself.

A history runs within `drawn_from`: ids, tokens and ages of streams come from its dice then, whatever asked for them.
"""

import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock

from ringback.application.scheduling import loop as scheduler_loop
from ringback.clocks import SystemClock


class Weather(NamedTuple):
    """Which faults come how often. Shares are of what may fail, rates are of one second."""

    # Of the transactions of the database that fail, in one way or another.
    bad_commits: float = 0.0
    # Of requests that do not arrive, and of responses that do not.
    lost_messages: float = 0.0
    crashes: float = 0.0
    stops: float = 0.0
    # The server's process is stopped for a while, and goes on.
    pauses: float = 0.0
    # The disk takes nothing for a while.
    outages: float = 0.0
    clock_steps: float = 0.0
    lost_dialers: float = 0.0
    # Of dialers' calls that fall silent beyond the end of their lease.
    silences: float = 0.0
    service_changes: float = 0.0


KINDS = {
    "calm": Weather(),
    "crashes": Weather(crashes=0.2, stops=0.05, pauses=0.03),
    "disk": Weather(bad_commits=0.1, outages=0.1, crashes=0.08),
    "network": Weather(lost_messages=0.08, lost_dialers=0.15, silences=0.1, crashes=0.02),
    "clock": Weather(clock_steps=0.2, crashes=0.1, pauses=0.05),
    "services": Weather(service_changes=0.4, crashes=0.05, bad_commits=0.02),
    "storm": Weather(
        bad_commits=0.04,
        lost_messages=0.04,
        crashes=0.08,
        stops=0.03,
        pauses=0.05,
        outages=0.05,
        clock_steps=0.05,
        lost_dialers=0.08,
        silences=0.05,
        service_changes=0.1,
    ),
}


@contextmanager
def drawn_from(seed: int, clock: SystemClock) -> Iterator[None]:
    """Let what the server draws, and the time that it measures by itself, be those of a history."""
    ids = random.Random(f"ids of {seed}")
    state = random.getstate()
    random.seed(seed)
    try:
        with (
            mock.patch.object(os, "urandom", ids.randbytes),
            mock.patch.object(random, "_urandom", ids.randbytes),
            mock.patch.object(scheduler_loop, "monotonic", clock.monotonic),
        ):
            yield
    finally:
        random.setstate(state)


@contextmanager
def silent() -> Iterator[None]:
    """Keep the server's own log lines to itself: thousands of histories have too many."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
