"""One stream or watch of a driver, as the sequence of what it sends."""

import time
from collections.abc import Callable
from typing import Any, Final

from tests.conformance.driver import Driver, DriverFault, Exchange
from tests.conformance.messages import STREAMS, Json, decode


class Subscription:
    """Puts responses together: how events are spread over them is up to the server."""

    def __init__(self, driver: Driver, kind: str, request: str) -> None:
        self._driver = driver
        self.response: Final = STREAMS[kind].response
        self._command_id, self.exchange = driver.begin({kind: request})
        # The watching helper may tell the last events twice; then the larger revision wins.
        self._resumes = kind == "watch"
        self._revisions: dict[str, int] = {}

    def stop(self) -> Exchange:
        """Have the driver end it."""
        _, exchange = self._driver.begin({"stop": self._command_id})
        return exchange

    async def receive(self, complete: Callable[[Json], bool], patience_s: float) -> Json | None:
        """Read at least one response, and more until complete or time is up. Return them as one; None at the end."""
        end_s = time.monotonic() + patience_s  # for all of them: heartbeats come for ever
        seen: Json = {}
        while True:
            try:
                reply = await self.exchange.response(end_s - time.monotonic())
            except TimeoutError:
                if seen:
                    return seen
                raise DriverFault(f"no response for {patience_s:g} s") from None
            if reply is None:
                return None
            response = self._decoded(reply)
            seen |= {name: _joined(seen[name], value) if name in seen else value for name, value in response.items()}
            if complete(seen):
                return seen

    def unread_events(self) -> list[Any]:
        """Return the events that have come and were not received."""
        return [event for reply in self.exchange.unread() for event in self._decoded(reply).get("events", [])]

    def _decoded(self, reply: Json) -> Json:
        response = decode(self.response, reply["response"])
        if self._resumes:
            if response["snapshot_started"]:
                self._revisions.clear()
            response["events"] = [event for event in response["events"] if self._is_news(event["callback"])]
        return response

    def _is_news(self, callback: Json) -> bool:
        callback_id, revision = callback["callback_id"], int(callback["revision"])
        if revision <= self._revisions.get(callback_id, 0):
            return False
        self._revisions[callback_id] = revision
        return True


def _joined(earlier: Any, later: Any) -> Any:
    """Return a field of two responses as that of one: items of both, a flag of either, or else the last value."""
    if isinstance(later, list):
        return earlier + later
    return earlier or later if isinstance(later, bool) else later
