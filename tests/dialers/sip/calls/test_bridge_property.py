"""Whatever the peers, the runner and the server do, and in whatever order: a call ends, and honestly."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.dialers.sip.calls.bridge import Bridge
from ringback.dialers.sip.calls.inbox import Signal
from ringback.dialers.sip.calls.record import CallRecord
from ringback.dialers.sip.calls.refer import Referral
from ringback.dialers.sip.dialogs.leg_events import Dtmf, Failure, Notified, Offered
from ringback.domain.errors import LeaseRefused
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import HandedOver, NotDialled, OutcomeReport
from tests.world.sip_script import ScriptedLeg, sdp, settle
from tests.world.sip_stage import AGENT, PLAN, TARGET, TARGET_FIRST, Stage, staged

BODIES = st.sampled_from([None, b"", b"no session", sdp(0), sdp(4000), sdp(5000), sdp(5002, direction="sendonly")])
FAILURES = st.builds(
    Failure,
    status=st.sampled_from([0, 302, 404, 481, 486, 488, 491, 503, 607]),
    q850=st.sampled_from([0, 1, 16, 17, 127, 1000]),
    rang=st.booleans(),
    ring_timed_out=st.booleans(),
)
Action = Callable[[Stage, ScriptedLeg], object]
# Before the leg is answered, and afterwards.
EARLY: st.SearchStrategy[Action] = st.one_of(
    BODIES.map(lambda body: lambda _, leg: leg.rings(body, 183)),
    st.just(lambda _, leg: leg.rings()),
    BODIES.map(lambda body: lambda _, leg: leg.answers_with(body)),
    st.just(lambda _, leg: leg.answers_with(sdp(4000))),
    st.just(lambda _, leg: leg.answers_with(sdp(4000))),
    FAILURES.map(lambda failure: lambda _, leg: leg.refuses(failure)),
)
LATE: st.SearchStrategy[Action] = st.one_of(
    BODIES.map(lambda body: lambda _, leg: leg.says_event(Offered(body))),
    st.sampled_from([sdp(4000), sdp(5004), b"no session"]).map(lambda body: lambda _, leg: leg.says.put_nowait(body)),
    FAILURES.map(lambda failure: lambda _, leg: leg.says.put_nowait(failure)),
    st.just(lambda _, leg: leg.says_event(Dtmf("application/dtmf-relay", b"Signal=1"))),
    st.sampled_from([b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK", b"SIP/2.0 486 Busy", b"?"]).map(
        lambda line: lambda _, leg: leg.says_event(Notified("active", line))
    ),
    st.just(lambda _, leg: leg.hangs_up()),
)
OUTSIDE: st.SearchStrategy[Action] = st.one_of(
    st.sampled_from(Signal).map(lambda signal: lambda stage, _: stage.inbox.put(signal)),
    st.just(lambda stage, _: stage.call.hang_up.set()),
)


async def play(stage: Stage, steps: list[tuple[bool, Action, Action, Action | None]]) -> None:
    for of_agent, early, late, outside in steps:
        if stage.result.done():
            return
        leg = stage.by_side.get(AGENT if of_agent else TARGET)
        if outside is not None:
            outside(stage, leg or ScriptedLeg(PLAN.agent))
        elif leg is not None and not leg.is_over:
            (late if leg.answered else early)(stage, leg)
        await settle()


STEPS = st.lists(st.tuples(st.booleans(), EARLY, LATE, st.one_of(*[st.none()] * 6, OUTSIDE)), max_size=14)


@pytest.mark.parametrize(("plan", "kind"), [(PLAN, Bridge), (TARGET_FIRST, Bridge), (PLAN, Referral)])
@given(steps=STEPS, may_dial=st.sampled_from([True, True, True, False]))
@settings(deadline=None)
async def test_a_call_ends_and_says_how(
    plan: object, kind: type[Bridge], steps: list[tuple[bool, Action, Action, Action | None]], may_dial: bool
) -> None:
    async with staged(plan, kind) as stage:  # type: ignore[arg-type]
        stage.call.may_dial = may_dial
        await settle()
        await play(stage, steps)
        stage.inbox.put(Signal.DRAINED)
        stage.inbox.put(Signal.HANG_UP)
        try:
            ended = await stage.ended()
        except LeaseRefused:
            assert not may_dial
            assert TARGET not in stage.by_side
            return
        _check(stage, ended)


def _check(stage: Stage, ended: object) -> None:
    told = stage.call.told
    assert told == [word for word in ("dialing", "ringing", "connected") if word in told], "each once, in order"
    target = stage.by_side.get(TARGET)
    if target is not None:
        assert "dialing" in told
        assert ("connected" in told) == target.answered
    match ended:
        case NotDialled():
            assert told == []
        case HandedOver():
            record = CallRecord.decode(stage.call.kept[-1])
            assert "connected" in told
            assert record.agent is not None
            assert record.target is not None
        case OutcomeReport(outcome=outcome, detail=detail):
            assert "dialing" in told
            assert detail
            # What the domain accepts once the target has answered, and what it is to have answered for.
            if "connected" in told:
                assert outcome in (Outcome.ANSWERED, Outcome.ABANDONED, Outcome.INTERRUPTED)
            else:
                assert outcome is not Outcome.ANSWERED
        case _:
            raise AssertionError(ended)
