"""What is kept of calls, so that another process can go on with them when theirs is gone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from ringback.ports.values import Change

# A lease of 30 s has at least 20 s left when its process dies, since it is extended every ten.
KEPT_FOR: Final = timedelta(seconds=12)


class CallKey(NamedTuple):
    """What a kept call is found by: the callback, and the lease under which it is kept."""

    callback_id: str
    fencing_token: int


class KeptCall(Struct, frozen=True, gc=False):
    """A call, as its process last kept it."""

    callback_id: str
    fencing_token: int
    # The kind of dialer, which alone can read the body.
    dialer: str
    # The process that has the call: the address of its dialer, and until when it has it without a sign of life.
    owner: str
    kept_until: datetime
    # JSON.
    body: bytes

    @property
    def key(self) -> CallKey:
        return CallKey(self.callback_id, self.fencing_token)


class CallStore(Protocol):
    """The calls that are kept. No event tells of them, and nobody but their dialers reads them."""

    async def keep_call(self, call: KeptCall) -> None:
        """Store a call that is not stored yet; the same owner may do so again. Raise `RevisionConflict`."""
        ...

    async def keep_again(self, call: KeptCall) -> None:
        """Replace the body. Raise `RevisionConflict` when it is not stored any more with this key and this owner."""
        ...

    async def forget_call(self, key: CallKey, owner: str) -> None:
        """Delete the call; nothing happens when another owner has it by now, or when it is not stored."""
        ...

    async def renew_calls(self, owner: str, until: datetime) -> Sequence[CallKey]:
        """Move `kept_until` of all calls of this owner; return which these are."""
        ...

    async def leave_call(self, key: CallKey, owner: str, now: datetime) -> None:
        """End what is kept at this time, so that others take it over at once."""
        ...

    async def kept_calls(self, dialer: str, owner: str) -> Sequence[KeptCall]:
        """Return the calls of this owner."""
        ...

    async def left_calls(self, dialer: str, now: datetime | None, limit: int) -> Sequence[KeptCall]:
        """Return calls of dialers of this kind with `kept_until` <= now (None: whenever), the earliest first."""
        ...

    async def calls_of_callbacks(self, callback_ids: Sequence[str]) -> Sequence[KeptCall]:
        """Return what is kept of calls of these callbacks, whoever has them."""
        ...

    async def take_call(self, before: KeptCall, after: KeptCall, changes: Sequence[Change] = ()) -> None:
        """Replace `before`, as it was read, by `after`, and store the changes of its callback with it.

        Raise `RevisionConflict`, and store nothing, when the call or the callback is not as it was read.
        """
        ...
