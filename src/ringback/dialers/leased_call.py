"""One call of a built-in dialer: its lease, its reports, and what is kept of it.

While the database is away the call goes on: extensions and reports are tried again until they are accepted or refused.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeVar

from ringback.application.access import ANYBODY
from ringback.application.dial_policy import DialPolicy
from ringback.application.dispatch.kept_calls import KeptCalls
from ringback.application.dispatch.lease_watch import LeaseNews, LeaseWatch
from ringback.application.dispatch.leases import Leases
from ringback.application.to_the_end import to_the_end
from ringback.domain.callback import Callback
from ringback.domain.errors import CallbackInProgress, LeaseExpired, LeaseRefused, LeaseSuperseded, StorageUnavailable
from ringback.domain.ids import LeaseToken
from ringback.domain.masked_callback import without_numbers
from ringback.domain.outcome import Outcome
from ringback.domain.service import Service
from ringback.ports.calls import CallKey
from ringback.ports.dialer import NotDialled, OutcomeReport
from ringback.ports.errors import RevisionConflict

_log = logging.getLogger(__name__)

T = TypeVar("T")

# Of three extensions within one lease two may come late.
_EXTENSIONS_PER_LEASE: Final = 3
RETRY_S: Final = 1.0
# Q.850: temporary failure.
_TEMPORARY_FAILURE: Final = 41


class CallPhase(StrEnum):
    """How far a call is, as its dialer has reported it."""

    PREPARING = "preparing"
    DIALING = "dialing"
    RINGING = "ringing"
    CONNECTED = "connected"
    HANGING_UP = "hanging_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTools:
    """What all calls of a dialer share."""

    leases: Leases
    watch: LeaseWatch
    service_of: Callable[[str], Awaitable[Service]]
    policy: DialPolicy
    # None: the dialer keeps nothing.
    kept_calls: KeptCalls | None
    lease: timedelta


class LeasedCall:
    """The `Call` of one lease; or, without a token, of what is left on the network of an attempt that is over."""

    def __init__(
        self,
        tools: CallTools,
        key: CallKey,
        token: LeaseToken | None,
        judge: Callable[[str], str],
        *,
        kept: bytes = b"",
        has_dialled: bool = False,
        has_connected: bool = False,
    ) -> None:
        """`kept` is what an earlier process has kept of the call."""
        self.key = key
        self.hang_up = asyncio.Event()
        self.superseded = False
        # DIALING was accepted.
        self.has_dialled = has_dialled
        self._phase = CallPhase.DIALING if has_dialled else CallPhase.PREPARING
        if has_connected:
            self._phase = CallPhase.CONNECTED
        # Why the lease is lost.
        self.refusal: LeaseRefused | None = None
        self.judge_address = judge
        self._tools = tools
        self._token = token
        self._is_kept = bool(kept)
        # What is to be kept, and what the database is known to have.
        self._body = self._stored = kept
        # The database has not what it is known to have.
        self._is_gone = False
        self._keeping = asyncio.Lock()
        self._has_ended = False
        self._reports: deque[Callable[[], Awaitable[object]]] = deque()
        self._is_over = False
        self._news = asyncio.Event()
        self._lease_end = self._extended()

    @property
    def phase(self) -> CallPhase:
        return CallPhase.HANGING_UP if self.hang_up.is_set() else self._phase

    # --- What the dialer calls -----------------------------------------------------------------------------------

    async def dialing(self, call_ids: Sequence[str] = ()) -> Callback:
        if self._token is None:
            raise LeaseExpired(self.key.callback_id, "the lease is over; place no call")
        while True:
            try:
                callback = await self._tools.leases.dialing(ANYBODY, self._token.text, tuple(call_ids))
            except StorageUnavailable as fault:
                if self.hang_up.is_set() or _now() >= self._lease_end:
                    raise LeaseExpired(
                        self.key.callback_id, "the database was away until the lease was over; place no call"
                    ) from fault
                await asyncio.sleep(RETRY_S)
            else:
                self.has_dialled = True
                self._phase = CallPhase.DIALING
                return callback

    async def ringing(self) -> None:
        self._phase = CallPhase.RINGING
        self._report(self._tools.leases.ringing)

    async def connected(self) -> None:
        self._phase = CallPhase.CONNECTED
        self._report(self._tools.leases.connected)

    def _report(self, send: Callable[..., Awaitable[Callback]]) -> None:
        if self._token is not None:
            token = self._token.text
            self._reports.append(lambda: send(ANYBODY, token))
            self._news.set()

    async def keep(self, body: bytes) -> None:
        self._body = body
        await self._keep_newest()

    async def _keep_newest(self) -> None:
        # What nobody waits for any longer is written all the same, and before anything later: else it could come
        # after the call was forgotten, and nobody would forget it again.
        await to_the_end(self._write_newest())

    async def _write_newest(self) -> None:
        """Store the newest body, unless another task has just done so, or the call is over."""
        if (kept_calls := self._tools.kept_calls) is None:
            raise RuntimeError("a dialer without an owner keeps nothing")
        async with self._keeping:
            body = self._body
            if body is self._stored:
                return
            if self._has_ended:
                raise LeaseExpired(self.key.callback_id, "the call is over, nothing more is kept of it")
            self._is_kept = True
            try:
                await kept_calls.keep(self.key, body, self.on_gone)
            except RevisionConflict as conflict:
                self.on_taken()
                raise LeaseSuperseded(self.key.callback_id, "another process has the call") from conflict
            except StorageUnavailable:
                self._news.set()
                raise
            self._stored = body

    # --- What the log, and the other processes, tell --------------------------------------------------------------

    def on_news(self, news: LeaseNews) -> None:
        if self._token is None or news.fencing_token < self._token.fencing_token:
            return
        if news.is_cancelling:
            self.hang_up.set()
        if not news.is_held or news.fencing_token > self._token.fencing_token:
            self._is_over = True
            self._news.set()

    def on_gone(self) -> None:
        """What was kept is not there any more. Who has the call now, `tend` looks up."""
        self._is_gone = True
        self._news.set()

    def on_taken(self) -> None:
        """Another process has the call."""
        self.superseded = True
        self._news.set()

    # --- While the dialer is at work -------------------------------------------------------------------------------

    async def tend(self) -> None:
        """Extend the lease, send reports, and keep what could not be kept, until cancelled.

        Return when another process has the call. When the lease is lost otherwise, the call is to be hung up.
        """
        while not self.superseded:
            await self._wait()
            try:
                await self._step()
            except StorageUnavailable as fault:
                _log.debug("callback %s: the database is away, trying again: %s", self.key.callback_id, fault)
                await asyncio.sleep(RETRY_S)
            except LeaseRefused as refusal:
                await self._lose(refusal)

    async def _wait(self) -> None:
        """Wait for something to do."""
        if self._has_work():
            return
        self._news.clear()
        wait_s = None
        if self._holds_lease():
            wait_s = max(self._next_extension() - _now(), 0)
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            return

    def _has_work(self) -> bool:
        return (
            self.superseded
            or self._is_gone
            or self._body is not self._stored
            or (self._holds_lease() and bool(self._reports or self._is_over))
        )

    def _holds_lease(self) -> bool:
        return self._token is not None and self.refusal is None

    def _next_extension(self) -> float:
        duration_s = self._tools.lease.total_seconds()
        return self._lease_end - duration_s + duration_s / _EXTENSIONS_PER_LEASE

    def _extended(self) -> float:
        return _now() + self._tools.lease.total_seconds()

    async def _step(self) -> None:
        if self._is_gone:
            await self._look_for_taker()
        if self.superseded:
            return
        if self._body is not self._stored:
            await self._keep_newest()
        if self._token is None or self.refusal is not None:
            return
        if self._is_over:
            raise LeaseExpired(self.key.callback_id, f"the lease of callback {self.key.callback_id} is over")
        if self._reports:
            await self._send_reports()
        if _now() >= self._next_extension():
            await self._extend(self._token)

    async def _look_for_taker(self) -> None:
        if self._tools.kept_calls is not None and await self._tools.kept_calls.is_taken(self.key):
            self.on_taken()
        else:
            self._stored = b""
        self._is_gone = False

    async def _send_reports(self) -> None:
        while self._reports:
            await self._reports[0]()
            self._reports.popleft()

    async def _extend(self, token: LeaseToken) -> None:
        end = self._extended()
        [extended] = await self._tools.leases.extend(ANYBODY, [token.text], self._tools.lease)
        if extended.lost is not None:
            raise extended.lost
        self._lease_end = end
        if extended.cancel_requested:
            self.hang_up.set()

    async def _lose(self, refusal: LeaseRefused) -> None:
        """Hang up, unless another process has taken the call, which the table of kept calls tells."""
        if self._is_kept and not self.superseded and self._tools.kept_calls is not None:
            kept_calls = self._tools.kept_calls
            if await until_stored(self.key, lambda: kept_calls.is_taken(self.key)):
                self.on_taken()
        self.refusal = refusal
        if not self.superseded:
            self.hang_up.set()

    # --- When it has ended -----------------------------------------------------------------------------------------

    async def end(self, report: OutcomeReport) -> None:
        """Record the outcome, after what was reported before. Raise `LeaseRefused`."""
        if self._token is None:
            _log.info("callback %s: what was left of an attempt has ended: %s", self.key.callback_id, report.outcome)
            return
        if self.refusal is not None:
            raise self.refusal
        if not self.has_dialled:
            raise RuntimeError(f"callback {self.key.callback_id}: an outcome without DIALING")
        token = self._token.text
        await until_stored(self.key, self._send_reports)
        await until_stored(self.key, lambda: self._tools.leases.ended(ANYBODY, token, report))

    async def give_back(self, result: NotDialled) -> None:
        """Release the lease: nobody was dialled. Raise `LeaseRefused`."""
        if self._token is None:
            return
        if self.refusal is not None:
            raise self.refusal
        if self.has_dialled:
            raise RuntimeError(f"callback {self.key.callback_id}: DIALING was reported, and an outcome was not")
        token, unavailable = self._token.text, result.agents_unavailable
        try:
            released = await until_stored(
                self.key, lambda: self._tools.leases.release(ANYBODY, token, agents_unavailable=unavailable)
            )
            reason = without_numbers(released)(result.reason)
            _log.info("callback %s was not dialled: %s", self.key.callback_id, reason)
        except CallbackInProgress:
            # DIALING was recorded, but the database was lost before it said so.
            self.has_dialled = True
            detail = "the database was away when the target was to be dialled; nobody was called"
            await self.end(OutcomeReport(outcome=Outcome.NETWORK_FAILURE, q850_cause=_TEMPORARY_FAILURE, detail=detail))

    async def hand_over(self) -> None:
        """Leave the call to another process, with as much of its lease as can be."""
        kept_calls = self._tools.kept_calls
        if kept_calls is None or not self._is_kept:
            raise RuntimeError(f"callback {self.key.callback_id}: handed over, and nothing was kept of it")
        if self._token is not None and self.refusal is None:
            token = self._token
            with suppress(LeaseRefused):  # whoever takes it over then finds that the lease is over
                await until_stored(self.key, self._send_reports)
                await until_stored(self.key, lambda: self._extend(token))
        async with self._keeping:
            self._has_ended = True
            await until_stored(self.key, lambda: kept_calls.leave(self.key))

    async def forget(self) -> None:
        """Delete what was kept: nothing is left on the network, or another process has it."""
        async with self._keeping:
            self._has_ended = True
            if self._is_kept and (kept_calls := self._tools.kept_calls) is not None:
                await until_stored(self.key, lambda: kept_calls.forget(self.key))


def _now() -> float:
    return asyncio.get_running_loop().time()


async def until_stored(key: CallKey, write: Callable[[], Awaitable[T]]) -> T:
    """Return what `write` returns, which is repeated until the database is there. Raise what else it raises."""
    is_told = False
    while True:
        try:
            return await write()
        except StorageUnavailable as fault:
            if not is_told:
                _log.warning("callback %s: the database is away, trying again: %s", key.callback_id, fault)
                is_told = True
            await asyncio.sleep(RETRY_S)
