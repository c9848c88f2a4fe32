"""The create calls of one transaction as one: callbacks are inserted by the dozen, across calls."""

from collections.abc import Container, Sequence
from typing import NamedTuple

from ringback.domain.callback import Callback
from ringback.ports.errors import UnknownService
from ringback.storage.callback_row import Row, row_of
from ringback.storage.operations import Creation

# For each new callback, the one that is stored already; None when the new one was stored.
Found = Sequence[Callback | None]


class NewCallback(NamedTuple):
    callback: Callback
    row: Row
    # Stored only while its service has no other open callback to its target.
    alone: bool


class JointCreation:
    """All calls as if they were one, except those whose service does not exist."""

    def __init__(self, calls: Sequence[Creation], services: Container[str]) -> None:
        self._calls = calls
        # Services deleted since the callbacks were planned. Not a foreign key: ended callbacks outlive their service.
        self._unknown = [
            next((callback.service_id for callback in call.new if callback.service_id not in services), None)
            for call in calls
        ]
        self.new = [
            NewCallback(callback, row_of(callback), callback.callback_id in call.alone)
            for call, unknown in zip(calls, self._unknown, strict=True)
            for callback in call.new
            if unknown is None
        ]

    def stored(self, found: Found) -> list[NewCallback]:
        return [new for new, other in zip(self.new, found, strict=True) if other is None]

    def results(self, found: Found) -> list[list[Callback | None] | Exception]:
        """Return the result of each call, or the exception to raise."""
        others = iter(found)
        return [
            [next(others) for _ in call.new] if unknown is None else UnknownService(unknown)
            for call, unknown in zip(self._calls, self._unknown, strict=True)
        ]
