"""One stream or watch of a driver, as the sequence of its events."""

import time
from collections.abc import Callable
from typing import Any

from tests.conformance.driver import Driver, DriverFault, Exchange
from tests.conformance.messages import WATCH, Json, decode


class Subscription:
    """Puts responses together: how events are spread over them is up to the server."""

    def __init__(self, driver: Driver, command: Json) -> None:
        self._driver = driver
        self._command_id, self.exchange = driver.begin(command)
        # The watching helper may tell the last events twice; then the larger revision wins.
        self._resumes = "watch" in command
        self._revisions: dict[str, int] = {}

    def stop(self) -> Exchange:
        """Have the driver end it."""
        _, exchange = self._driver.begin({"stop": self._command_id})
        return exchange

    async def receive(self, complete: Callable[[Json], bool], patience_s: float) -> Json | None:
        """Read at least one response, and more until complete or time is up. Return them as one; None at the end."""
        end_s = time.monotonic() + patience_s  # for all of them: heartbeats come for ever
        seen: Json = {"events": [], "snapshot_started": False, "snapshot_complete": False}
        while True:
            try:
                reply = await self.exchange.response(end_s - time.monotonic())
            except TimeoutError:
                if "resume_token" in seen:
                    return seen
                raise DriverFault(f"no response for {patience_s:g} s") from None
            if reply is None:
                return None
            response = self._decoded(reply)
            seen = {
                "events": seen["events"] + response["events"],
                "snapshot_started": seen["snapshot_started"] or response["snapshot_started"],
                "snapshot_complete": seen["snapshot_complete"] or response["snapshot_complete"],
                "resume_token": response["resume_token"],
                "server_time": response["server_time"],
            }
            if complete(seen):
                return seen

    def unread_events(self) -> list[Any]:
        """Return the events that have come and were not received."""
        return [event for reply in self.exchange.unread() for event in self._decoded(reply)["events"]]

    def _decoded(self, reply: Json) -> Json:
        response = decode(WATCH.response, reply["response"])
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
