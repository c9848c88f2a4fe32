"""What the clients have asked for, and the responses: the promises that have to be kept."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.checker import CANCELLED, CANCELLING, COMPLETED, EXPIRED

# Each request carries its number, so that a callback can be traced back to it also where no response arrived.
NUMBER_LABEL = "promise"


@dataclass
class Promise:
    """One request, however often it is sent, and the callback of its response."""

    number: int
    sent: pb.CreateCallbackRequest
    callback_id: str = ""
    # How many responses said that they had created it.
    creations: int = 0
    # The request was refused as too late, so that nothing may be stored.
    refused: bool = False
    # A call ended without a response before: it may be stored after the refusal, by a COMMIT that the network delayed.
    unanswered: bool = False


class Ledger:
    """All promises, shared by all clients."""

    def __init__(self) -> None:
        self.promises: list[Promise] = []
        self.findings: list[str] = []
        # Every callback that was returned.
        self.returned: list[cb.Callback] = []
        # The state that each successful cancel returned.
        self._cancelled: dict[str, int] = {}

    def add(self, sent: pb.CreateCallbackRequest) -> Promise:
        promise = Promise(len(self.promises), sent)
        sent.callback_request.labels[NUMBER_LABEL] = str(promise.number)
        self.promises.append(promise)
        return promise

    def acknowledge(self, promise: Promise, callback: cb.Callback, *, created: bool) -> None:
        self.returned.append(callback)
        promise.creations += created
        if promise.creations > 1:
            self.findings.append(f"promise {promise.number} was created {promise.creations} times")
        if promise.callback_id not in ("", callback.callback_id):
            self.findings.append(
                f"promise {promise.number} was answered with {promise.callback_id}, then with {callback.callback_id}"
            )
        promise.callback_id = callback.callback_id

    def cancel(self, callback: cb.Callback) -> None:
        self.returned.append(callback)
        self._cancelled[callback.callback_id] = callback.state
        if callback.state not in (CANCELLED, CANCELLING):
            self.findings.append(f"{callback.callback_id}: cancelled, and answered as {callback.state}")

    def verdict(self, listed: Iterable[cb.Callback]) -> Iterator[str]:
        """Yield everything in the final list that contradicts the responses."""
        stored: defaultdict[str, list[cb.Callback]] = defaultdict(list)
        for callback in listed:
            stored[callback.callback_request.labels[NUMBER_LABEL]].append(callback)
            yield from self._faults_of_cancel(callback)
        for promise in self.promises:
            yield from _faults_of_promise(promise, stored.pop(str(promise.number), []))
        for number in stored:
            yield f"nobody asked for promise {number!r}"

    def _faults_of_cancel(self, callback: cb.Callback) -> Iterator[str]:
        response = self._cancelled.get(callback.callback_id)
        possible = {CANCELLED, COMPLETED} if response == CANCELLING else {CANCELLED}
        if response is not None and callback.state not in possible:
            yield f"{callback.callback_id}: its cancel was answered {response}, and it ended as {callback.state}"


def _faults_of_promise(promise: Promise, stored: list[cb.Callback]) -> Iterator[str]:
    name = f"promise {promise.number} ({promise.callback_id or 'never acknowledged'})"
    if promise.callback_id and promise.callback_id not in {callback.callback_id for callback in stored}:
        yield f"{name} was acknowledged, and is gone"
    if len(stored) > 1:
        yield f"{name} is stored {len(stored)} times"
    if promise.refused and not (promise.unanswered and all(map(_came_to_nothing, stored))) and stored:
        yield f"{name} was refused, and is stored"


def _came_to_nothing(callback: cb.Callback) -> bool:
    """Return whether nobody was called, since it had expired when it was stored."""
    return callback.state == EXPIRED and callback.attempt_count == 0
