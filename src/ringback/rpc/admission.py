"""Whether a call is let in: who it comes from, and whether it may make this call at all."""

from collections.abc import Mapping
from typing import Final

from ringback.application.access import RIGHT_FOR, Caller, Right
from ringback.domain.errors import NotAllowed, RingbackError
from ringback.identity.authenticator import Authenticator, Credentials
from ringback.ports.clock import Clock
from ringback.rpc.long_calls import LongCalls

# What waits for something to happen, and so may outlast the credentials that it was opened with.
LONG: Final = frozenset({"WatchCallbacks", "LeaseCallbacks"})


class Admission:
    """Lets calls in by their credentials, and those that last long only for as long as these are valid."""

    def __init__(self, authenticator: Authenticator, clock: Clock, rights: Mapping[str, Right] = RIGHT_FOR) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._rights = rights
        self.long_calls: Final = LongCalls(authenticator, clock)

    def admit(self, rpc: str, credentials: Credentials) -> Caller:
        """Return who makes the call of this task. Raise `CredentialsInvalid`, `NotAllowed`."""
        session = self._authenticator.authenticate(credentials, self._clock.now())
        right = self._rights.get(rpc)
        if right is None:
            raise NotAllowed("nobody has a right to make this call")
        session.caller.view_of(right)
        if rpc in LONG:
            self.long_calls.enter(credentials, session, right)
        return session.caller

    def ended(self) -> RingbackError | None:
        """Return why the call of this task was ended before its time, None if it was not."""
        return self.long_calls.reason()
