"""The matrix: what an agent and a target do, and what Ringback has to make of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ringback.v1 import callback_pb2 as cb
from tests.sip import agents, targets
from tests.sip.turns import Steps, refused

ANSWERED: Final = cb.CALL_OUTCOME_ANSWERED
RING_S: Final = 2


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call. With SIPp as both peers, each of which fails when it is not treated as its scenario says."""

    name: str
    target: Steps
    outcome: cb.CallOutcome.ValueType = ANSWERED
    sip_status: int = 200
    agent: Steps = agents.ANSWERS
    # None: whatever.
    q850: int | None = None
    rang: bool = True
    # What stands in the detail of the attempt.
    detail: str = ""
    transport: str = "udp"
    # The callback is cancelled while the target rings.
    cancelled: bool = False
    # Whether the target was reached.
    answered: bool | None = None
    ring_timeout: float = RING_S
    # Settings of the service.
    service: Mapping[str, Any] = field(default_factory=dict)
    # One of those that `make test-long` runs, too.
    quick: bool = False

    @property
    def connected(self) -> bool:
        return self.outcome == ANSWERED if self.answered is None else self.answered

    @property
    def state(self) -> cb.CallbackState.ValueType:
        if self.cancelled:
            return cb.CALLBACK_STATE_CANCELLED
        return cb.CALLBACK_STATE_COMPLETED if self.outcome == ANSWERED else cb.CALLBACK_STATE_FAILED


def refusal(name: str, outcome: cb.CallOutcome.ValueType, status: int, *headers: str, **expected: Any) -> Case:
    return Case(
        name=name,
        target=refused(status, *headers),
        outcome=outcome,
        **{"sip_status": status, "rang": False, **expected},
    )


def digest(name: str, challenge: str, **more: Any) -> Case:
    return Case(name=f"401 {name}", target=targets.challenged(challenge), **more)


def _cause(number: int, text: str) -> str:
    return f'Reason: Q.850;cause={number};text="{text}"'


CASES: Final = [
    Case(name="target hangs up", target=targets.HANGS_UP, agent=agents.JOINED_ONCE, quick=True),
    Case(name="agent hangs up", target=targets.STAYS, agent=agents.HANGS_UP, quick=True),
    Case(name="answered without ringing", target=targets.ANSWERS_AT_ONCE, agent=agents.HANGS_UP, rang=False),
    # --- Refusals
    refusal("busy", cb.CALL_OUTCOME_BUSY, 486, quick=True),
    refusal("busy everywhere", cb.CALL_OUTCOME_BUSY, 600),
    refusal("declined", cb.CALL_OUTCOME_DECLINED, 603),
    refusal("not found", cb.CALL_OUTCOME_INVALID_NUMBER, 404),
    refusal("gone", cb.CALL_OUTCOME_INVALID_NUMBER, 410),
    refusal("address incomplete", cb.CALL_OUTCOME_INVALID_NUMBER, 484),
    refusal("does not exist", cb.CALL_OUTCOME_INVALID_NUMBER, 604),
    refusal("overloaded", cb.CALL_OUTCOME_NETWORK_FAILURE, 503, "Retry-After: 7", detail="7", quick=True),
    refusal("480", cb.CALL_OUTCOME_UNREACHABLE, 480),
    refusal("480, cause 19", cb.CALL_OUTCOME_NO_ANSWER, 480, _cause(19, "no answer"), q850=19),
    refusal("480, cause 20", cb.CALL_OUTCOME_UNREACHABLE, 480, _cause(20, "subscriber absent"), q850=20),
    refusal("500", cb.CALL_OUTCOME_NETWORK_FAILURE, 500),
    refusal("500, cause 1", cb.CALL_OUTCOME_INVALID_NUMBER, 500, _cause(1, "unallocated"), q850=1, quick=True),
    refusal("500, cause 17", cb.CALL_OUTCOME_BUSY, 500, _cause(17, "user busy"), q850=17),
    refusal("no common codec", cb.CALL_OUTCOME_NETWORK_FAILURE, 488, 'Warning: 304 sbc "no codec"', detail="no codec"),
    refusal("redirected", cb.CALL_OUTCOME_UNREACHABLE, 302, "Contact: <sip:elsewhere@127.0.0.1:9>", detail="elsewhere"),
    refusal("request timeout", cb.CALL_OUTCOME_UNREACHABLE, 408),
    refusal("rejected by the network", cb.CALL_OUTCOME_NOT_AUTHORIZED, 403),
    refusal("unwanted", cb.CALL_OUTCOME_BLOCKED, 607),
    # --- Rings, and what crosses
    Case(
        name="rings for ever",
        target=targets.RINGS,
        outcome=cb.CALL_OUTCOME_NO_ANSWER,
        sip_status=487,
        quick=True,
    ),
    Case(
        name="only 100",
        target=targets.TRIES,
        outcome=cb.CALL_OUTCOME_UNREACHABLE,
        sip_status=487,
        rang=False,
        quick=True,
    ),
    Case(
        name="answers the CANCEL, and never the INVITE",
        target=targets.FORGETS,
        outcome=cb.CALL_OUTCOME_NO_ANSWER,
        sip_status=487,
    ),
    Case(
        name="the answer crosses the CANCEL",
        target=targets.ANSWERS_LATE,
        outcome=cb.CALL_OUTCOME_NO_ANSWER,
        sip_status=487,
        quick=True,
    ),
    Case(
        name="BYE crosses BYE after CANCEL",
        target=targets.BYE_CROSSES,
        outcome=cb.CALL_OUTCOME_NO_ANSWER,
        sip_status=487,
    ),
    Case(
        name="agent leaves while the target rings",
        target=targets.RINGS,
        agent=agents.LEAVES_EARLY,
        outcome=cb.CALL_OUTCOME_ABANDONED,
        sip_status=487,
        ring_timeout=30,
        quick=True,
    ),
    Case(
        name="agent refuses to be joined",
        target=targets.STAYS,
        agent=agents.REFUSES_OFFER,
        outcome=cb.CALL_OUTCOME_ABANDONED,
        answered=True,
    ),
    Case(
        name="cancelled while the target rings",
        target=targets.RINGS,
        outcome=cb.CALL_OUTCOME_NO_ANSWER,
        sip_status=487,
        cancelled=True,
        ring_timeout=30,
        quick=True,
    ),
    # --- Media
    Case(name="early media", target=targets.EARLY_MEDIA),
    Case(
        name="announcement, then refused",
        target=targets.ANNOUNCES,
        outcome=cb.CALL_OUTCOME_INVALID_NUMBER,
        sip_status=404,
        q850=1,
        # Early media is what a telephone that rings sounds like in many networks.
        rang=True,
    ),
    Case(name="agent moves its media", target=targets.IS_TOLD, agent=agents.MOVES),
    Case(name="agent holds and takes back", target=targets.IS_HELD, agent=agents.HOLDS),
    # --- Dialogs
    Case(name="characters of tags", target=targets.TAGS),
    Case(name="no tag", target=targets.WITHOUT_TAG),
    Case(name="forked answers", target=targets.FORKS, quick=True),
    Case(name="repeated answer", target=targets.REPEATS),
    Case(name="glare", target=targets.STAYS_AND_HANGS_UP, agent=agents.GLARE),
    Case(name="session refresh", target=targets.REFRESHES),
    Case(name="session refresh without SDP", target=targets.REFRESHES_WITHOUT_SDP),
    Case(name="session refresh by UPDATE", target=targets.UPDATES),
    Case(name="requests of all kinds", target=targets.SENDS_WHAT_IT_LIKES),
    Case(name="100rel demanded", target=targets.WANTS_100REL),
    Case(name="100rel used", target=targets.PRACK),
    # --- Digest
    digest("without qop", 'realm="r", nonce="n"'),
    digest("qop auth", 'realm="r", nonce="n", qop="auth", algorithm=MD5, opaque="o"', quick=True),
    digest("qop list", 'realm="r", nonce="n", qop="auth-int,auth"'),
    digest("comma in realm", 'realm="east, west", nonce="n", qop="auth"'),
    Case(name="stale nonce", target=targets.STALE_NONCE, rang=False),
    Case(name="407", target=targets.PROXY_CHALLENGES),
    Case(name="challenged within the dialog", target=targets.HANGS_UP, agent=agents.CHALLENGES),
    Case(
        name="never pleased",
        target=targets.NEVER_PLEASED,
        outcome=cb.CALL_OUTCOME_NOT_AUTHORIZED,
        sip_status=401,
        rang=False,
        quick=True,
    ),
    # --- TCP
    Case(name="TCP", target=targets.HANGS_UP, agent=agents.JOINED_ONCE, transport="tcp"),
    Case(
        name="TCP, rings for ever",
        target=targets.RINGS,
        outcome=cb.CALL_OUTCOME_NO_ANSWER,
        sip_status=487,
        transport="tcp",
    ),
    Case(
        name="TCP, busy",
        target=refused(486),
        outcome=cb.CALL_OUTCOME_BUSY,
        sip_status=486,
        rang=False,
        transport="tcp",
    ),
]
