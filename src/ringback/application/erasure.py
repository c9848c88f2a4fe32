"""Erasure of a target: everything that is kept about one phone, in a few transactions that are short each.

The search reads all callbacks and the whole log, since a number may be in a version that is no longer the last one.
What was interrupted is found again by the next request: a callback is deleted only when its events are redacted.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Final, TypeVar

from msgspec import Struct

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.application.optimistic import apply_each
from ringback.domain.callback import Callback, State
from ringback.domain.erasure import concerns, trace_of
from ringback.domain.events import CancelRequested
from ringback.domain.lifecycle import after
from ringback.domain.target import Target
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import Change, LoggedEvent

_log = logging.getLogger(__name__)

T = TypeVar("T")

# How much one part of a search reads, and how much one transaction writes: no other request shall wait long.
_READ: Final = 500
_WRITE: Final = 50
_REASON: Final = "the target is erased"
# The target has answered, or the dialer is hanging up already.
# Another process would have gone on with a call by then.
_LEFT_FOR: Final = timedelta(minutes=1)
_IN_CALL: Final = frozenset({State.CONNECTED, State.CANCELLING})


class Erased(Struct, frozen=True):
    """How many callbacks were erased, and how many are left, in a call that is to be hung up."""

    erased: int
    in_progress: int


class Erasure:
    """The use case behind EraseTarget."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        forget_traces: Callable[[Iterable[Callback]], None] | None = None,
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        # Drops what this server has in memory of calls.
        self._forget_traces = forget_traces

    async def erase(self, caller: Caller, target: Target) -> Erased:
        """Cancel and delete all callbacks of a phone, and delete what else is kept about it.

        Raise `NotAllowed`, `StorageUnavailable`.
        """
        caller.view_of(Right.ADMINISTER)
        await self._directory.refresh()
        found = await self._find(target.phone)
        stored = await self._versions(found)
        in_call = {*await self._cancel(caller, stored), *await self._on_network(found)}
        # Of those that are stored no longer, the log may still have events.
        ended = {callback_id: one for callback_id, one in (found | stored).items() if callback_id not in in_call}
        await self._redact(ended)
        count = 0
        for some in _portions(ended.values()):
            count += await self._store.erase(some, self._clock.now(), caller.identity)
        if self._forget_traces is not None:
            self._forget_traces(ended.values())
        await self._store.forget_phone(target.phone)
        # Not which: that it is nowhere any more is the purpose.
        _log.info(
            "%s has erased a target: %d callbacks; %d more are in a call",
            caller.account or "a caller without identity",
            count,
            len(in_call),
        )
        return Erased(count, len(in_call))

    # --- Search ------------------------------------------------------------------------------------------------

    async def _find(self, phone: str) -> dict[str, Callback]:
        """Return a version of each callback that concerns the phone, or once did, by id."""
        trace = trace_of(phone)
        found: dict[str, Callback] = {}
        async for event in self._logged(trace):
            if any(self._concerns(one, phone) for one in (event.callback, event.previous) if one is not None):
                found[event.callback.callback_id] = event.callback
        async for callback in self._stored(trace):
            if self._concerns(callback, phone):
                found[callback.callback_id] = callback
        return found

    def _concerns(self, callback: Callback, phone: str) -> bool:
        service = self._directory.find(callback.service_id)
        return concerns(callback, phone, service.default_region if service else "")

    async def _stored(self, trace: str) -> AsyncIterator[Callback]:
        after_id: str | None = ""
        while after_id is not None:
            part = await self._store.search_callbacks(trace, after_id, _READ)
            after_id = part.next_id
            for callback in part.found:
                yield callback

    async def _logged(self, trace: str) -> AsyncIterator[LoggedEvent]:
        after: int | None = 0
        while after is not None:
            part = await self._store.search_events(trace, after, _READ)
            after = part.next_number
            for event in part.found:
                yield event

    async def _versions(self, callback_ids: Iterable[str]) -> dict[str, Callback]:
        """Return those that are stored, as they are now."""
        found: dict[str, Callback] = {}
        for some in _portions(callback_ids):
            found |= {callback.callback_id: callback for callback in await self._store.get_many(some)}
        return found

    # --- Deletion ----------------------------------------------------------------------------------------------

    async def _cancel(self, caller: Caller, stored: dict[str, Callback]) -> Collection[str]:
        """Cancel what is open, and update the versions; return the ids of those that are in a call."""
        in_call: set[str] = set()
        waiting = {callback.callback_id for callback in stored.values() if not callback.ended}
        while waiting:
            for some in _portions(sorted(waiting)):
                versions = await self._versions(some)
                await apply_each(self._store, list(self._cancellations(caller, versions.values())))
                versions = await self._versions(some)
                stored |= versions
                in_call |= {callback_id for callback_id, one in versions.items() if one.state in _IN_CALL}
                # Another step of one may have been faster, so that it is to be cancelled again.
                waiting -= {one for one in some if one not in versions or versions[one].ended or one in in_call}
        return in_call

    async def _on_network(self, callback_ids: Iterable[str]) -> Collection[str]:
        """Return those whose call is not over for its dialer, whatever was recorded: it needs what it has kept."""
        left_since = self._clock.now() - _LEFT_FOR
        found: set[str] = set()
        for some in _portions(callback_ids):
            calls = await self._store.calls_of_callbacks(some)
            found |= {call.callback_id for call in calls if call.kept_until > left_since}
        return found

    def _cancellations(self, caller: Caller, callbacks: Iterable[Callback]) -> Iterator[Change]:
        for callback in callbacks:
            if not callback.ended and callback.state not in _IN_CALL:
                event = CancelRequested(at=self._clock.now(), reason=_REASON)
                yield Change(callback, after(callback, event), identity=caller.identity)

    async def _redact(self, callback_ids: Collection[str]) -> None:
        """Redact the events of these callbacks. They have ended, so none is added."""
        last = 0
        while callback_ids and (owners := await self._store.event_owners(last, _READ)):
            for some in _portions(number for number, callback_id in owners if callback_id in callback_ids):
                await self._store.redact(some)
            last, _ = owners[-1]


def _portions(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items in lists that one transaction takes."""
    rest = iter(items)
    while portion := list(islice(rest, _WRITE)):
        yield portion
