"""Requests that are no message of their RPC: what the log tells of them, whichever port they come by."""

import logging
from typing import Final

from ringback.domain.errors import UndecodableRequest
from ringback.entry.few_lines import FewLines

_log: Final = logging.getLogger(__name__)


class UndecodableLog:
    """Tells of the first, and then how many more there are. Everybody who reaches a port can send any number."""

    def __init__(self) -> None:
        self._lines: Final = FewLines(_tell_rest)

    def note(self, rpc: str, peer: str, fault: UndecodableRequest) -> None:
        if self._lines.is_told():
            _log.warning("a request of %s for %s cannot be read: %s", peer, rpc, fault.description)

    def close(self) -> None:
        """Tell what has not been told yet."""
        self._lines.close()


def _tell_rest(count: int) -> None:
    _log.warning("%d more requests could not be read", count)
