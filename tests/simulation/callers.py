"""The systems that ask for callbacks. They never give up: a request is sent again until there is a response."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.clocks import SystemClock
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.ledger import Ledger, Promise
from tests.simulation.network import Network, Refused, Unreachable
from tests.world.api import by_external_id, by_id

R = TypeVar("R", bound=Message)

_PAUSE_S: Final = 0.5
# What every request may be refused with, since the callback is further on, or has ended.
_TOO_LATE: Final = frozenset({"CALLBACK_ENDED", "CALLBACK_CONNECTED", "CALLBACK_IN_PROGRESS"})


async def insist(network: Network, dice: random.Random, method: str, request: Message, response_type: type[R]) -> R:
    """Send a request until there is a response. Raise `Refused`."""
    while True:
        try:
            return await network.call(method, request, response_type)
        except Unreachable:
            await asyncio.sleep(dice.uniform(0.05, _PAUSE_S))


class Callers:
    """A few systems, which act at random."""

    def __init__(
        self,
        network: Network,
        dice: random.Random,
        clock: SystemClock,
        service_ids: Sequence[str],
        levels: Sequence["cb.Priority.ValueType"],
    ) -> None:
        self.ledger = Ledger()
        self.acts = 0
        self._network = network
        self._dice = dice
        self._clock = clock
        self._service_ids = service_ids
        self._levels = levels
        # So few that several callbacks are for one phone.
        self._phones = dice.choice((4, 12, 30))

    async def act(self) -> None:
        """Do one thing; a refusal that is not expected is a finding."""
        self.acts += 1
        actions: dict[Callable[[], Awaitable[None]], int] = {
            self._create: 10,
            self._create_batch: 2,
            self._repeat: 3,
            self._cancel: 4,
            self._update: 3,
            self._resolve: 1,
            self._get: 1,
        }
        [action] = self._dice.choices(list(actions), list(actions.values()))
        try:
            await action()
        except Refused as refusal:
            if refusal.reason not in _TOO_LATE:
                self.ledger.findings.append(f"{action.__name__}: {refusal.reason} {refusal}")

    # --- Create --------------------------------------------------------------------------------------------------

    async def _create(self) -> None:
        await self._send(self.ledger.add(self._new_request()))

    async def _repeat(self) -> None:
        """Send again what was sent before, acknowledged or just under way."""
        if self.ledger.promises:
            await self._send(self._dice.choice(self.ledger.promises))

    async def _send(self, promise: Promise) -> None:
        was_stored = bool(promise.callback_id)
        try:
            response = await self._insist("create_callback", promise.sent, pb.CreateCallbackResponse)
        except Refused as refusal:
            if was_stored or not _is_too_late(promise, refusal.reason):
                raise
            promise.refused = not promise.callback_id  # it may have been stored meanwhile, sent by another one
        else:
            promise.refused = False  # too late by one clock, and sent again in time by another
            self.ledger.acknowledge(promise, response.callback, created=response.created)

    async def _create_batch(self) -> None:
        promises = [self.ledger.add(self._new_request()) for _ in range(self._dice.randint(2, 6))]
        request = pb.BatchCreateCallbacksRequest(
            requests=[promise.sent for promise in promises], include_callbacks=True
        )
        response = await self._insist("batch_create_callbacks", request, pb.BatchCreateCallbacksResponse)
        for promise, result in zip(promises, response.results, strict=True):
            if not result.HasField("error"):
                self.ledger.acknowledge(promise, result.callback, created=result.created)
            elif result.error.code == _INVALID_ARGUMENT and _is_too_late(promise, "INVALID_FIELD"):
                promise.refused = True
            else:
                self.ledger.findings.append(f"promise {promise.number} of a batch: {result.error.message}")

    def _new_request(self) -> pb.CreateCallbackRequest:
        dice = self._dice
        request = pb.CreateCallbackRequest(
            callback_request=cb.CallbackRequest(
                target=self._target(),
                service_id=dice.choice(self._service_ids),
                priority=dice.choice(self._levels),
                max_retries=dice.randint(0, 2),
                seconds_between_retries=dice.choice((0, 1, 4)),
                caller_id=dice.choice(("crm", "shop")),
            )
        )
        identity = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        if dice.random() < 0.5:
            request.callback_request.external_task_id = identity
        else:
            request.request_id = identity
        if dice.random() < 0.3:
            request.callback_request.due_date.CopyFrom(self._moment(0, 10))
        if dice.random() < 0.15:
            request.callback_request.expire_time.CopyFrom(self._moment(11, 30))
        return request

    def _target(self) -> str:
        scheme = self._dice.choice(("sip", "sip", "sips"))
        return f"{scheme}:u{self._dice.randrange(self._phones)}@phones.example"

    # --- Read and change -----------------------------------------------------------------------------------------

    async def _cancel(self) -> None:
        if (key := self._known()) is not None:
            request = pb.CancelCallbackRequest(key=key, reason="simulated")
            self.ledger.cancel((await self._insist("cancel_callback", request, pb.CancelCallbackResponse)).callback)

    async def _update(self) -> None:
        if (key := self._known()) is None:
            return
        request = pb.UpdateCallbackRequest(key=key)
        changed = request.callback_request
        if self._dice.random() < 0.5:
            request.update_mask.CopyFrom(FieldMask(paths=["due_date"]))
            changed.due_date.CopyFrom(self._moment(-2, 8))
        if self._dice.random() < 0.3:
            request.update_mask.paths.append("target")
            changed.target = self._target()
        if self._dice.random() < 0.3:
            request.update_mask.paths.append("priority")
            changed.priority = self._dice.choice(self._levels)
        if not request.update_mask.paths:
            request.update_mask.paths.append("description")
            changed.description = f"text {self._dice.randrange(100)}"
        try:
            response = await self._insist("update_callback", request, pb.UpdateCallbackResponse)
        except Refused as refusal:
            if refusal.reason != "INVALID_FIELD":  # it expires before that
                raise
        else:
            self.ledger.returned.append(response.callback)

    async def _resolve(self) -> None:
        request = pb.ResolveCallbacksRequest(target=self._target(), include_callbacks=True)
        response = await self._insist("resolve_callbacks", request, pb.ResolveCallbacksResponse)
        for result in response.results:
            if result.callback.state != cb.CALLBACK_STATE_CONNECTED:
                self.ledger.cancel(result.callback)
            else:
                self.ledger.returned.append(result.callback)

    async def _get(self) -> None:
        if (key := self._known()) is not None:
            response = await self._insist("get_callback", pb.GetCallbackRequest(key=key), pb.GetCallbackResponse)
            self.ledger.returned.append(response.callback)

    def _known(self) -> cb.CallbackKey | None:
        """Return a key of one of the newest callbacks that were acknowledged."""
        promises = [promise for promise in self.ledger.promises if promise.callback_id][-12:]
        if not promises:
            return None
        promise = self._dice.choice(promises)
        sent = promise.sent.callback_request
        if sent.external_task_id and self._dice.random() < 0.5:
            return by_external_id(sent.caller_id, sent.external_task_id)
        return by_id(promise.callback_id)

    async def _insist(self, method: str, request: Message, response_type: type[R]) -> R:
        return await insist(self._network, self._dice, method, request, response_type)

    def _moment(self, earliest_s: float, latest_s: float) -> Timestamp:
        moment = Timestamp()
        moment.FromDatetime(self._clock.now() + timedelta(seconds=self._dice.uniform(earliest_s, latest_s)))
        return moment


_INVALID_ARGUMENT: Final = 3


def _is_too_late(promise: Promise, reason: str) -> bool:
    """Return whether a request may be refused with this, if it was not stored: its own `expire_time` has passed."""
    return reason == "INVALID_FIELD" and promise.sent.callback_request.HasField("expire_time")
