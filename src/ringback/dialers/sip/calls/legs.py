"""The two legs of a call: their media are joined, and what one side does reaches the other."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final

from ringback.application.token_bucket import TokenBucket
from ringback.dialers.sip.calls.inbox import CallLeg, Inbox, Joined
from ringback.dialers.sip.calls.media import MediaExchange
from ringback.dialers.sip.calls.outcome import NORMAL_CLEARING, CallSide
from ringback.dialers.sip.dialogs.leg_events import Dtmf, Failure, Offered
from ringback.dialers.sip.messages.message import MalformedMessage
from ringback.dialers.sip.messages.sdp import SessionDescription

# A side whose media move whenever it is told of the other's would go on for ever.
_MAX_ROUNDS: Final = 4
# With these a side refuses an offer, and nothing else. Others, of the other dialog, could end this one.
_PASSED_ON: Final = frozenset({415, 488, 491, 606})
_BAD_REQUEST: Final = 400
# More than people and session timers need.
_OFFERS_PER_S: Final = 5.0
_DIGITS_PER_S: Final = 20.0
_KEEP_PAUSE_S: Final = 1.0
_NOT_ACCEPTABLE: Final = 488
_PENDING: Final = 491


class Legs:
    """Both legs and their media. At most one offer of ours is under way at a time."""

    def __init__(self, inbox: Inbox, media: MediaExchange, keep: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.inbox = inbox
        self.media = media
        self._keep = keep
        self.by_side: dict[CallSide, CallLeg] = {}
        # The sides whose answer has been read.
        self.answered: set[CallSide] = set()
        # What a side may send to the other one: a phone that floods this dialer does not flood the other phone.
        now = asyncio.get_running_loop().time()
        self._offers = {side: TokenBucket(_OFFERS_PER_S, now) for side in CallSide}
        self._digits = {side: TokenBucket(_DIGITS_PER_S, now) for side in CallSide}
        self._busy = False
        self._keeps_soon = False
        # A join is to follow what is under way.
        self._again = False
        # Both sides have answered, and have taken each other's media; it stays so.
        self.joined = False

    def open(self, side: CallSide, leg: CallLeg) -> None:
        self.by_side[side] = leg
        self.inbox.follow(side, leg)

    def hang_up(self, *, q850: int = NORMAL_CLEARING, reason: str = "") -> None:
        for leg in self.by_side.values():
            leg.hang_up(q850=q850, reason=reason)

    def forget(self) -> None:
        for leg in self.by_side.values():
            leg.forget()

    def probe(self) -> None:
        """Test both legs in the background; one that is gone says so by its own event."""
        for leg in self.by_side.values():
            self.inbox.do(_probe(leg))

    # --- Joining --------------------------------------------------------------------------------------------------

    def learn(self, side: CallSide, sdp: bytes | None) -> bool:
        """Take the media that a side has told. Return whether any are known."""
        mine = self.media.of(side)
        if sdp:
            try:
                self.media.answered(side, SessionDescription.parse(sdp))
            except MalformedMessage:
                return False
        return mine.received is not None

    def join(self) -> None:
        """Tell each answered side of the other's media, in the background. `Joined` follows if both have answered."""
        if self._busy:
            self._again = True
        else:
            self._begin(self._join)

    def refresh(self) -> None:
        """Send each side again what it was told, with the Contact of this process."""
        for side in self.by_side:
            self.media.of(side).told = None
        self.join()

    async def _join(self) -> None:
        is_early = len(self.answered) < len(CallSide)
        failed: tuple[CallSide, Failure] | None = None
        for _ in range(_MAX_ROUNDS):
            side = next(iter(self._outdated()), None)
            if side is None:
                break
            if failure := await self._tell(side):
                failed = side, failure
                break
        if failed is None and len(self.answered) == len(CallSide):
            self.joined = True
        if not is_early and not self._again:
            self.inbox.put(Joined(failed))
        self.inbox.do(self._keep())

    async def _tell(self, side: CallSide) -> Failure | None:
        answer = await self.by_side[side].reinvite(self.media.offer(side))
        if isinstance(answer, Failure):
            return answer
        return None if self.learn(side, answer) else Failure(status=_NOT_ACCEPTABLE, reason="Its answer is malformed")

    def _outdated(self) -> list[CallSide]:
        return [side for side in self.by_side if side in self.answered and self.media.is_outdated(side)]

    # --- From one side to the other ---------------------------------------------------------------------------------

    def answer(self, side: CallSide, offered: Offered) -> None:
        """Answer an offer of a side by what is known of the other one, which is not there yet."""
        try:
            answer = self._local_answer(side, offered)
        except ValueError:  # it is malformed, or nothing was kept of the media
            self.by_side[side].refuse(offered, _NOT_ACCEPTABLE)
        else:
            self.by_side[side].answer(offered, answer)

    def forward(self, side: CallSide, offered: Offered) -> None:
        """Pass an offer of one side (hold, another codec, a refreshed session) on to the other, and its answer back."""
        if self._busy or _is_too_much(self._offers[side]):
            self.by_side[side].refuse(offered, _PENDING)
        elif offered.sdp is None:
            # It asks for an offer. `acknowledged` gets its answer, which may move what the other side was told.
            self.answer(side, offered)
        else:
            self._begin(partial(self._forward, side, offered))

    def acknowledged(self, side: CallSide, sdp: bytes | None) -> None:
        """Take the answer to an offer that was ours in a 200 (RFC 3261 section 14.2)."""
        if sdp and self.learn(side, sdp):
            self.join()

    def digits(self, side: CallSide, dtmf: Dtmf) -> None:
        if (other := self.by_side.get(side.other)) is not None and not _is_too_much(self._digits[side]):
            other.send_info(dtmf.content_type, dtmf.body)

    def _local_answer(self, side: CallSide, offered: Offered) -> bytes:
        if offered.sdp is None:
            return self.media.repeat(side)
        return self.media.answer(side, SessionDescription.parse(offered.sdp))

    async def _forward(self, side: CallSide, offered: Offered) -> None:
        leg, mine = self.by_side[side], self.media.of(side)
        before = mine.received
        try:
            mine.received = offer = SessionDescription.parse(offered.sdp or b"")
        except MalformedMessage:
            leg.refuse(offered, _BAD_REQUEST)
            return
        answer = await self.by_side[side.other].reinvite(self.media.offer(side.other, None))
        if isinstance(answer, Failure) or not self.learn(side.other, answer):
            mine.received = before
            status = answer.status if isinstance(answer, Failure) else 0
            leg.refuse(offered, status if status in _PASSED_ON else _NOT_ACCEPTABLE)
            return
        if not leg.answer(offered, self.media.answer(side, offer)):
            # It has withdrawn its offer (CANCEL), and goes on as before: so does the other side.
            mine.received = before
            self._again = True
        if not self._keeps_soon:
            self._keeps_soon = True
            self.inbox.do(self._keep_soon())

    async def _keep_soon(self) -> None:
        """Keep what has changed, at most so often: a peer may offer something all the time."""
        await asyncio.sleep(_KEEP_PAUSE_S)
        self._keeps_soon = False
        await self._keep()

    # --- One at a time ------------------------------------------------------------------------------------------------

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        self._busy = True
        self.inbox.do(self._alone(work))

    async def _alone(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        finally:
            self._busy = False
        if self._again:
            self._again = False
            self.join()


def _is_too_much(bucket: TokenBucket) -> bool:
    return bucket.take(1, asyncio.get_running_loop().time()) > 0


async def _probe(leg: CallLeg) -> None:
    await leg.probe()
