"""Watches and polls, each of which ends with the credentials and with the right that opened it."""

import asyncio
from typing import Any, Final

from msgspec import Struct

from ringback.application.access import Caller, Right
from ringback.domain.errors import CredentialsInvalid, NotAllowed, RingbackError
from ringback.identity.authenticator import Authenticator, Credentials
from ringback.identity.known import Authenticated
from ringback.ports.clock import Clock

# The most that a call outlasts its credentials.
_INTERVAL_S: Final = 0.4


class _LongCall(Struct, eq=False):
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
        self._open[task] = _LongCall(credentials, session, right)
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._open.pop(task, None)
        self._reasons.pop(task, None)

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
        del self._open[task]
        self._reasons[task] = reason
        task.cancel()


def _check_same_right(present: Caller, former: Caller, right: Right) -> None:
    """Raise `NotAllowed` if the present caller does not have what the former one has."""
    if present.identity != former.identity or not present.view_of(right).covers(former.view_of(right)):
        raise NotAllowed("the rights of this identity have changed: call again")
