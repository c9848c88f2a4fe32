"""Whether a call is let in: who it comes from, and whether it may make this call at all."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

from ringback.application.access import RIGHTS, Caller, Right
from ringback.application.usage import Held, Usage
from ringback.domain.errors import NotAllowed, RingbackError
from ringback.entry.long_calls import LongCalls
from ringback.identity.authenticator import Authenticator, Credentials
from ringback.ports.clock import Clock

# What waits for something to happen, and so may outlast the credentials that it was opened with.
_HELD: Final[Mapping[str, Held]] = MappingProxyType(
    {"WatchCallbacks": "watches", "WatchQueues": "watches", "LeaseCallbacks": "polls"}
)
LONG: Final = _HELD.keys()


class Admission:
    """Lets calls in by their credentials, and those that last long only for as long as these are valid."""

    def __init__(
        self,
        authenticator: Authenticator,
        clock: Clock,
        usage: Usage,
        open_connections: Callable[[], Collection[str]],
        rights: Mapping[str, Right] = RIGHTS,
    ) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._usage = usage
        self._open_connections = open_connections
        self._rights = rights
        self.long_calls: Final = LongCalls(authenticator, clock)

    def admit(self, rpc: str, credentials: Credentials) -> Caller:
        """Return who makes the call of this task. Raise `CredentialsInvalid`, `NotAllowed`, `QuotaExceeded`."""
        session = self._authenticator.authenticate(credentials, self._clock.now())
        right = self._rights.get(rpc)
        if right is None:
            raise NotAllowed("nobody has a right to make this call")
        session.caller.view_of(right)
        self._usage.connect(session.caller, credentials.peer(), self._open_connections)
        if rpc in LONG:
            self._hold(session.caller, _HELD[rpc])
            self.long_calls.enter(credentials, session, right)
        return session.caller

    @property
    def generation(self) -> int:
        """What grows whenever those that were let in before may have to be judged again."""
        return self._authenticator.generation

    def _hold(self, caller: Caller, held: Held) -> None:
        """Count the call of this task as long as it lasts. Raise `QuotaExceeded`."""
        release = self._usage.hold(caller, held)
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: release())

    def ended(self) -> RingbackError | None:
        """Return why the call of this task was ended before its time, None if it was not."""
        return self.long_calls.reason()
