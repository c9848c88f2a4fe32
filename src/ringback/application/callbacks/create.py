"""The use cases of CallbackService, one method per RPC (watching is in `watch.py`)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ringback.application.directory import Directory
from ringback.application.events.tokens import PageToken, ResumeToken, Tokens
from ringback.application.optimistic import change
from ringback.domain.callback import TERMINAL, Callback, State
from ringback.domain.errors import (
    CallbackAlreadyExists,
    CallbackNotFound,
    EtagMismatch,
    Fault,
    InvalidRequest,
    RequestIdReused,
    RingbackError,
    ServiceNotFound,
    StateRefused,
    TargetAlreadyPending,
)
from ringback.domain.events import CancelRequested, Rescheduled
from ringback.domain.filter import CallbackFilter
from ringback.domain.ids import CallbackIds
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.lifecycle import after, ensure_possible
from ringback.domain.planning import plan, replan
from ringback.domain.request import (
    CallbackRequest,
    due_violation,
    parse_guid,
    priority_violation,
    target_violation,
    text_violation,
    violations,
)
from ringback.domain.service import Service, TargetPolicy
from ringback.domain.target import normalise, normalise_sip
from ringback.ports.clock import Clock
from ringback.ports.errors import UnknownService
from ringback.ports.store import Store

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
MAX_BATCH = 1000
MAX_REASON_LENGTH = 512
_OPEN = tuple(state for state in State if state not in TERMINAL)
_RESOLVED = frozenset({State.CANCELLED, State.CANCELLING, State.CONNECTED})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to create a callback, and what was found wrong with it while it was read."""

    request: CallbackRequest
    request_id: str = ""
    # Say what would be answered, and store nothing.
    validate_only: bool = False
    faults: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """A callback, and whether this request made it."""

    callback: Callback
    created: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; an empty `next_page_token` is the end."""

    callbacks: Sequence[Callback]
    next_page_token: str
    resume_token: str


class Callbacks:
    """Takes requests and changes them while they wait; the store is the truth."""

    def __init__(self, store: Store, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._ids = CallbackIds()

    # --- Create ------------------------------------------------------------------------------------------------

    async def create(self, asked: Asked) -> Created:
        """Store the promise, durably, or answer the one that an equal request made before."""
        [result] = await self.create_many([asked])
        if isinstance(result, RingbackError):
            raise result
        return result

    async def create_many(self, batch: Sequence[Asked]) -> list[Created | RingbackError]:
        """Each for itself, in the order given: one bad request does not fail the others."""
        now = self._clock.now()
        results: dict[int, Created | RingbackError] = {}
        planned: dict[int, Callback] = {}
        for index, asked in enumerate(batch):
            try:
                if asked.validate_only:
                    # It is to see what comes before it.
                    results |= await self._store_planned(batch, planned)
                    planned.clear()
                    results[index] = await self._validate(asked, now)
                else:
                    planned[index] = await self._plan(asked, now, self._ids.next(now))
            except (InvalidRequest, ServiceNotFound) as refusal:
                results[index] = await self._repeated(asked) or refusal
        results |= await self._store_planned(batch, planned)
        return [results[index] for index in range(len(batch))]

    async def _store_planned(
        self, batch: Sequence[Asked], planned: dict[int, Callback]
    ) -> dict[int, Created | RingbackError]:
        if not planned:
            return {}
        try:
            earlier_ones = await self._store.create(list(planned.values()), alone=self._alone(planned.values()))
        except UnknownService as gone:  # deleted since they were planned
            refused = {
                i: ServiceNotFound("service_id", gone.service_id)
                for i, c in planned.items()
                if c.service_id == gone.service_id
            }
            others = {i: callback for i, callback in planned.items() if i not in refused}
            return refused | await self._store_planned(batch, others)
        return {
            index: self._answer(batch[index], callback, earlier)
            for (index, callback), earlier in zip(planned.items(), earlier_ones, strict=True)
        }

    def _alone(self, planned: Iterable[Callback]) -> frozenset[str]:
        """Those whose service takes only one open callback to the same target."""
        return frozenset(
            callback.callback_id for callback in planned if self._policy(callback) is not TargetPolicy.ALLOW
        )

    def _policy(self, callback: Callback) -> TargetPolicy:
        service = self._directory.find(callback.service_id)
        return TargetPolicy.ALLOW if service is None else service.same_target_policy

    def _answer(self, asked: Asked, planned: Callback, earlier: Callback | None) -> Created | RingbackError:
        if earlier is None:
            return Created(planned, created=True)
        if _same_identity(asked, earlier):
            return _compare(asked, earlier)
        if self._policy(planned) is TargetPolicy.REFUSE:
            return TargetAlreadyPending(earlier.callback_id, earlier.state.name)
        return Created(earlier, created=False)

    async def _validate(self, asked: Asked, now: datetime) -> Created | RingbackError:
        """What creating would answer; a callback that would be new has no id."""
        callback = await self._plan(asked, now, callback_id="")
        earlier = await self._find_earlier(asked)
        if earlier is None and self._alone([callback]):
            same_target = CallbackFilter(
                service_ids=(callback.service_id,), dial_target=callback.dial_target, states=_OPEN
            )
            earlier = next(iter((await self._store.snapshot(same_target, "", 1)).callbacks), None)
        return self._answer(asked, callback, earlier) if earlier else Created(callback, created=False)

    async def _plan(self, asked: Asked, now: datetime, callback_id: str) -> Callback:
        faults = [*asked.faults, *violations(asked.request, now)]
        if asked.request_id and parse_guid(asked.request_id) is None:
            faults.append(Fault("request_id", "is not a UUID"))
        if faults:
            raise InvalidRequest(faults)
        return plan(
            asked.request,
            service=await self._service_of(asked.request),
            callback_id=callback_id,
            request_id=asked.request_id.lower(),
            now=now,
        )

    async def _service_of(self, request: CallbackRequest) -> Service:
        if request.service_id is not None:
            return await self._directory.get(request.service_id.lower())
        return await self._directory.by_sip(normalise_sip(request.service_sip or ""))

    async def _repeated(self, asked: Asked) -> Created | None:
        """The answer to a request that was good when it was first sent, and only its repetition is refused.

        Its expiry has passed since, for example, or its service was deleted.
        """
        earlier = await self._find_earlier(asked)
        if earlier is None or earlier.sent_request != asked.request:
            return None
        return Created(earlier, created=False)

    async def _find_earlier(self, asked: Asked) -> Callback | None:
        request = asked.request
        earlier = None
        if request.external_task_id:
            earlier = await self._store.get(
                ExternalTaskKey(caller_id=request.caller_id, external_task_id=request.external_task_id)
            )
        if earlier is None and asked.request_id:
            earlier = await self._store.get_by_request_id(asked.request_id.lower())
        return earlier

    # --- Read --------------------------------------------------------------------------------------------------

    async def get(self, key: Key) -> Callback:
        """Raises `CallbackNotFound`."""
        callback = await self._store.get(key)
        if callback is None:
            raise CallbackNotFound(key)
        return callback

    async def list(self, wanted: CallbackFilter, page_size: int, page_token: str) -> Page:
        """Newest first. Raises `PageTokenInvalid`."""
        tokens = Tokens(self._store.database_id, wanted)
        start = tokens.read_page(page_token) if page_token else None
        size = min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        found = await self._store.list(wanted, start.before_id if start else "", size)
        number = start.number if start else found.number
        return Page(
            callbacks=found.callbacks,
            next_page_token=(
                tokens.write_page(PageToken(number, found.callbacks[-1].callback_id)) if found.more else ""
            ),
            resume_token=tokens.write_resume(ResumeToken(number)),
        )

    # --- Change ------------------------------------------------------------------------------------------------

    async def cancel(self, key: Key, reason: str, etag: str, faults: Sequence[Fault] = ()) -> Callback:
        """Before DIALING at once, during it by telling the dialer; repeating it is no error.

        Raises `CallbackNotFound`, `CallbackConnected`, `CallbackEnded`, `EtagMismatch`, `InvalidRequest`.
        """
        _refuse([*faults, *_named(text_violation("reason", reason, MAX_REASON_LENGTH))])

        async def decide(callback: Callback) -> Sequence[Callback]:
            if callback.state not in (State.CANCELLING, State.CANCELLED):
                _check_etag(callback, etag)
            cancelled = after(callback, CancelRequested(at=self._clock.now(), reason=reason))
            return () if cancelled is callback else (cancelled,)

        return await change(self._store, lambda: self.get(key), decide)

    async def reschedule(
        self,
        key: Key,
        *,
        due_date: datetime | None,
        priority: int | None,
        target: str | None,
        etag: str,
        faults: Sequence[Fault] = (),
    ) -> Callback:
        """Another time, and perhaps another priority or target, for a callback that waits.

        Raises `CallbackNotFound`, `CallbackInProgress`, `CallbackConnected`, `CallbackEnded`, `EtagMismatch`,
        `InvalidRequest`.
        """
        _refuse([*faults, *_reschedule_faults(due_date, priority, target, self._clock.now())])

        async def decide(callback: Callback) -> Sequence[Callback]:
            _check_etag(callback, etag)
            ensure_possible(callback, Rescheduled)
            service = await self._directory.get(callback.service_id)
            now = self._clock.now()
            rescheduled = replan(
                callback, due_date=due_date or now, priority=priority, target=target, service=service, now=now
            )
            return (after(callback, rescheduled),)

        return await change(self._store, lambda: self.get(key), decide)

    async def resolve(self, target: str, reason: str) -> Sequence[Callback]:
        """End all open callbacks to a target, as cancelling each would; those CONNECTED are left alone.

        Answers them as they are afterwards, the oldest first. Raises `InvalidRequest`.
        """
        faults = [*_named([("target", "is required")] if not target else target_violation("target", target))]
        _refuse([*faults, *_named(text_violation("reason", reason, MAX_REASON_LENGTH))])
        wanted = CallbackFilter(dial_target=normalise(target), states=_OPEN)
        resolved: list[Callback] = []
        after_id, more = "", True
        while more:
            page = await self._store.snapshot(wanted, after_id, MAX_PAGE_SIZE)
            resolved += [await self._resolve(callback, reason) for callback in page.callbacks]
            more = page.more
            after_id = page.callbacks[-1].callback_id if page.callbacks else after_id
        return [callback for callback in resolved if callback.state in _RESOLVED]

    async def _resolve(self, callback: Callback, reason: str) -> Callback:
        try:
            return await self.cancel(callback.callback_id, reason, etag="")
        except StateRefused:  # answered, or ended by itself, in the meantime
            return await self.get(callback.callback_id)


def _same_identity(asked: Asked, earlier: Callback) -> bool:
    request, other = asked.request, earlier.sent_request
    same_task = request.external_task_id != "" and (request.caller_id, request.external_task_id) == (
        other.caller_id,
        other.external_task_id,
    )
    return same_task or (asked.request_id != "" and asked.request_id.lower() == earlier.request_id)


def _compare(asked: Asked, earlier: Callback) -> Created | CallbackAlreadyExists | RequestIdReused:
    """The answer to a request whose identity is taken: a repetition, or a clash."""
    differing = asked.request.differing_fields(earlier.sent_request)
    if not differing:
        return Created(earlier, created=False)
    external = asked.request.external_task_id
    if external and external == earlier.request.external_task_id:
        return CallbackAlreadyExists(earlier.callback_id, earlier.state.name, differing)
    return RequestIdReused(earlier.callback_id, differing)


def _check_etag(callback: Callback, etag: str) -> None:
    if etag and etag != callback.etag:
        raise EtagMismatch(callback.etag, callback_id=callback.callback_id)


def _reschedule_faults(
    due_date: datetime | None, priority: int | None, target: str | None, now: datetime
) -> Iterator[Fault]:
    if due_date is None:
        yield Fault("due_date", "is required")
    yield from _named(due_violation("due_date", due_date, now))
    if priority is not None:
        yield from _named(priority_violation("priority", priority))
    if target is not None:
        yield from _named([("target", "is empty")] if not target else target_violation("target", target))


def _named(faults: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    return (Fault(name, text) for name, text in faults)


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise InvalidRequest(faults)
