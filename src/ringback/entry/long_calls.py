"""Watches and polls, each of which ends with the credentials and with the right that opened it."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from msgspec import Struct

from ringback.application.access import Caller, Right
from ringback.domain.errors import CredentialsInvalid, NotAllowed, RingbackError
from ringback.identity.authenticator import Authenticator, Credentials
from ringback.identity.known import Authenticated
from ringback.ports.clock import Clock

# The most that a call outlasts its credentials.
_INTERVAL_S: Final = 0.4
# The longest that a message may take to be written whose call is to end.
_WRITE_S: Final = 0.4


class Ending:
    """The end of a call, by the server. It waits for a message that is being written.

    gRPC sends no status for a call whose write was cut short: its client would wait for ever.
    """

    __slots__ = ("_is_writing", "_late", "_task")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self._is_writing = False
        # Ends a call whose client does not read.
        self._late: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """Cancel the task of the call."""
        if self._is_writing:
            self._late = asyncio.get_running_loop().call_later(_WRITE_S, self._task.cancel)
        else:
            self._task.cancel()

    async def write(self, writing: Awaitable[None]) -> None:
        self._is_writing = True
        try:
            await writing
        finally:
            self._is_writing = False
            if self._late is not None:
                self._late.cancel()
        if self._late is not None:
            raise asyncio.CancelledError


class _LongCall(Struct, eq=False):
    ending: Ending
    credentials: Credentials
    session: Authenticated
    right: Right


class LongCalls:
    """Those that are open, by the task of each. One that ends here is cancelled; its refusal has the reason."""

    def __init__(self, authenticator: Authenticator, clock: Clock) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._open: dict[asyncio.Task[Any], _LongCall] = {}
        self._reasons: dict[asyncio.Task[Any], RingbackError] = {}
        authenticator.listen(self._check)

    def enter(self, credentials: Credentials, session: Authenticated, right: Right) -> None:
        """Have the call of this task end in time."""
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = _LongCall(Ending(task), credentials, session, right)
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._open.pop(task, None)
        self._reasons.pop(task, None)

    def ending(self) -> Ending:
        """Return the end of the call of this task, which has just been entered."""
        task = asyncio.current_task()
        assert task is not None
        return self._open[task].ending

    def reason(self) -> RingbackError | None:
        """Return why the call of this task was ended here, None if it was not."""
        task = asyncio.current_task()
        return None if task is None else self._reasons.get(task)

    async def run(self) -> None:
        """End the calls whose credentials have ended, until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            now = self._clock.now()
            for task, call in list(self._open.items()):
                if call.session.ends_at is not None and now >= call.session.ends_at:
                    self._end(task, CredentialsInvalid())

    def _check(self) -> None:
        """End the calls that would be refused now, or would see less. What has been widened ends nothing."""
        now = self._clock.now()
        for task, call in list(self._open.items()):
            try:
                session = self._authenticator.authenticate(call.credentials, now)
                _check_same_right(session.caller, call.session.caller, call.right)
            except (CredentialsInvalid, NotAllowed) as refusal:
                self._end(task, refusal)
            else:
                # The same token may end earlier now.
                call.session = Authenticated(call.session.caller, session.ends_at)

    def _end(self, task: asyncio.Task[Any], reason: RingbackError) -> None:
        call = self._open.pop(task)
        self._reasons[task] = reason
        call.ending.end()


def _check_same_right(present: Caller, former: Caller, right: Right) -> None:
    """Raise `NotAllowed` if the present caller does not have what the former one has."""
    if present.identity != former.identity or not present.view_of(right).covers(former.view_of(right)):
        raise NotAllowed("the rights of this identity have changed: call again")
