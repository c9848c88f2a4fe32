"""What became of callbacks, as this server wrote it: each server counts its own writes, so that their sum is right."""

from collections import Counter
from collections.abc import Iterator, MutableMapping
from datetime import datetime
from typing import Any, Final

from prometheus_client.metrics_core import Metric as Family

from ringback.domain.callback import TERMINAL, Callback, State
from ringback.domain.outcome import Outcome
from ringback.metrics import catalogue
from ringback.metrics.distribution import Distribution
from ringback.metrics.families import distributions, values
from ringback.metrics.service_labels import ServiceLabels

# From at once to a day.
BOUNDS_S: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)

_LAST_STATES: Final = sorted(state.value for state in TERMINAL)


class PromiseFigures:
    """A listener of what the store has written."""

    def __init__(self, labels: ServiceLabels) -> None:
        self._labels = labels
        self._created: Counter[tuple[str]] = Counter()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._due_to_lease: dict[tuple[str], Distribution] = {}

    def tell(self, before: Callback | None, after: Callback) -> None:
        label = self._labels.of(after.service_id)
        if before is None:
            self._created[label,] += 1
        elif after.state is State.OFFERED and before.state is not State.OFFERED:
            self._lease(label, (after.update_time - _due(before)).total_seconds())
        if after.ended and not (before is not None and before.ended):
            self._ended[label, after.state.value] += 1
        if (outcome := _outcome(before, after)) is not None:
            self._attempts[label, outcome.value] += 1

    def _lease(self, label: str, waited_s: float) -> None:
        waits = self._due_to_lease.get((label,))
        if waits is None:
            waits = self._due_to_lease[label,] = Distribution(BOUNDS_S)
        waits.observe(max(waited_s, 0.0))

    def collect(self) -> Iterator[Family]:
        for counted in (self._created, self._ended, self._attempts, self._due_to_lease):
            self._drop_deleted(counted)
        yield values(catalogue.CREATED, self._created.items())
        yield values(catalogue.ENDED, (self._none_ended() | self._ended).items())
        yield values(catalogue.ATTEMPTS, self._attempts.items())
        yield distributions(catalogue.DUE_TO_LEASE, self._due_to_lease.items())

    def _none_ended(self) -> dict[tuple[str, str], int]:
        """Return a zero for each last state. A counter that begins at 1 has not increased, for Prometheus."""
        return {(label, state): 0 for label in self._labels.all() for state in _LAST_STATES}

    def _drop_deleted(self, counted: MutableMapping[Any, Any]) -> None:
        """Forget services that were deleted: else each that there ever was would take room."""
        for labels in [labels for labels in counted if not self._labels.may_have(labels[0])]:
            del counted[labels]


def _due(callback: Callback) -> datetime:
    """Return from when on it could have been dialled: when it was due, and its service open."""
    return max(callback.ready_time, callback.next_attempt_time or callback.ready_time)


def _outcome(before: Callback | None, after: Callback) -> Outcome | None:
    """Return the outcome of the attempt that has ended with this step, None if none has."""
    if not after.attempts:
        return None
    count = len(after.attempts)
    if before is not None and len(before.attempts) == count and before.attempts[-1].outcome is not None:
        return None
    return after.attempts[-1].outcome
