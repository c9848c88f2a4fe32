"""The systems that ask for callbacks. They never give up: a request is sent again until it gets a response."""

import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.calls import Request, Response, insist
from tests.hunts.ledger import Ledger, Promise
from tests.world.api import Api, by_id, refusal_in, refusal_of

# What the simulated dialer plays, attempt by attempt.
_SCRIPTS: Final = (
    "answer",
    "answer",
    "busy.answer",
    "busy.no-answer.answer",
    "machine.declined.answer",
    "unreachable.network-failure.answer",
    "busy",
    "invalid",
    "blocked",
)
_SHARED_TARGETS: Final = 10
_MAX_BATCH: Final = 20


@dataclass(frozen=True)
class Client:
    """One system with a caller id, and dice to decide what it does next."""

    name: str
    api: Api
    ledger: Ledger
    # And the share of the load that each of them gets.
    services: Mapping[str, int]
    dice: random.Random
    has_hung: Callable[[float], bool] | None = None

    async def act(self) -> None:
        """Do one thing; an error that is not expected is a finding."""
        actions: dict[Callable[[], Awaitable[None]], int] = {
            self._create: 8,
            self._create_batch: 1,
            self._repeat: 2,
            self._cancel: 3,
            self._update: 3,
        }
        [action] = self.dice.choices(list(actions), list(actions.values()))
        try:
            await action()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:  # the callback was further on already
                self.ledger.findings.append(f"{action.__name__}: {error.code().name} {error.details()}")

    # --- Create --------------------------------------------------------------------------------------------------

    async def _create(self) -> None:
        await self._send(self.ledger.add(self.new_request()))

    async def _repeat(self) -> None:
        """Send again what was sent before, acknowledged or just under way."""
        if self.ledger.promises:
            await self._send(self.dice.choice(self.ledger.promises))

    async def _send(self, promise: Promise) -> None:
        try:
            response = await self._insist(self.api.callbacks.CreateCallback, promise.sent, promise)
        except grpc.aio.AioRpcError as error:
            if not _is_too_late(promise, refusal_of(error).reason):
                raise
            promise.refused = True
        else:
            self.ledger.acknowledge(promise, response.callback, created=response.created)

    async def _create_batch(self) -> None:
        count = self.dice.randint(2, _MAX_BATCH)
        promises = [self.ledger.add(self.new_request()) for _ in range(count)]
        request = pb.BatchCreateCallbacksRequest(
            requests=[promise.sent for promise in promises], include_callbacks=True
        )
        response = await self._insist(self.api.callbacks.BatchCreateCallbacks, request, *promises)
        for promise, result in zip(promises, response.results, strict=True):
            if not result.HasField("error"):
                self.ledger.acknowledge(promise, result.callback, created=result.created)
            elif _is_too_late(promise, refusal_in(result.error).reason):
                promise.refused = True
            else:
                self.ledger.findings.append(f"promise {promise.number} of a batch: {result.error.message}")

    def new_request(self) -> pb.CreateCallbackRequest:
        """Return a request with one identity or the other, now and then with a time of its own."""
        request = pb.CreateCallbackRequest(
            callback_request=cb.CallbackRequest(
                target=self._target(),
                service_id=self._service_id(),
                priority=self.dice.choice(cb.Priority.values()[1:]),
                max_retries=self.dice.randint(0, 3),
                seconds_between_retries=self.dice.randint(0, 1),
                caller_id=self.name,
            )
        )
        identity = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        if self.dice.random() < 0.5:
            request.callback_request.external_task_id = identity
        else:
            request.request_id = identity
        if self.dice.random() < 0.3:
            request.callback_request.due_date.CopyFrom(self._moment(0, 1.5))
        if self.dice.random() < 0.1:
            request.callback_request.expire_time.CopyFrom(self._moment(2, 4))
        return request

    def _service_id(self) -> str:
        [service_id] = self.dice.choices(list(self.services), list(self.services.values()))
        return service_id

    def _target(self) -> str:
        shared = self.dice.random() < 0.1
        host = f"shared{self.dice.randrange(_SHARED_TARGETS)}" if shared else f"n{self.dice.getrandbits(48):x}"
        scheme, transport = self.dice.choice((("sip", ""), ("sip", ";transport=tcp"), ("sips", "")))
        return f"{scheme}:{self.dice.choice(_SCRIPTS)}@{host}.example{transport}"

    # --- Cancel and update ---------------------------------------------------------------------------------------

    async def _cancel(self) -> None:
        if callback_id := self._acknowledged():
            request = pb.CancelCallbackRequest(key=by_id(callback_id), reason="the storm")
            self.ledger.cancel((await self._insist(self.api.callbacks.CancelCallback, request)).callback)

    async def _update(self) -> None:
        if callback_id := self._acknowledged():
            request = pb.UpdateCallbackRequest(key=by_id(callback_id), update_mask=FieldMask(paths=["due_date"]))
            request.callback_request.due_date.CopyFrom(self._moment(-0.5, 1))
            if self.dice.random() < 0.5:
                request.update_mask.paths.append("target")
                request.callback_request.target = self._target()
            try:
                response = await self._insist(self.api.callbacks.UpdateCallback, request)
            except grpc.aio.AioRpcError as error:
                if refusal_of(error).fields != ("callback_request.due_date",):  # it expires before that
                    raise
            else:
                self.ledger.returned.append(response.callback)

    async def _insist(
        self, call: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]", request: Request, *asked: Promise
    ) -> Response:
        def note() -> None:
            for promise in asked:
                promise.unanswered = True

        return await insist(call, request, self.has_hung, note)

    def _acknowledged(self) -> str:
        """Return the id of one of the newest, which have hardly ended yet; "" when it was not acknowledged."""
        newest = self.ledger.promises[-50:]
        return self.dice.choice(newest).callback_id if newest else ""

    def _moment(self, earliest_s: float, latest_s: float) -> Timestamp:
        return _at(time.time() + self.dice.uniform(earliest_s, latest_s))


def _at(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(int(seconds * 1_000_000))
    return moment


def _is_too_late(promise: Promise, reason: str) -> bool:
    """Return whether a request that was never stored is refused because its own `expire_time` has passed meanwhile."""
    request = promise.sent.callback_request
    expired = request.HasField("expire_time") and request.expire_time.ToMicroseconds() / 1e6 <= time.time()
    return expired and reason.endswith("INVALID_FIELD") and not promise.callback_id
