"""What is common to all built-in dialers: polls, leases, reports, and calls that are taken over.

The call itself is the `Dialer`'s. The runner uses the same leases and reports as the user's own dialers, without the
wire between them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from ringback.application.access import ANYBODY
from ringback.application.dispatch.assigner import Assigner
from ringback.application.dispatch.kept_calls import TakenCall
from ringback.application.dispatch.lease_request import MAX_LEASES, LeaseRequest
from ringback.dialers.leased_call import CallPhase, CallTools, LeasedCall, until_stored
from ringback.domain.callback import Callback, State
from ringback.domain.errors import LeaseRefused, StorageUnavailable
from ringback.domain.ids import LeaseToken
from ringback.domain.outcome import Outcome
from ringback.domain.service import Service
from ringback.ports.calls import CallKey
from ringback.ports.dialer import Dialer, HandedOver, NotDialled, OutcomeReport

_log = logging.getLogger(__name__)

# Calls at once, over all services: two coroutines each.
MAX_CALLS = 1000
_POLL_S = 20.0
_RETRY_S = 1.0
# How often it is looked whether another process is gone.
_LOOK_S: Final = 2.0
# Longer than a living process takes to renew what it keeps after an outage of the database.
_PAUSE_S: Final = 8.0

_Result = OutcomeReport | NotDialled | HandedOver


class DialerRunner:
    """A running dialer, which takes leases. `stop()` lets the calls end; cancelling `run()` cuts them off."""

    def __init__(
        self,
        dialer: Dialer,
        dialer_id: str,
        assigner: Assigner,
        tools: CallTools,
        *,
        max_calls: int = MAX_CALLS,
        looks_for_others: bool = False,
    ) -> None:
        """`looks_for_others`: other processes use the database, whose calls are taken over when they are gone."""
        self.dialer_id = dialer_id
        self._dialer = dialer
        self._assigner = assigner
        self._tools = tools
        self.max_calls: Final = max_calls
        self._free = max_calls
        self._calls: set[LeasedCall] = set()
        self._freed = asyncio.Event()
        self._stopping = False
        self._looks_for_others = looks_for_others
        self._taken: Sequence[TakenCall] = ()

    @property
    def drain_timeout_s(self) -> float:
        return self._dialer.drain_timeout_s

    @property
    def name(self) -> str:
        return self._dialer.name

    def calls(self) -> Mapping[CallPhase, int]:
        """Return how many calls are how far."""
        return Counter(call.phase for call in self._calls)

    def stop(self) -> None:
        """Begin no new poll; `run()` ends with the last call. A poll under way ends with `Assigner.close()`."""
        if not self._stopping:
            self._stopping = True
            self._freed.set()
            self._dialer.drain()

    async def recover(self) -> Collection[str]:
        """Take the calls that an earlier process at this address has left; return the ids of their callbacks.

        To be called before the scheduler can let their leases lapse. Raise `StorageUnavailable`.
        """
        if self._tools.kept_calls is not None:
            self._taken = await self._tools.kept_calls.take_own()
        return {taken.kept.callback_id for taken in self._taken}

    async def run(self) -> None:
        """Place calls until `stop()`. Raise an exception that is a bug, and cut off all calls then."""
        async with asyncio.TaskGroup() as group:
            loops: list[asyncio.Task[None]] = []
            if self._tools.kept_calls is not None:
                loops.append(group.create_task(self._tools.kept_calls.run()))
            async with asyncio.TaskGroup() as calls:
                self._resume(calls, self._taken)
                looking = calls.create_task(self._look_for_left(calls))
                while max_leases := await self._max_leases():
                    for callback in await self._poll(max_leases):
                        self._begin(calls, self._place(callback))
                looking.cancel()
            for loop in loops:
                loop.cancel()

    def _begin(self, calls: asyncio.TaskGroup, call: Coroutine[Any, Any, None]) -> None:
        self._free -= 1
        calls.create_task(call).add_done_callback(self._on_done)

    def _on_done(self, _: object) -> None:
        self._free += 1
        self._freed.set()

    async def _max_leases(self) -> int:
        """Wait until there is room for a call; return how many to request at once, 0 to stop."""
        while self._free <= 0 and not self._stopping:
            self._freed.clear()
            await self._freed.wait()
        return 0 if self._stopping else min(self._free, MAX_LEASES)

    async def _poll(self, max_leases: int) -> Sequence[Callback]:
        request = LeaseRequest(
            dialer_id=self.dialer_id, max_leases=max_leases, duration=self._tools.lease, wait_s=_POLL_S
        )
        try:
            return await self._assigner.lease(ANYBODY, request)
        except StorageUnavailable:
            await asyncio.sleep(_RETRY_S)
            return ()

    # --- Calls of other processes ----------------------------------------------------------------------------------

    def _resume(self, calls: asyncio.TaskGroup, taken: Sequence[TakenCall]) -> None:
        for call in taken:
            self._begin(calls, self._go_on(call))

    async def _look_for_left(self, calls: asyncio.TaskGroup) -> None:
        """Take the calls of processes that are gone, until cancelled."""
        kept_calls = self._tools.kept_calls
        pause_s = _LOOK_S
        while kept_calls is not None and self._looks_for_others and not self._stopping:
            await asyncio.sleep(pause_s)
            try:
                self._resume(calls, await kept_calls.take_left())
                pause_s = _LOOK_S
            except StorageUnavailable as fault:
                _log.debug("cannot look for the calls of other processes, trying again: %s", fault)
                # Nor could others show that they live: when the database is back, they are first.
                pause_s = _PAUSE_S

    async def _go_on(self, taken: TakenCall) -> None:
        callback, kept = taken.callback, taken.kept
        token = None if callback is None or callback.lease is None else LeaseToken.parse(callback.lease.token)
        service = None if callback is None else await self._service_of(callback)
        judge = self._judge(callback, service)
        call = LeasedCall(
            self._tools,
            kept.key,
            token,
            judge,
            kept=kept.body,
            has_dialled=callback is not None,
            has_connected=callback is not None and callback.state is State.CONNECTED,
        )
        if self._tools.kept_calls is not None:
            self._tools.kept_calls.watch(kept.key, call.on_gone)
        if callback is not None and callback.state is State.CANCELLING:
            call.hang_up.set()
        await self._run_call(call, token, self._resumed(callback, service, call, kept.body))

    async def _resumed(
        self, callback: Callback | None, service: Service | None, call: LeasedCall, body: bytes
    ) -> _Result:
        """Return how the call ended. A bug ends the call alone: else each start of the server would end by it again."""
        try:
            return await self._dialer.resume(callback, service, call, body)
        except (LeaseRefused, StorageUnavailable):
            raise
        except Exception:  # noqa: BLE001 - whatever it is
            _log.exception("the call of callback %s cannot be taken over", call.key.callback_id)
            return OutcomeReport(outcome=Outcome.INTERRUPTED, detail="the call could not be taken over")

    # --- One call --------------------------------------------------------------------------------------------------

    async def _place(self, callback: Callback) -> None:
        token = LeaseToken.parse(callback.lease.token) if callback.lease else None
        key = CallKey(callback.callback_id, callback.fencing_token)
        service = await self._service_of(callback)
        call = LeasedCall(self._tools, key, token, self._judge(callback, service))
        await self._run_call(call, token, self._dialer.place(callback, service, call))

    async def _service_of(self, callback: Callback) -> Service:
        key = CallKey(callback.callback_id, callback.fencing_token)
        return await until_stored(key, lambda: self._tools.service_of(callback.service_id))

    def _judge(self, callback: Callback | None, service: Service | None) -> Callable[[str], str]:
        def judge(address: str) -> str:
            if callback is None or service is None:
                return ""
            broken = self._tools.policy.refused_address(service, callback.dial_target, address)
            return "" if broken is None else str(broken)

        return judge

    async def _run_call(self, call: LeasedCall, token: LeaseToken | None, work: Coroutine[Any, Any, _Result]) -> None:
        with ExitStack() as stack:
            self._calls.add(call)
            stack.callback(self._calls.discard, call)
            if token is not None:
                stack.enter_context(self._tools.watch.watch(token, call.on_news))
            try:
                await self._finish(call, await self._result(call, work))
            except LeaseRefused as refusal:
                if call.has_dialled:
                    _log.info("call of callback %s given up: %s", call.key.callback_id, refusal)
                else:
                    _log.debug("callback %s is not called: %s", call.key.callback_id, refusal)
                await call.forget()

    async def _finish(self, call: LeasedCall, result: _Result | None) -> None:
        """Record how the call ended; None: another process has it."""
        if result is None:
            _log.warning("the call of callback %s goes on in another process", call.key.callback_id)
        elif isinstance(result, HandedOver):
            await call.hand_over()
            return
        elif isinstance(result, NotDialled):
            await call.give_back(result)
        else:
            await call.end(result)
        await call.forget()

    async def _result(self, call: LeasedCall, work: Coroutine[Any, Any, _Result]) -> _Result | None:
        """Return what the dialer returns; None when another process has taken the call."""
        dialer = asyncio.create_task(work)
        tending = asyncio.create_task(call.tend())
        try:
            await asyncio.wait([dialer, tending], return_when=asyncio.FIRST_COMPLETED)
            if not dialer.done():
                tending.result()  # a bug
                return None
            return _returned(call, dialer)
        finally:
            for task in (dialer, tending):
                task.cancel()
            await asyncio.gather(dialer, tending, return_exceptions=True)


def _returned(call: LeasedCall, dialer: "asyncio.Task[_Result]") -> _Result:
    if dialer.cancelled():
        # Something that the dialer waited for was cancelled. The call would be neither ended nor reported.
        raise RuntimeError(f"callback {call.key.callback_id}: cancelled by the dialer itself")
    try:
        return dialer.result()
    except StorageUnavailable as fault:  # nothing could be kept, so that it was given up
        if not call.has_dialled:
            return NotDialled(f"nothing could be kept of the call: {fault}")
        return OutcomeReport(outcome=Outcome.INTERRUPTED, detail="nothing could be kept of the call")
