"""Creation: a callback is stored durably, or the one that an equal request created before is found."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from ringback.application.access import Caller, Right
from ringback.application.call_trace import call_trace
from ringback.application.callbacks.change import taken_by
from ringback.application.callbacks.query import OPEN_STATES
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory, not_granted
from ringback.application.portions import portions
from ringback.application.recent_dials import RecentDials
from ringback.application.turns import give_way
from ringback.application.usage import Usage
from ringback.domain.callback import Callback, weight
from ringback.domain.dial_rules import Judge
from ringback.domain.errors import (
    CallbackAlreadyExists,
    DialRuleBroken,
    InvalidRequest,
    NotAllowed,
    QuotaExceeded,
    RequestIdReused,
    RingbackError,
    ServiceNotFound,
)
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.ids import CallbackIds
from ringback.domain.key import ExternalTaskKey
from ringback.domain.planning import plan
from ringback.domain.request import CallbackRequest, CheckedRequest, ServiceName, check, parse_guid
from ringback.domain.service import Service, TargetPolicy
from ringback.domain.view import EVERYTHING, View
from ringback.ports.clock import Clock
from ringback.ports.errors import RevisionConflict, UnknownService
from ringback.ports.store import Store

MAX_BATCH = 1000
_REFUSALS: Final = (InvalidRequest, DialRuleBroken, NotAllowed, ServiceNotFound)


@dataclass(frozen=True, slots=True)
class CreateCommand:
    """One request to create a callback, as it was sent, and the faults found while it was read.

    The two come together, since the repetition of an earlier request is found although it has faults by now.
    """

    request: CallbackRequest
    request_id: str = ""
    # Return what would be created, and store nothing.
    validate_only: bool = False
    faults: Faults = field(default_factory=Faults)

    def of(self, caller: Caller) -> "CreateCommand":
        """Return the command with the caller id that it means."""
        caller_id = caller.own(self.request.caller_id)
        if caller_id == self.request.caller_id:
            return self
        return dataclasses.replace(self, request=replace(self.request, caller_id=caller_id))

    def checked(self, now: datetime, name: ServiceName | None, region: str, judge: Judge) -> CheckedRequest:
        """Return the request if it is valid, and breaks no dial rule. Raise `InvalidRequest`, `DialRuleBroken`.

        `name` is that of its service, if it can be read, and `region` the default region of the service.
        """
        faults = Faults(violations=[*self.faults.violations])
        within = faults.under("callback_request")
        checked = check(self.request, now, within, service=name, region=region, judge=judge)
        if self.request_id and parse_guid(self.request_id) is None:
            faults.add("request_id", "is not a UUID")
        faults.refuse()
        assert checked is not None
        return checked


@dataclass(frozen=True, slots=True)
class Created:
    """A callback, and whether this request created it."""

    callback: Callback
    created: bool


class _Origin(NamedTuple):
    """Where new callbacks come from: who creates them, and what of the others it can see."""

    identity: str
    view: View


class CallbackCreation:
    """The use cases that create callbacks; the store is the truth."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        policy: DialPolicy,
        recent: RecentDials,
        usage: Usage,
        portion: Callable[[], int] = lambda: MAX_BATCH,
    ) -> None:
        """`portion` returns how many callbacks of a batch are to be stored at a time."""
        self._store = store
        self._usage = usage
        self._portion = portion
        self._directory = directory
        self._clock = clock
        self._dial_policy = policy
        self._recent = recent
        self._ids = CallbackIds()

    def take(self, caller: Caller, count: int) -> None:
        """Note that so many callbacks are to be created, before anything is done for it. Raise `RateLimited`."""
        self._usage.take_creates(caller, count)

    async def create(self, caller: Caller, command: CreateCommand) -> Created:
        """Store the callback durably, or return the one that an equal request created before.

        Raise `NotAllowed`, `InvalidRequest`, `DialRuleBroken`, `ServiceNotFound`, `CallbackAlreadyExists`,
        `RequestIdReused`, `TargetAlreadyPending`, `QuotaExceeded`.
        """
        now = self._clock.now()
        origin = await self._origin_of(caller)
        command = command.of(caller)
        callback_id = self._ids.next(now)
        try:
            if command.validate_only:
                return _accepted(await self._validate(origin, command, now))
            while True:
                planned = await self._plan(origin, command, now, callback_id)
                self._usage.reserve(caller, callback_id)
                try:
                    settings = self._directory.find(planned.service_id)
                    earlier = await self._store.create_one(planned, alone=self._is_alone(planned), settings=settings)
                except (UnknownService, RevisionConflict):  # see `_store_planned`
                    await self._directory.refresh()
                else:
                    if earlier is not None:
                        self._usage.release(callback_id)
                    return _accepted(self._result(origin, command, planned, earlier))
        except QuotaExceeded as full:
            return _accepted(await self._existing(origin, command, now) or full)
        except _REFUSALS:
            self._usage.release(callback_id)
            if (repeated := await self._repeated(origin, command)) is not None:
                return repeated
            raise

    async def create_many(self, caller: Caller, batch: Sequence[CreateCommand]) -> list[Created | RingbackError]:
        """Create each for itself, in the order given: one bad request does not fail the others. Raise `NotAllowed`."""
        now = self._clock.now()
        origin = await self._origin_of(caller)
        batch = [command.of(caller) for command in batch]
        results: dict[int, Created | RingbackError] = {}
        planned: dict[int, Callback] = {}
        for index, command in enumerate(batch):
            await give_way(index)
            try:
                if command.validate_only:
                    # It must see the requests before it.
                    results |= await self._store_planned(origin, batch, planned, now)
                    planned.clear()
                    results[index] = await self._validate(origin, command, now)
                else:
                    callback = await self._plan(origin, command, now, self._ids.next(now))
                    self._usage.reserve(caller, callback.callback_id)
                    planned[index] = callback
            except QuotaExceeded as full:
                # It may repeat one before it.
                results |= await self._store_planned(origin, batch, planned, now)
                planned.clear()
                results[index] = await self._existing(origin, command, now) or full
            except _REFUSALS as refusal:
                results[index] = await self._repeated(origin, command) or refusal
        results |= await self._store_planned(origin, batch, planned, now)
        return [results[index] for index in range(len(batch))]

    async def preview(self, caller: Caller, batch: Sequence[CreateCommand]) -> list[Created | RingbackError]:
        """Return for each request what `create_many` would return, and store nothing.

        A request that an earlier one of the batch makes impossible has the result that it would have alone.
        """
        now = self._clock.now()
        origin = await self._origin_of(caller)
        results: list[Created | RingbackError] = []
        opened: dict[tuple[str, str], Created] = {}
        for index, command in enumerate(command.of(caller) for command in batch):
            await give_way(index)
            try:
                result = await self._validate(origin, command, now)
            except _REFUSALS as refusal:
                result = await self._repeated(origin, command) or refusal
            if isinstance(result, Created) and not result.callback.callback_id:  # it would be new
                same_target = (result.callback.service_id, result.callback.dial_target)
                if self._policy(result.callback) is TargetPolicy.RETURN_EXISTING:
                    result = opened.get(same_target, result)
                if not command.validate_only:
                    opened.setdefault(same_target, result)
            results.append(result)
        return results

    async def _store_planned(
        self, origin: "_Origin", batch: Sequence[CreateCommand], planned: Mapping[int, Callback], now: datetime
    ) -> dict[int, Created | RingbackError]:
        """Store them in portions: a transaction with a thousand of the longest requests would take seconds."""
        results: dict[int, Created | RingbackError] = {}
        for portion in portions(planned.items(), lambda _: 1, lambda item: weight(item[1]), self._portion):
            results |= await self._store_portion(origin, batch, dict(portion), now)
        return results

    async def _store_portion(
        self, origin: "_Origin", batch: Sequence[CreateCommand], planned: Mapping[int, Callback], now: datetime
    ) -> dict[int, Created | RingbackError]:
        results: dict[int, Created | RingbackError] = {}
        left = dict(planned)
        while left:
            try:
                earlier_ones = await self._store.create(
                    list(left.values()), self._alone(left.values()), self._settings(left.values())
                )
            except (UnknownService, RevisionConflict):
                # A service was deleted since, and another one may have its address; or its settings were changed.
                await self._directory.refresh()
                for index in list(left):
                    try:
                        left[index] = await self._plan(origin, batch[index], now, left[index].callback_id)
                    except _REFUSALS as refusal:
                        self._usage.release(left.pop(index).callback_id)
                        results[index] = await self._repeated(origin, batch[index]) or refusal
                continue
            for (index, callback), earlier in zip(left.items(), earlier_ones, strict=True):
                if earlier is not None:
                    self._usage.release(callback.callback_id)
                results[index] = self._result(origin, batch[index], callback, earlier)
            break
        return results

    def _settings(self, planned: Iterable[Callback]) -> Sequence[Service]:
        services = (self._directory.find(service_id) for service_id in {c.service_id for c in planned})
        return [service for service in services if service is not None]

    def _alone(self, planned: Iterable[Callback]) -> frozenset[str]:
        """Return the ids of those whose service allows only one open callback to the same target."""
        return frozenset(callback.callback_id for callback in planned if self._is_alone(callback))

    def _is_alone(self, callback: Callback) -> bool:
        return self._policy(callback) is not TargetPolicy.ALLOW

    def _policy(self, callback: Callback) -> TargetPolicy:
        service = self._directory.find(callback.service_id)
        return TargetPolicy.ALLOW if service is None else service.same_target_policy

    def _result(
        self, origin: "_Origin", command: CreateCommand, planned: Callback, earlier: Callback | None
    ) -> Created | RingbackError:
        if earlier is None:
            return Created(planned, created=True)
        visible = origin.view.contains(earlier)
        if _same_name(origin, command, earlier):
            return _compare(command, earlier, visible=visible)
        if self._policy(planned) is TargetPolicy.REFUSE or not visible:
            return taken_by(earlier, origin.view)
        return Created(earlier, created=False)

    async def _validate(self, origin: "_Origin", command: CreateCommand, now: datetime) -> Created | RingbackError:
        """Return what creating would return; a callback that would be new has no id."""
        callback = await self._plan(origin, command, now, callback_id="")
        earlier = await self._find_earlier(origin, command)
        if earlier is None and self._is_alone(callback):
            same_target = CallbackFilter(
                service_ids=(callback.service_id,), dial_target=callback.dial_target, states=OPEN_STATES
            )
            earlier = next(iter((await self._store.snapshot(same_target, "", 1)).callbacks), None)
        return self._result(origin, command, callback, earlier) if earlier else Created(callback, created=False)

    async def _origin_of(self, caller: Caller) -> "_Origin":
        """Raise `NotAllowed` for a caller that creates nothing at all."""
        view = caller.view_of(Right.CHANGE_CALLBACKS)
        return _Origin(caller.identity, view if view is EVERYTHING else await self._directory.resolve(view))

    async def _existing(
        self, origin: "_Origin", command: CreateCommand, now: datetime
    ) -> Created | RingbackError | None:
        """Return what creating returns where there is no room for a new callback; None when it would be a new one."""
        result = await self._validate(origin, command, now)
        return None if isinstance(result, Created) and not result.callback.callback_id else result

    async def _plan(self, origin: "_Origin", command: CreateCommand, now: datetime, callback_id: str) -> Callback:
        name = ServiceName.of(command.request, Faults())
        service, missing = await self._service_of(name)
        # Before anything else, so that no refusal tells what is there.
        _check_allowed(origin.view, command.request.caller_id, name, service)
        region = "" if service is None else service.default_region
        checked = command.checked(now, name, region, self._dial_policy.judge_for(service))
        if service is None:
            assert missing is not None
            raise missing
        planned = plan(
            checked,
            service=service,
            rules=self._dial_policy.rules,
            callback_id=callback_id,
            request_id=command.request_id.lower(),
            identity=origin.identity,
            trace_parent=call_trace.get(),
            now=now,
        )
        self._recent.check(service, planned)
        return planned

    async def _service_of(self, name: ServiceName | None) -> tuple[Service | None, ServiceNotFound | None]:
        """Return the service, or why there is none: faults of the request come before that."""
        try:
            return None if name is None else await self._directory.named(name), None
        except ServiceNotFound as missing:
            return None, missing

    async def _repeated(self, origin: "_Origin", command: CreateCommand) -> Created | None:
        """Return the result of a request that was valid when first sent, and of which only the repetition is refused.

        Its expiry has passed since, for example, or its service was deleted.
        """
        earlier = await self._find_earlier(origin, command)
        if earlier is None or earlier.sent_request != command.request or not origin.view.contains(earlier):
            return None
        return Created(earlier, created=False)

    async def _find_earlier(self, origin: "_Origin", command: CreateCommand) -> Callback | None:
        request = command.request
        earlier = None
        if request.external_task_id:
            earlier = await self._store.get(
                ExternalTaskKey(caller_id=request.caller_id, external_task_id=request.external_task_id)
            )
        if earlier is None and command.request_id:
            earlier = await self._store.get_by_request_id(origin.identity, command.request_id.lower())
        return earlier


def _check_allowed(view: View, caller_id: str, name: ServiceName | None, service: Service | None) -> None:
    """Raise `NotAllowed` for a caller id, or a service, that the view does not have, whether it exists or not."""
    if view is EVERYTHING:
        return
    areas = [area for area in view.areas if area.caller_ids is None or caller_id in area.caller_ids]
    if not areas:
        raise NotAllowed(f"this identity may not create callbacks of caller_id {caller_id!r}")
    if name is None:
        return  # it has no name that can be read, which is refused
    granted = View(tuple(areas))
    if not (granted.may_have(name.key) if service is None else granted.has_service(service)):
        raise not_granted(name)


def _same_name(origin: _Origin, command: CreateCommand, earlier: Callback) -> bool:
    request, other = command.request, earlier.sent_request
    same_task = request.external_task_id != "" and (request.caller_id, request.external_task_id) == (
        other.caller_id,
        other.external_task_id,
    )
    request_id = command.request_id.lower()
    return same_task or (request_id != "" and (origin.identity, request_id) == (earlier.identity, earlier.request_id))


def _compare(
    command: CreateCommand, earlier: Callback, *, visible: bool
) -> Created | CallbackAlreadyExists | RequestIdReused:
    """Return the result of a request whose name is taken: a repetition, or a clash, which names no one else's."""
    differing = command.request.differing_fields(earlier.sent_request)
    if not differing and visible:
        return Created(earlier, created=False)
    external = command.request.external_task_id
    if external and external == earlier.request.external_task_id:
        return (
            CallbackAlreadyExists(earlier.callback_id, earlier.state.name, differing)
            if visible
            else CallbackAlreadyExists()
        )
    return RequestIdReused(earlier.callback_id, differing) if visible else RequestIdReused("", ())


def _accepted(result: Created | RingbackError) -> Created:
    if isinstance(result, RingbackError):
        raise result
    return result
