"""What is kept of a call, so that another process can go on with it, or end what is left of it."""

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from ringback.dialers.sip.calls.outcome import CallSide
from ringback.dialers.sip.dialogs.leg_state import LegState
from ringback.domain.errors import StorageUnavailable
from ringback.ports.dialer import Call

if TYPE_CHECKING:
    from ringback.dialers.sip.calls.legs import Legs

_FORMAT: Final = 1
_BYTES: Final = "latin-1"
# Of what is larger the media of the call are left as they are.
_MAX_SENT: Final = 4096


class SideRecord(Struct, frozen=True, omit_defaults=True, kw_only=True):
    leg: LegState
    # The session description that it was sent last, a character for each byte.
    sent: str = ""
    # Its peer may have our credentials.
    trusted: bool = False


class CallRecord(Struct, frozen=True, omit_defaults=True, kw_only=True):
    # A version that reads no other refuses a record instead of misreading it.
    format: int
    # Where the peers reach the process that keeps it.
    contact: str
    # Seconds since 1970.
    connected_at: float | None = None
    # Both sides have taken each other's media: the call can go on without this process.
    joined: bool = False
    agent: SideRecord | None = None
    target: SideRecord | None = None

    def of(self, side: CallSide) -> SideRecord | None:
        return self.agent if side is CallSide.AGENT else self.target

    def sent(self, side: CallSide) -> bytes:
        kept = self.of(side)
        return b"" if kept is None else kept.sent.encode(_BYTES)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> "CallRecord":
        """Raise `ValueError` for what is no record that this version can read."""
        try:
            record = msgspec.json.decode(body, type=cls)
        except msgspec.DecodeError as fault:
            raise ValueError(str(fault)) from None
        if record.format != _FORMAT:
            raise ValueError(f"the record has the format {record.format}, and this version reads {_FORMAT}")
        return record


class Keeper:
    """Keeps the record of a call."""

    def __init__(self, call: Call, contact: str) -> None:
        self._call = call
        self._contact = contact
        self._kept = b""
        self._lock = asyncio.Lock()
        self.legs: Legs | None = None
        self.connected_at: float | None = None
        # The sides whose challenges are answered.
        self.trusted: set[CallSide] = set()

    def record(self) -> CallRecord:
        return CallRecord(
            format=_FORMAT,
            contact=self._contact,
            connected_at=self.connected_at,
            joined=self.legs is not None and self.legs.joined,
            agent=self._side(CallSide.AGENT),
            target=self._side(CallSide.TARGET),
        )

    async def keep(self) -> None:
        """Keep the call as it is now. While the database is away, the call goes on, and is kept later."""
        async with self._lock:  # an older record must not overtake a newer one
            body = self.record().encode()
            if body == self._kept:
                return
            try:
                await self._call.keep(body)
            except StorageUnavailable:
                return
            self._kept = body

    def _side(self, side: CallSide) -> SideRecord | None:
        if self.legs is None or (leg := self.legs.by_side.get(side)) is None:
            return None
        sent = self.legs.media.of(side).sent
        body = b"" if sent is None else sent.encode()
        return SideRecord(
            leg=leg.state(),
            sent=body.decode(_BYTES) if len(body) <= _MAX_SENT else "",
            trusted=side in self.trusted,
        )
