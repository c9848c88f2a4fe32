"""What is common to all built-in dialers: polls, leases and reports. The call itself is the `Dialer`'s.

The runner uses the same leases and reports as the user's own dialers, without the wire between them.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from ringback.application.access import ANYBODY
from ringback.application.dispatch.assigner import DEFAULT_LEASE, MAX_LEASES, Assigner, LeaseRequest
from ringback.application.dispatch.leases import Leases
from ringback.domain.callback import Callback
from ringback.domain.errors import LeaseRefused, StorageUnavailable
from ringback.ports.dialer import Call, Dialer, OutcomeReport

_log = logging.getLogger(__name__)

# Calls at once, over all services: two coroutines each.
MAX_CALLS = 1000
# Of three extensions within one lease two may come late.
_EXTENSIONS_PER_LEASE = 3
_POLL_S = 20.0
_RETRY_S = 1.0


class DialerRunner:
    """A running dialer, which takes leases. `stop()` lets the calls end; cancelling `run()` cuts them off."""

    def __init__(
        self,
        dialer: Dialer,
        dialer_id: str,
        assigner: Assigner,
        leases: Leases,
        *,
        lease: timedelta = DEFAULT_LEASE,
        max_calls: int = MAX_CALLS,
    ) -> None:
        self.dialer_id = dialer_id
        self._dialer = dialer
        self._assigner = assigner
        self._leases = leases
        self._lease = lease
        self._free = max_calls
        self._freed = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Begin no new poll; `run()` ends with the last call. A poll under way ends with `Assigner.close()`."""
        self._stopping = True
        self._freed.set()

    async def run(self) -> None:
        """Place calls until `stop()`. Raise an exception that is a bug, and cut off all calls then."""
        async with asyncio.TaskGroup() as calls:
            while max_leases := await self._max_leases():
                for callback in await self._poll(max_leases):
                    self._free -= 1
                    calls.create_task(self._run_call(callback))

    async def _max_leases(self) -> int:
        """Wait until there is room for a call; return how many to request at once, 0 to stop."""
        while self._free == 0 and not self._stopping:
            self._freed.clear()
            await self._freed.wait()
        return 0 if self._stopping else min(self._free, MAX_LEASES)

    async def _poll(self, max_leases: int) -> Sequence[Callback]:
        request = LeaseRequest(dialer_id=self.dialer_id, max_leases=max_leases, duration=self._lease, wait_s=_POLL_S)
        try:
            return await self._assigner.lease(ANYBODY, request)
        except StorageUnavailable:
            await asyncio.sleep(_RETRY_S)
            return ()

    async def _run_call(self, callback: Callback) -> None:
        try:
            await self._place(callback.callback_id, callback.lease.token if callback.lease else "")
        except* LeaseRefused as refusals:
            _log.info("call of callback %s given up: %s", callback.callback_id, _text(refusals))
        except* StorageUnavailable as faults:
            _log.warning(
                "call of callback %s not recorded, its lease will lapse: %s", callback.callback_id, _text(faults)
            )
        finally:
            self._free += 1
            self._freed.set()

    async def _place(self, callback_id: str, token: str) -> None:
        with self._leases.hang_up_signal(callback_id) as hang_up:
            try:
                callback = await self._leases.dialing(ANYBODY, token)
            except LeaseRefused as refusal:  # cancelled, closed or paused since it was leased: no call was begun
                _log.debug("callback %s is not called: %s", callback_id, refusal)
                return
            call = _LeasedCall(self._leases, token, hang_up)
            async with asyncio.TaskGroup() as group:  # a lost lease cancels the call, the end of the call its keeper
                keeper = group.create_task(self._keep(token))
                report = await self._call(callback, call)
                keeper.cancel()
            await self._leases.ended(ANYBODY, token, report)

    async def _call(self, callback: Callback, call: Call) -> OutcomeReport:
        try:
            return await self._dialer.place(callback, call)
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is not None and task.cancelling() > 0:
                raise
            # Something that the dialer waited for was cancelled. A task group would pass over it without a word, and
            # the call would be neither ended nor reported.
            raise RuntimeError(f"callback {callback.callback_id}: cancelled by the dialer itself") from cancelled

    async def _keep(self, token: str) -> None:
        """Extend the lease until cancelled. Raise `LeaseRefused` when it is lost."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / _EXTENSIONS_PER_LEASE)
            [extended] = await self._leases.extend(ANYBODY, [token], self._lease)
            if extended.lost is not None:
                raise extended.lost


class _LeasedCall:
    """The `Call` of one lease."""

    def __init__(self, leases: Leases, token: str, hang_up: asyncio.Event) -> None:
        self.hang_up = hang_up
        self._leases = leases
        self._token = token

    async def ringing(self) -> None:
        await self._leases.ringing(ANYBODY, self._token)

    async def connected(self) -> None:
        await self._leases.connected(ANYBODY, self._token)


def _text(group: BaseExceptionGroup[BaseException]) -> str:
    """Return the messages of the exceptions in a group, however deep they are."""
    return "; ".join(_text(e) if isinstance(e, BaseExceptionGroup) else str(e) for e in group.exceptions)
