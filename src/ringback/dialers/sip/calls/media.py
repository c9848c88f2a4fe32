"""What each side of a call has been told of the other's media (RFC 3264), and what it is to be told next.

Media go directly between the sides: an answer or offer of one is sent to the other, with an o= line of our own in each
dialog. Pure: nothing is sent here.
"""

from collections.abc import Sequence
from dataclasses import replace

from ringback.dialers.sip.calls.outcome import CallSide
from ringback.dialers.sip.messages.sdp import (
    SENDRECV,
    Origin,
    SessionDescription,
    answer_from,
    held_offer,
    moved,
    offer_from,
)


class SideMedia:
    """One dialog: its own o= line, what its peer sent last, and what its peer was told last."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        # What the peer has said where it receives media.
        self.received: SessionDescription | None = None
        # What we have sent it.
        self.sent: SessionDescription | None = None
        # The media of the other side that it was offered, and those that it has taken.
        self.offered: SessionDescription | None = None
        self.told: SessionDescription | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the peer takes no stream."""
        return self.received is None or self.received.refused

    def next_origin(self) -> Origin:
        """Return the o= line of another session description in this dialog (RFC 3264 section 8)."""
        if self.sent is not None:
            self.origin = self.origin.next()
        return self.origin


class MediaExchange:
    """The media of both sides."""

    def __init__(self, agent: Origin, target: Origin) -> None:
        self._sides = {CallSide.AGENT: SideMedia(agent), CallSide.TARGET: SideMedia(target)}

    def of(self, side: CallSide) -> SideMedia:
        return self._sides[side]

    def restore(self, side: CallSide, origin: tuple[str, int] | None, sent: bytes) -> None:
        """Take what a side was sent last, by another process. It was made of the other side's media."""
        mine, other = self._sides[side], self._sides[side.other]
        if origin is not None:
            session_id, version = origin
            mine.origin = replace(mine.origin, session_id=int(session_id), version=version + 1)
        if sent:
            mine.sent = mine.offered = mine.told = other.received = SessionDescription.parse(sent)

    def held_offer(self, side: CallSide, codecs: Sequence[str]) -> bytes:
        """Return the first offer, to the side that is called first: nothing flows before the other side is there."""
        mine = self._sides[side]
        mine.sent = held_offer(mine.next_origin(), codecs)
        return mine.sent.encode()

    def offer(self, side: CallSide, direction: str | None = SENDRECV) -> bytes:
        """Return the other side's media as an offer to this one."""
        mine, other = self._sides[side], self._sides[side.other]
        if other.received is None:
            raise ValueError(f"nothing is known of the media of the {side.other}")
        mine.offered = other.received
        mine.sent = offer_from(other.received, mine.next_origin(), direction, previous=mine.sent)
        return mine.sent.encode()

    def answered(self, side: CallSide, answer: SessionDescription) -> None:
        """Take the answer to the last offer."""
        mine = self._sides[side]
        mine.received, mine.told = answer, mine.offered

    def answer(self, side: CallSide, offer: SessionDescription) -> bytes:
        """Return the other side's media, as they are known, as an answer to an offer of this one."""
        mine, other = self._sides[side], self._sides[side.other]
        source = other.received or mine.sent
        if source is None:
            raise ValueError(f"nothing is known of the media of the {side.other}")
        mine.received, mine.told = offer, other.received
        mine.sent = answer_from(source, offer, mine.next_origin())
        return mine.sent.encode()

    def repeat(self, side: CallSide) -> bytes:
        """Return what this side was sent last as an offer, for a peer that asks for one and changes nothing."""
        mine, other = self._sides[side], self._sides[side.other]
        source = other.received or mine.sent
        if source is None:
            raise ValueError(f"nothing is known of the media of the {side.other}")
        mine.offered = other.received
        mine.sent = offer_from(source, mine.next_origin(), None, previous=mine.sent)
        return mine.sent.encode()

    def is_outdated(self, side: CallSide) -> bool:
        """Return whether the other side's media are not those that this side was told of."""
        mine, other = self._sides[side], self._sides[side.other]
        if other.received is None:
            return False
        return mine.told is None or moved(mine.told, other.received, used=mine.received)
