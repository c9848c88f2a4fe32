"""How agents and targets behave in the cases of the matrix, as SIPp scenarios."""

from collections.abc import Sequence
from typing import Final

from tests.world.sip_peers.scenario import (
    OUR_TAG,
    Step,
    label,
    pause,
    receive,
    receive_response,
    request,
    respond,
    sdp,
)

Steps = Sequence[Step]

USER: Final = "ringback"
PASSWORD: Final = "correct horse"
# Long enough for the other side of a call to be where its scenario says.
_WHILE_MS: Final = 400

_RINGS: Final[Steps] = (receive("INVITE"), respond(100), respond(180))
_HELD: Final = sdp("inactive")


def answered(*, tag: str | None = None, body: str = "", headers: Sequence[str] = ()) -> Steps:
    """Answer the INVITE."""
    return (respond(200, *headers, body=body or sdp(), tag=tag, repeated=True), receive("ACK"))


def until_bye(first: int = 1) -> Steps:
    """Accept every re-INVITE until the other side hangs up. It takes three labels."""
    again, offered, over = first, first + 1, first + 2
    return (
        label(again),
        receive("INVITE", named="offer", optional=True, then=offered),
        receive("BYE", then=over),
        label(offered),
        respond(200, to="offer", body=sdp(version=2), repeated=True),
        receive("ACK", then=again),
        label(over),
        respond(200, to="bye"),
    )


def one_offer(*, body: str = "", named: str = "join", checks: Sequence[str] = ()) -> Steps:
    """Accept one re-INVITE."""
    return (
        receive("INVITE", named=named, checks=checks),
        respond(200, to=named, body=body or sdp(version=2), repeated=True),
        receive("ACK"),
    )


def hang_up(*, number: int = 1, tag: str = OUR_TAG) -> Steps:
    return (request("BYE", number=number, tag=tag), receive_response(200))


def refused(status: int, *headers: str) -> Steps:
    """Refuse the INVITE after a 100."""
    return (receive("INVITE"), respond(100), respond(status, *headers, contact=False, repeated=True), receive("ACK"))


def cancelled() -> Steps:
    """Take a CANCEL."""
    return (
        receive("CANCEL"),
        respond(200, to="cancel", tag=OUR_TAG),
        respond(487, repeated=True),
        receive("ACK"),
    )


# --- Agents ---------------------------------------------------------------------------------------------------------

# Answers, and stays until the end. Its offers must be early ones: each INVITE has a session description.
AGENT: Final[Steps] = (
    receive("INVITE", checks=["application/sdp", "a=inactive"]),
    respond(100),
    respond(180),
    *answered(body=_HELD),
    *until_bye(),
)
# Its only re-INVITE must carry the target's session.
AGENT_JOINED_ONCE: Final[Steps] = (
    *_RINGS,
    *answered(body=_HELD),
    *one_offer(checks=["m=audio 7000 ", "a=sendrecv"]),
    receive("BYE"),
    respond(200, to="bye"),
)
AGENT_HANGS_UP: Final[Steps] = (*_RINGS, *answered(body=_HELD), *one_offer(), pause(_WHILE_MS), *hang_up())
AGENT_LEAVES_EARLY: Final[Steps] = (*_RINGS, *answered(body=_HELD), pause(_WHILE_MS), *hang_up())
AGENT_BUSY: Final = refused(486)
AGENT_RINGS: Final[Steps] = (*_RINGS, *cancelled())
# Refuses to be joined with the target.
AGENT_REFUSES_OFFER: Final[Steps] = (
    *_RINGS,
    *answered(body=_HELD),
    receive("INVITE", named="join"),
    respond(488, to="join", repeated=True),
    receive("ACK"),
    receive("BYE"),
    respond(200, to="bye"),
)
# Sends a re-INVITE of its own while Ringback's is under way: both are refused, and Ringback tries again.
AGENT_GLARE: Final[Steps] = (
    *_RINGS,
    *answered(body=_HELD),
    receive("INVITE", named="join"),
    request("INVITE", number=1, body=sdp("inactive", version=3)),
    receive_response(491),
    request("ACK", number=1),
    respond(491, to="join", repeated=True),
    receive("ACK"),
    *until_bye(),
)
# Moves its media when it is joined: the target has to be told.
AGENT_MOVES: Final[Steps] = (
    *_RINGS,
    *answered(body=_HELD),
    *one_offer(body=sdp(version=2, port=6100)),
    *until_bye(),
)
# Puts the target on hold, and takes it back.
AGENT_HOLDS: Final[Steps] = (
    *_RINGS,
    *answered(body=_HELD),
    *one_offer(),
    pause(_WHILE_MS),
    request("INVITE", number=1, body=sdp("sendonly", version=3)),
    receive_response(100, optional=True),
    receive_response(200),
    request("ACK", number=1),
    request("INVITE", number=2, body=sdp("sendrecv", version=4)),
    receive_response(100, optional=True),
    receive_response(200),
    request("ACK", number=2),
    *hang_up(number=3),
)
# Demands a digest for the re-INVITE and for the BYE, too.
AGENT_CHALLENGES: Final[Steps] = (
    *_RINGS,
    *answered(body=_HELD),
    receive("INVITE", named="join"),
    respond(401, 'WWW-Authenticate: Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"', to="join"),
    receive("ACK"),
    receive("INVITE", named="join", digest=(USER, PASSWORD)),
    respond(200, to="join", body=sdp(version=2), repeated=True),
    receive("ACK"),
    receive("BYE"),
    respond(
        401,
        'WWW-Authenticate: Digest realm="pbx", nonce="n2", algorithm=MD5, qop="auth", stale=true',
        to="bye",
    ),
    receive("BYE", digest=(USER, PASSWORD)),
    respond(200, to="bye"),
)

# --- Targets --------------------------------------------------------------------------------------------------------

TARGET_HANGS_UP: Final[Steps] = (
    *_RINGS,
    pause(_WHILE_MS),
    *answered(body=sdp(port=7000)),
    pause(_WHILE_MS),
    *hang_up(),
)
TARGET_STAYS: Final[Steps] = (*_RINGS, pause(_WHILE_MS), *answered(), *until_bye())
TARGET_STAYS_AND_HANGS_UP: Final[Steps] = (
    *_RINGS,
    pause(_WHILE_MS),
    *answered(),
    # Long enough for a second try after a glare, which comes up to 4 s later.
    pause(4500),
    *hang_up(),
)
TARGET_ANSWERS_AT_ONCE: Final[Steps] = (receive("INVITE"), *answered(), *until_bye())
TARGET_RINGS: Final[Steps] = (*_RINGS, *cancelled())
TARGET_TRIES: Final[Steps] = (receive("INVITE"), respond(100), *cancelled())
# The CANCEL is answered, and the INVITE never is.
TARGET_FORGETS: Final[Steps] = (*_RINGS, receive("CANCEL"), respond(200, to="cancel", tag=OUR_TAG))
# The answer crosses the CANCEL: it has to be acknowledged, and ended.
TARGET_ANSWERS_LATE: Final[Steps] = (
    *_RINGS,
    receive("CANCEL"),
    respond(200, to="cancel", tag=OUR_TAG),
    respond(200, body=sdp(), repeated=True),
    receive("ACK"),
    receive("BYE"),
    respond(200, to="bye"),
)
# The answer crosses the CANCEL, and both hang up at once: a BYE may come before the response to the other.
TARGET_BYE_CROSSES: Final[Steps] = (
    *_RINGS,
    receive("CANCEL"),
    respond(200, to="cancel", tag=OUR_TAG),
    respond(200, body=sdp(), repeated=True),
    receive("ACK"),
    request("BYE"),
    receive("BYE", optional=True, then=1),
    receive_response(481, optional=True, then=2),
    receive_response(200, then=2),
    label(1),
    respond(200, to="bye"),
    receive_response(481, optional=True, then=3),
    receive_response(200, then=3),
    label(2),
    receive("BYE", within_ms=_WHILE_MS, otherwise=3),
    respond(200, to="bye"),
    label(3),
)
TARGET_EARLY_MEDIA: Final[Steps] = (
    receive("INVITE"),
    respond(100),
    respond(183, body=sdp(port=7002)),
    pause(_WHILE_MS),
    *answered(body=sdp(port=7002)),
    pause(_WHILE_MS),
    *hang_up(),
)
TARGET_ANNOUNCES: Final[Steps] = (
    receive("INVITE"),
    respond(100),
    respond(183, body=sdp(port=7002)),
    pause(_WHILE_MS),
    respond(404, 'Reason: Q.850;cause=1;text="Unallocated (unassigned) number"', contact=False, repeated=True),
    receive("ACK"),
)
TARGET_TAGS: Final[Steps] = (
    *_RINGS,
    *answered(tag="a+b.c~d%41'!*"),
    pause(_WHILE_MS),
    *hang_up(tag="a+b.c~d%41'!*"),
)
TARGET_FORKS: Final[Steps] = (
    *_RINGS,
    respond(200, body=sdp(), tag="first"),
    receive("ACK", named="ack", checks=["To:.*tag=first"]),
    respond(200, body=sdp(port=7004), tag="second"),
    receive("ACK", named="loser", checks=["To:.*tag=second"]),
    receive("BYE", checks=["To:.*tag=second"]),
    respond(200, to="bye"),
    pause(_WHILE_MS),
    *hang_up(tag="first"),
)
# Most ACKs are lost, so that the answer comes again, until one is seen.
TARGET_REPEATS: Final[Steps] = (
    *_RINGS,
    respond(200, body=sdp(), repeated=True),
    receive("ACK", lost=70),
    *hang_up(),
)
TARGET_REFRESHES: Final[Steps] = (
    *_RINGS,
    *answered(headers=("Require: timer", "Session-Expires: 90;refresher=uas")),
    pause(_WHILE_MS),
    request("INVITE", "Session-Expires: 90;refresher=uac", "Supported: timer", number=1, body=sdp(version=1)),
    receive_response(100, optional=True),
    receive_response(200),
    request("ACK", number=1),
    *hang_up(number=2),
)
TARGET_REFRESHES_WITHOUT_SDP: Final[Steps] = (
    *_RINGS,
    *answered(),
    pause(_WHILE_MS),
    request("INVITE", "Session-Expires: 90;refresher=uac", number=1),
    receive_response(100, optional=True),
    receive_response(200),
    request("ACK", number=1, body=sdp(version=2)),
    pause(_WHILE_MS),
    *hang_up(number=2),
)
TARGET_UPDATES: Final[Steps] = (
    *_RINGS,
    *answered(),
    pause(_WHILE_MS),
    request("UPDATE", "Session-Expires: 90;refresher=uac", number=1),
    receive_response(200),
    *hang_up(number=2),
)
TARGET_SENDS_WHAT_IT_LIKES: Final[Steps] = (
    *_RINGS,
    *answered(),
    request("OPTIONS", number=1),
    receive_response(200),
    request("INFO", "Content-Type: application/dtmf-relay", number=2),
    receive_response(200),
    request("REFER", "Refer-To: <sip:elsewhere@127.0.0.1>", number=3),
    receive_response(405),
    request("FROBNICATE", number=4),
    receive_response(405),
    request("INFO", "Require: levitation", number=5),
    receive_response(420),
    *hang_up(number=6),
)
# Refuses whoever does not offer 100rel; each provisional response has to be acknowledged then.
TARGET_WANTS_100REL: Final[Steps] = (
    receive("INVITE"),
    respond(421, "Require: 100rel", contact=False, repeated=True),
    receive("ACK"),
    receive("INVITE", checks=["100rel"]),
    respond(100),
    respond(180, "Require: 100rel", "RSeq: 7", repeated=True),
    receive("PRACK", checks=["RAck: 7 2 INVITE"]),
    respond(200, to="prack"),
    *answered(),
    pause(_WHILE_MS),
    *hang_up(),
)
# Demands it without a word before, although Ringback had not offered it.
TARGET_PRACK: Final[Steps] = (
    receive("INVITE"),
    respond(100),
    respond(180, "Require: 100rel", "RSeq: 10", repeated=True),
    receive("PRACK", checks=["RAck: 10 [0-9]+ INVITE"]),
    respond(200, to="prack"),
    *answered(),
    pause(_WHILE_MS),
    *hang_up(),
)
TARGET_WITHOUT_TAG: Final[Steps] = (*_RINGS, *answered(tag=""), pause(_WHILE_MS), request("BYE"), receive_response(200))


# Must hear that the agent has moved its media.
TARGET_IS_TOLD: Final[Steps] = (
    *_RINGS,
    pause(_WHILE_MS),
    *answered(),
    *one_offer(checks=["m=audio 6100 "]),
    pause(_WHILE_MS),
    *hang_up(),
)


# Is put on hold, and taken back.
TARGET_IS_HELD: Final[Steps] = (
    *_RINGS,
    pause(_WHILE_MS),
    *answered(),
    *one_offer(named="hold", checks=["a=sendonly"], body=sdp("recvonly", version=2)),
    *one_offer(named="resume", checks=["a=sendrecv"], body=sdp("sendrecv", version=3)),
    receive("BYE"),
    respond(200, to="bye"),
)


def challenged(challenge: str, *, digest: tuple[str, str] = (USER, PASSWORD)) -> Steps:
    """Demand a digest, see that it is right, and answer."""
    return (
        receive("INVITE"),
        respond(401, f"WWW-Authenticate: Digest {challenge}", contact=False, repeated=True),
        receive("ACK"),
        receive("INVITE", digest=digest),
        respond(180),
        *answered(),
        pause(_WHILE_MS),
        *hang_up(),
    )


TARGET_STALE_NONCE: Final[Steps] = (
    receive("INVITE"),
    respond(401, 'WWW-Authenticate: Digest realm="r", nonce="old", qop="auth"', contact=False, repeated=True),
    receive("ACK"),
    receive("INVITE", digest=(USER, PASSWORD)),
    respond(
        401, 'WWW-Authenticate: Digest realm="r", nonce="new", stale=TRUE, qop="auth"', contact=False, repeated=True
    ),
    receive("ACK"),
    receive("INVITE", digest=(USER, PASSWORD), checks=['nonce="new"']),
    *answered(),
    pause(_WHILE_MS),
    *hang_up(),
)
TARGET_NEVER_PLEASED: Final[Steps] = (
    receive("INVITE"),
    respond(401, 'WWW-Authenticate: Digest realm="r", nonce="one", qop="auth"', contact=False, repeated=True),
    receive("ACK"),
    receive("INVITE"),
    respond(401, 'WWW-Authenticate: Digest realm="r", nonce="two", qop="auth"', contact=False, repeated=True),
    receive("ACK"),
)
TARGET_PROXY_CHALLENGES: Final[Steps] = (
    receive("INVITE"),
    respond(407, 'Proxy-Authenticate: Digest realm="r", nonce="one", qop="auth"', contact=False, repeated=True),
    receive("ACK"),
    receive("INVITE", checks=["Proxy-Authorization: Digest ", 'nonce="one"', "qop=auth", "nc=00000001"]),
    respond(180),
    *answered(),
    pause(_WHILE_MS),
    *hang_up(),
)
