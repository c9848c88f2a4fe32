"""The create calls of one transaction as one: callbacks are inserted by the dozen, across calls."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ringback.domain.callback import Callback
from ringback.ports.errors import UnknownService
from ringback.storage.callback_row import Row, row_of
from ringback.storage.comparison import service_changed_since
from ringback.storage.operations import Creation

# For each new callback, the one that is stored already; None when the new one was stored.
Found = Sequence[Callback | None]


class NewCallback(NamedTuple):
    callback: Callback
    row: Row
    # Stored only while its service has no other open callback to its target.
    alone: bool


class JointCreation:
    """All calls as if they were one, except those whose service does not exist, or has other settings by now."""

    def __init__(self, calls: Sequence[Creation], revisions: Mapping[str, int | None]) -> None:
        """`revisions` are those of services; a service has none when it does not exist."""
        self._calls = calls
        self._refusals = [_refusal(call, revisions) for call in calls]
        self.new = [
            NewCallback(callback, row_of(callback), callback.callback_id in call.alone)
            for call, refusal in zip(calls, self._refusals, strict=True)
            for callback in call.new
            if refusal is None
        ]

    def stored(self, found: Found) -> list[NewCallback]:
        return [new for new, other in zip(self.new, found, strict=True) if other is None]

    def results(self, found: Found) -> list[list[Callback | None] | Exception]:
        """Return the result of each call, or the exception to raise."""
        others = iter(found)
        return [
            [next(others) for _ in call.new] if refusal is None else refusal
            for call, refusal in zip(self._calls, self._refusals, strict=True)
        ]


def _refusal(call: Creation, revisions: Mapping[str, int | None]) -> Exception | None:
    # Deleted since the callbacks were planned. Not a foreign key: ended callbacks outlive their service.
    for callback in call.new:
        if revisions.get(callback.service_id) is None:
            return UnknownService(callback.service_id)
    for service in call.settings:
        if revisions[service.service_id] != service.revision:
            return service_changed_since(service.service_id)
    return None
