"""The calls that a built-in dialer keeps, and those of other processes that it takes over when they are gone.

A process shows that it lives by renewing what it has kept. Once it has not done so in time, any other one with a dialer
of the same kind takes its calls, each by compare and swap together with a new lease of the same attempt. All of that
is over before the leases of the process that is gone can lapse.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.domain.callback import Callback, Lease, State
from ringback.domain.closing import steps_back
from ringback.domain.errors import StorageUnavailable
from ringback.domain.events import LeaseLapsed, LeaseTaken
from ringback.domain.ids import LeaseToken
from ringback.domain.lifecycle import versions
from ringback.ports.calls import KEPT_FOR, CallKey, KeptCall
from ringback.ports.clock import Clock
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change

_log = logging.getLogger(__name__)

_RENEW_S: Final = 4.0
_RETRY_S: Final = 1.0
# How many calls are taken over at once.
_BATCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOwner:
    """Who keeps the calls: a kind of dialer, the address of this one, and its name in leases."""

    dialer: str
    owner: str
    dialer_id: str
    lease: timedelta
    # No other process uses the database: all that is kept in it is left.
    is_alone: bool


@dataclass(frozen=True, slots=True)
class TakenCall:
    """A call of a process that is gone. Without a callback the lease of its attempt is over."""

    kept: KeptCall
    callback: Callback | None


class KeptCalls:
    """What this process keeps."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, policy: DialPolicy, me: CallOwner) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._policy = policy
        self._me = me
        # What is called when a call is not kept any more, most likely since another process has taken it.
        self._own: dict[CallKey, Callable[[], None]] = {}

    # --- The calls of this process -----------------------------------------------------------------------------

    async def keep(self, key: CallKey, body: bytes, on_gone: Callable[[], None]) -> None:
        """Store the body. Raise `StorageUnavailable`, and `RevisionConflict` when another process has the call."""
        call = KeptCall(*key, self._me.dialer, self._me.owner, self._clock.now() + KEPT_FOR, body)
        if key in self._own:
            try:
                await self._store.keep_again(call)
            except RevisionConflict:
                if await self.is_taken(key):
                    raise
            else:
                return
        await self._store.keep_call(call)
        self._own[key] = on_gone

    def watch(self, key: CallKey, on_gone: Callable[[], None]) -> None:
        """Call `on_gone` when a call that this process has taken over is not kept any more."""
        self._own[key] = on_gone

    async def forget(self, key: CallKey) -> None:
        """Delete what is kept: nothing of the call is left on the network. Raise `StorageUnavailable`."""
        self._own.pop(key, None)
        await self._store.forget_call(key, self._me.owner)

    async def leave(self, key: CallKey) -> None:
        """Let another process take the call over at once. Raise `StorageUnavailable`."""
        self._own.pop(key, None)
        await self._store.leave_call(key, self._me.owner, self._clock.now())

    async def is_taken(self, key: CallKey) -> bool:
        """Return whether another process has the call. Raise `StorageUnavailable`.

        One that nobody has is still this process's to end: it was lost with the last commits of a database, or erased.
        """
        return any(
            call.fencing_token >= key.fencing_token and not self._is_own(call, key)
            for call in await self._store.calls_of_callbacks([key.callback_id])
        )

    def _is_own(self, call: KeptCall, key: CallKey) -> bool:
        return call.owner == self._me.owner and (call.key == key or call.key in self._own)

    async def run(self) -> None:
        """Renew what is kept, until cancelled."""
        while True:
            pause_s = _RENEW_S
            try:
                await self._renew()
            except StorageUnavailable as fault:
                _log.debug("kept calls cannot be renewed, trying again: %s", fault)
                pause_s = _RETRY_S
            await asyncio.sleep(pause_s)

    async def _renew(self) -> None:
        if not (known := set(self._own)):
            return
        renewed = await self._store.renew_calls(self._me.owner, self._clock.now() + KEPT_FOR)
        for key in known.difference(renewed):
            if (on_gone := self._own.pop(key, None)) is not None:
                on_gone()

    # --- The calls of processes that are gone --------------------------------------------------------------------

    async def take_own(self) -> Sequence[TakenCall]:
        """Take the calls of an earlier process with the same address, which this one takes the place of.

        Raise `StorageUnavailable`.
        """
        taken: list[TakenCall] = []
        done: set[CallKey] = set()
        while found := [call for call in await self._read_own(_BATCH + len(done)) if call.key not in done]:
            for kept in found:
                # A callback that has just changed is tried again.
                if (call := await self._take(kept)) is not None:
                    taken.append(call)
                    done.add(call.kept.key)
        return taken

    async def _read_own(self, limit: int) -> Sequence[KeptCall]:
        if self._me.is_alone:
            return await self._store.left_calls(self._me.dialer, None, limit)
        return await self._store.kept_calls(self._me.dialer, self._me.owner)

    async def take_left(self) -> Sequence[TakenCall]:
        """Take calls whose process shows no sign of life any more. Raise `StorageUnavailable`."""
        left = await self._store.left_calls(self._me.dialer, self._clock.now(), _BATCH)
        taken = [await self._take(kept) for kept in left if kept.key not in self._own]
        return [call for call in taken if call is not None]

    async def _take(self, kept: KeptCall) -> TakenCall | None:
        """Take over a call; return None when another process was faster, or the callback has changed meanwhile."""
        now = self._clock.now()
        mine = replace(kept, owner=self._me.owner, kept_until=now + KEPT_FOR)
        callback = await self._store.get(kept.callback_id)
        steps: Sequence[Callback] = ()
        changes: Sequence[Change] = ()
        if callback is not None and callback.lease is not None and callback.fencing_token == kept.fencing_token:
            steps = await self._steps(callback, callback.lease, now)
            changes = [Change(*step) for step in pairwise([callback, *steps])]
            mine = replace(mine, fencing_token=steps[-1].fencing_token)
        try:
            await self._store.take_call(kept, mine, changes)
        except RevisionConflict:
            return None
        goes_on = bool(steps) and steps[-1].lease is not None
        _log.warning(
            "the call of callback %s is taken over from %s, %s",
            kept.callback_id,
            kept.owner,
            steps[-1].state.name if goes_on else "to be ended: its lease is over",
        )
        return TakenCall(mine, steps[-1] if goes_on else None)

    async def _steps(self, callback: Callback, lease: Lease, now: datetime) -> Sequence[Callback]:
        """Return the versions after the old process is gone: in OFFERED nobody was dialled, so the lease is over."""
        if callback.state is State.OFFERED:
            service = await self._directory.get(callback.service_id)
            lapsed = LeaseLapsed(at=now, service=service, rules=self._policy.rules)
            return versions(callback, steps_back(callback, lapsed, service, self._policy.rules))
        number = callback.fencing_token + 1
        taken = Lease(
            token=LeaseToken.new(callback.callback_id, number).text,
            dialer_id=self._me.dialer_id,
            fencing_token=number,
            duration=self._me.lease,
            expire_time=now + self._me.lease,
            ring_timeout=lease.ring_timeout,
        )
        return versions(callback, [LeaseTaken(at=now, lease=taken)])
