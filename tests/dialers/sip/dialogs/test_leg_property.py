"""Whatever the peer says and whatever is lost: at the end no side has a call that the other one has not."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.dialers.sip.dialogs.leg_events import Failed, HungUp, LegAnswered, LegEvent, Offered
from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import Request, Response, cseq, encode, parse, response_to, to, top_via
from tests.world.sip_peer import A_LONG_TIME_S, ANSWER, OFFER, SDP, Dialog, Scene, scene
from tests.world.skipping_loop import run_skipping

# As often as a message is sent again at least, so that it arrives at last.
MAX_LOSSES = 4
TAGS = ("one", "two", "three")
PROVISIONAL = (100, 180, 181, 183)
FINAL = (202, 302, 401, 407, 421, 486, 487, 503, 603)


@dataclass(frozen=True)
class Act:
    """Something that the peer or our side does, and how long after the last one."""

    pause_s: float
    what: str
    status: int = 0
    tag: str = "one"


def acts() -> st.SearchStrategy[Act]:
    pauses = st.sampled_from([0.0, 0.0, 0.01, 0.3, 1.0, 5.0, 40.0])
    tags = st.sampled_from(TAGS)
    return st.one_of(
        st.builds(Act, pauses, st.just("provisional"), st.sampled_from(PROVISIONAL), tags),
        st.builds(Act, pauses, st.just("final"), st.just(200), tags),
        st.builds(Act, pauses, st.just("final"), st.sampled_from(FINAL), tags),
        st.builds(Act, pauses, st.sampled_from(["bye", "offer", "update"]), tag=tags),
        st.builds(Act, pauses, st.just("hang up")),
        st.builds(Act, pauses, st.sampled_from(["reinvite", "probe"])),
    )


@dataclass
class Stage:
    """A peer of several phones behind a proxy that forks. It keeps to RFC 3261 in what it says to requests of ours."""

    table: Scene
    losses: list[bool]
    says_487: bool
    invites: list[Request] = field(default_factory=list)
    # Each 2xx, by the CSeq of its INVITE and the tag; those that came in time, and those that had an ACK.
    answered: set[tuple[int, str]] = field(default_factory=set)
    received: set[tuple[int, str]] = field(default_factory=set)
    acknowledged: set[tuple[int, str]] = field(default_factory=set)
    # Phones that have or had a call, and those whose call is over.
    calls: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    lost: Counter[bytes] = field(default_factory=Counter)
    final: dict[bytes, Response] = field(default_factory=dict)

    def is_lost(self, data: bytes) -> bool:
        """Return whether this transmission is lost. Of each message one arrives in time."""
        if not self.losses or self.lost[data] >= MAX_LOSSES or not self.losses.pop():
            return False
        self.lost[data] += 1
        return True

    async def listen(self) -> None:
        while True:
            data, _ = await self.table.air.sent.get()
            message = parse(data)
            if isinstance(message, Request) and not self.is_lost(data):
                self.take(message)

    def take(self, request: Request) -> None:
        number, tag = cseq(request).number, to(request).tag
        match request.method:
            case "INVITE" if not tag:
                if all(encode(request) != encode(known) for known in self.invites):
                    self.invites.append(request)
            case "INVITE":
                self.say(request, 481 if tag in self.ended else 200, body=ANSWER, tag=tag)
                if tag not in self.ended:
                    self.answered.add((number, tag))
            case "ACK":
                self.acknowledged.add((number, tag))
            case "CANCEL":
                self.say(request, 200)
                invite = next((one for one in self.invites if cseq(one).number == number), None)
                answered = any(one == number for one, _ in self.answered)
                if self.says_487 and invite is not None and number not in self.refused and not answered:
                    self.refused.add(number)
                    self.say(invite, 487)
            case "BYE":
                self.say(request, 481 if tag in self.ended else 200)
                self.ended.add(tag)
            case _:
                self.say(request, 481 if tag in self.ended else 200)

    def say(self, request: Request, status: int, *, body: bytes = b"", tag: str = "one") -> None:
        response = response_to(request, status, to_tag=tag)
        if request.method == "INVITE" and status < 300:
            response.headers.add("Contact", f"<sip:{tag}@192.0.2.9>")
        if status in (401, 407):
            name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
            response.headers.add(name, f'Digest realm="{tag}", nonce="{len(self.invites)}"')
        if status == 421:
            response.headers.add("Require", "100rel")
        if body:
            response.headers.add(*SDP)
            response.body = body
        self.send(request, response)

    def send(self, request: Request, response: Response, times: int = 60) -> None:
        """Send a response: that to an INVITE again and again until its ACK comes."""
        data, answer = encode(response), (cseq(request).number, to(response).tag)
        is_lost = self.is_lost(data)
        if not is_lost:
            self.table.air.deliver(data)
        if request.method != "INVITE" or response.status < 200:
            return
        is_accepted = response.status < 300
        if is_accepted and not is_lost and self.is_under_way(request):
            self.received.add(answer)
        if times and (is_lost or (is_accepted and answer not in self.acknowledged)):
            asyncio.get_running_loop().call_later(0.5, self.send, request, response, times - 1)

    def is_under_way(self, invite: Request) -> bool:
        """Return whether our side still takes responses to this INVITE: 64*T1 after the first 2xx it does not."""
        return (top_via(invite).branch, "INVITE") in self.table.endpoint._layer._clients

    def give_up(self, number: int, tag: str) -> None:
        """End a call whose 2xx has no ACK (section 13.3.1.4)."""
        if (number, tag) not in self.acknowledged:
            self.ended.add(tag)

    def act(self, act: Act) -> None:
        if act.what == "provisional" and self.invites and not self.has_final():
            self.say(self.invites[-1], act.status, tag=act.tag, body=ANSWER if act.status == 183 else b"")
        elif act.what == "final" and self.invites:
            self.finish(self.invites[-1], act)
        elif act.what == "bye" and self.is_up(act.tag):
            self.ended.add(act.tag)
            Dialog(self.table.peer, self.invites[-1], act.tag, seq=900).request("BYE")
        elif act.what in ("offer", "update") and self.is_up(act.tag):
            dialog = Dialog(self.table.peer, self.invites[-1], act.tag, seq=len(self.lost) + 10)
            dialog.offer(ANSWER, "INVITE" if act.what == "offer" else "UPDATE")

    def finish(self, invite: Request, act: Act) -> None:
        number = cseq(invite).number
        if number in self.refused:
            return
        if act.status < 300:
            if (number, act.tag) not in self.answered and act.tag not in self.ended:
                self.answered.add((number, act.tag))
                self.calls.add(act.tag)
                self.say(invite, act.status, body=ANSWER, tag=act.tag)
                asyncio.get_running_loop().call_later(32, self.give_up, number, act.tag)
        elif not self.has_final():
            self.refused.add(number)
            self.say(invite, act.status, tag=act.tag)

    def has_final(self) -> bool:
        number = cseq(self.invites[-1]).number
        return number in self.refused or any(one == number for one, _ in self.answered)

    def is_up(self, tag: str) -> bool:
        return tag in self.calls - self.ended and (cseq(self.invites[-1]).number, tag) in self.acknowledged


async def play(script: list[Act], losses: list[bool], *, says_487: bool, keep_s: float) -> None:
    async def keep() -> None:
        await asyncio.sleep(keep_s)

    async with scene(credentials=SipCredentials("u", "p"), ring_timeout_s=60, keep=keep) as table:
        stage = Stage(table, losses, says_487)
        listener = asyncio.ensure_future(stage.listen())
        events: list[LegEvent] = []
        offers: set[asyncio.Future[object]] = set()

        async def attend() -> None:
            while not isinstance(events[-1] if events else None, Failed | HungUp):
                event = await table.leg.next_event()
                events.append(event)
                if isinstance(event, Offered):
                    table.leg.answer(event, OFFER)

        attendant = asyncio.ensure_future(attend())
        await table.leg.invite(OFFER)
        for act in script:
            await asyncio.sleep(act.pause_s)
            stage.act(act)
            if act.what == "hang up":
                table.leg.hang_up()
            elif act.what == "reinvite":
                offers.add(asyncio.ensure_future(table.leg.reinvite(OFFER)))
            elif act.what == "probe":
                offers.add(asyncio.ensure_future(table.leg.probe()))
        await asyncio.sleep(A_LONG_TIME_S)
        answered = any(isinstance(event, LegAnswered) for event in events)
        # One call at most is left: the one that has both sides.
        left = stage.calls - stage.ended
        if table.leg._line.over.is_set():
            assert not left
        else:
            assert len(left) == 1
            assert answered
        assert stage.received <= stage.acknowledged
        table.leg.hang_up()
        closed_by = asyncio.get_running_loop().time() + 32
        await table.leg.closed()
        assert asyncio.get_running_loop().time() <= closed_by
        await asyncio.sleep(A_LONG_TIME_S)
        assert not stage.calls - stage.ended
        assert not len(table.dialogs)
        assert table.endpoint.is_idle
        assert all(offer.done() for offer in offers)
        await attendant
        assert isinstance(events[-1], Failed | HungUp)
        listener.cancel()


@pytest.mark.long
@settings(max_examples=300)
@given(
    script=st.lists(acts(), max_size=12),
    losses=st.lists(st.booleans(), max_size=40),
    says_487=st.booleans(),
    keep_s=st.sampled_from([0.0, 0.1, 2.0, 10.0]),
)
def test_nothing_is_left(script: list[Act], losses: list[bool], says_487: bool, keep_s: float) -> None:
    run_skipping(play(script, losses, says_487=says_487, keep_s=keep_s))
