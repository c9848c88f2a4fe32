"""A scripted leg and a scripted call, for tests of what is between them: the test is both peers and the runner."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ringback.dialers.sip.dialogs.leg_events import (
    Failed,
    Failure,
    HungUp,
    LegAnswered,
    LegEvent,
    LegPlan,
    LegProgress,
    Offered,
)
from ringback.dialers.sip.dialogs.leg_state import LegState
from ringback.domain.callback import Callback
from ringback.domain.errors import LeaseExpired
from tests.world.samples import new

_TURNS: Final = 1000


def sdp(port: int, *, address: str = "192.0.2.1", direction: str = "sendrecv", codecs: str = "8 0 101") -> bytes:
    """Return a session description of a peer."""
    lines = [
        "v=0",
        f"o=peer 1 {port} IN IP4 {address}",
        "s=-",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {codecs}",
        "a=rtpmap:101 telephone-event/8000",
        f"a={direction}",
        "",
    ]
    return "\r\n".join(lines).encode()


async def until(condition: Callable[[], object]) -> None:
    """Let everything run that can, until the condition holds."""
    for _ in range(_TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


class ScriptedLeg:
    """A `CallLeg` whose peer is the test. `did` has what was requested of it, in order."""

    def __init__(self, plan: LegPlan) -> None:
        self.plan = plan
        self.call_id = plan.call_id
        self.rang = False
        self.answered = False
        # Its INVITE waits for this.
        self.may_leave = asyncio.Event()
        self.may_leave.set()
        # It says nothing more.
        self.is_over = False
        self.did: list[str] = []
        self.offers: list[bytes] = []
        self.answers: list[bytes] = []
        # What the peer says to our re-INVITEs; one that finds none waits.
        self.says: asyncio.Queue[bytes | Failure] = asyncio.Queue()
        self.refer_failure: Failure | None = None
        self.accepts_answers = True
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()

    # --- The peer -------------------------------------------------------------------------------------------------

    def rings(self, body: bytes | None = None, status: int = 180) -> None:
        self.rang = self.rang or status == 180 or body is not None
        self._events.put_nowait(LegProgress(status, body))

    def answers_with(self, body: bytes | None) -> None:
        self.answered = True
        self._events.put_nowait(LegAnswered(body))

    def refuses(self, failure: Failure) -> None:
        self.is_over = True
        self._events.put_nowait(Failed(failure))

    def hangs_up(self, *, by_peer: bool = True, q850: int = 0) -> None:
        self.is_over = True
        self._events.put_nowait(HungUp(by_peer, q850))

    def says_event(self, event: LegEvent) -> None:
        self._events.put_nowait(event)

    # --- CallLeg --------------------------------------------------------------------------------------------------

    async def invite(self, offer: bytes) -> None:
        if self.plan.keep is not None:
            await self.plan.keep()
        await self.may_leave.wait()
        self.did.append("INVITE")
        self.offers.append(offer)

    async def next_event(self) -> LegEvent:
        return await self._events.get()

    async def reinvite(self, offer: bytes) -> bytes | Failure:
        self.did.append("re-INVITE")
        self.offers.append(offer)
        return await self.says.get()

    def answer(self, offered: Offered, sdp: bytes) -> bool:
        self.did.append("answer")
        self.answers.append(sdp)
        return self.accepts_answers

    def refuse(self, offered: Offered, status: int) -> None:
        self.did.append(f"refuse {status}")

    async def refer(self, refer_to: str) -> Failure | None:
        self.did.append(f"REFER {refer_to}")
        return self.refer_failure

    def send_info(self, content_type: str, body: bytes) -> None:
        self.did.append(f"INFO {body.decode()}")

    def hang_up(self, *, q850: int = 16, reason: str = "") -> None:
        if "hang up" not in self.did:
            self.did.append("hang up")

    def forget(self) -> None:
        self.did.append("forget")

    async def closed(self) -> None:
        return

    async def probe(self) -> bool:
        self.did.append("OPTIONS")
        return True

    def state(self) -> LegState:
        return LegState(call_id=self.call_id, user=self.plan.user)


class ScriptedCall:
    """A `Call`. `told` has its reports in order."""

    def __init__(self, callback: Callback | None = None) -> None:
        self.hang_up = asyncio.Event()
        self.superseded = False
        self.told: list[str] = []
        self.kept: list[bytes] = []
        self.call_ids: tuple[str, ...] = ()
        self.may_dial = True
        self._changed = asyncio.Event()
        self._callback = callback or new()

    async def dialing(self, call_ids: Sequence[str] = ()) -> Callback:
        if not self.may_dial:
            raise LeaseExpired(self._callback.callback_id, "the callback was cancelled")
        self.call_ids = tuple(call_ids)
        self.told.append("dialing")
        return self._callback

    async def ringing(self) -> None:
        self.told.append("ringing")

    async def connected(self) -> None:
        self.told.append("connected")

    async def keep(self, body: bytes) -> None:
        self.kept.append(body)
        self._changed.set()

    async def until_kept(self, condition: Callable[[bytes], bool]) -> None:
        """Wait until what is kept meets the condition."""
        async with asyncio.timeout(10):
            while not self.kept or not condition(self.kept[-1]):
                self._changed.clear()
                await self._changed.wait()

    def judge_address(self, address: str) -> str:
        return ""
