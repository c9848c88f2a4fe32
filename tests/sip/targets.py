"""How targets behave in the cases of the matrix."""

from typing import Final

from tests.sip.turns import PASSWORD, RINGING, USER, WHILE_MS, Steps, answered, cancelled, hang_up, one_offer, until_bye
from tests.world.sip_peers.scenario import OUR_TAG, label, pause, receive, receive_response, request, respond, sdp

HANGS_UP: Final[Steps] = (
    *RINGING,
    pause(WHILE_MS),
    *answered(body=sdp(port=7000)),
    pause(WHILE_MS),
    *hang_up(),
)
STAYS: Final[Steps] = (*RINGING, pause(WHILE_MS), *answered(), *until_bye())
STAYS_AND_HANGS_UP: Final[Steps] = (
    *RINGING,
    pause(WHILE_MS),
    *answered(),
    # Long enough for a second try after a glare, which comes up to 4 s later.
    pause(4500),
    *hang_up(),
)
ANSWERS_AT_ONCE: Final[Steps] = (receive("INVITE"), *answered(), *until_bye())
RINGS: Final[Steps] = (*RINGING, *cancelled())
TRIES: Final[Steps] = (receive("INVITE"), respond(100), *cancelled())
# The CANCEL is answered, and the INVITE never is.
FORGETS: Final[Steps] = (*RINGING, receive("CANCEL"), respond(200, to="cancel", tag=OUR_TAG))
# The answer crosses the CANCEL: it has to be acknowledged, and ended.
ANSWERS_LATE: Final[Steps] = (
    *RINGING,
    receive("CANCEL"),
    respond(200, to="cancel", tag=OUR_TAG),
    respond(200, body=sdp(), repeated=True),
    receive("ACK"),
    receive("BYE"),
    respond(200, to="bye"),
)
# The answer crosses the CANCEL, and both hang up at once: a BYE may come before the response to the other.
BYE_CROSSES: Final[Steps] = (
    *RINGING,
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
    receive("BYE", within_ms=WHILE_MS, otherwise=3),
    respond(200, to="bye"),
    label(3),
)
EARLY_MEDIA: Final[Steps] = (
    receive("INVITE"),
    respond(100),
    respond(183, body=sdp(port=7002)),
    pause(WHILE_MS),
    *answered(body=sdp(port=7002)),
    pause(WHILE_MS),
    *hang_up(),
)
ANNOUNCES: Final[Steps] = (
    receive("INVITE"),
    respond(100),
    respond(183, body=sdp(port=7002)),
    pause(WHILE_MS),
    respond(404, 'Reason: Q.850;cause=1;text="Unallocated (unassigned) number"', contact=False, repeated=True),
    receive("ACK"),
)
TAGS: Final[Steps] = (
    *RINGING,
    *answered(tag="a+b.c~d%41'!*"),
    pause(WHILE_MS),
    *hang_up(tag="a+b.c~d%41'!*"),
)
FORKS: Final[Steps] = (
    *RINGING,
    respond(200, body=sdp(), tag="first"),
    receive("ACK", named="ack", checks=["To:.*tag=first"]),
    respond(200, body=sdp(port=7004), tag="second"),
    receive("ACK", named="loser", checks=["To:.*tag=second"]),
    receive("BYE", checks=["To:.*tag=second"]),
    respond(200, to="bye"),
    pause(WHILE_MS),
    *hang_up(tag="first"),
)
# Most ACKs are lost, so that the answer comes again, until one is seen.
REPEATS: Final[Steps] = (
    *RINGING,
    respond(200, body=sdp(), repeated=True),
    receive("ACK", lost=70),
    *hang_up(),
)
REFRESHES: Final[Steps] = (
    *RINGING,
    *answered(headers=("Require: timer", "Session-Expires: 90;refresher=uas")),
    pause(WHILE_MS),
    request("INVITE", "Session-Expires: 90;refresher=uac", "Supported: timer", number=1, body=sdp(version=1)),
    receive_response(100, optional=True),
    receive_response(200),
    request("ACK", number=1),
    *hang_up(number=2),
)
REFRESHES_WITHOUT_SDP: Final[Steps] = (
    *RINGING,
    *answered(),
    pause(WHILE_MS),
    request("INVITE", "Session-Expires: 90;refresher=uac", number=1),
    receive_response(100, optional=True),
    receive_response(200),
    request("ACK", number=1, body=sdp(version=2)),
    pause(WHILE_MS),
    *hang_up(number=2),
)
UPDATES: Final[Steps] = (
    *RINGING,
    *answered(),
    pause(WHILE_MS),
    request("UPDATE", "Session-Expires: 90;refresher=uac", number=1),
    receive_response(200),
    *hang_up(number=2),
)
SENDS_WHAT_IT_LIKES: Final[Steps] = (
    *RINGING,
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
WANTS_100REL: Final[Steps] = (
    receive("INVITE"),
    respond(421, "Require: 100rel", contact=False, repeated=True),
    receive("ACK"),
    receive("INVITE", checks=["100rel"]),
    respond(100),
    respond(180, "Require: 100rel", "RSeq: 7", repeated=True),
    receive("PRACK", checks=["RAck: 7 2 INVITE"]),
    respond(200, to="prack"),
    *answered(),
    pause(WHILE_MS),
    *hang_up(),
)
# Demands it without a word before, although Ringback had not offered it.
PRACK: Final[Steps] = (
    receive("INVITE"),
    respond(100),
    respond(180, "Require: 100rel", "RSeq: 10", repeated=True),
    receive("PRACK", checks=["RAck: 10 [0-9]+ INVITE"]),
    respond(200, to="prack"),
    *answered(),
    pause(WHILE_MS),
    *hang_up(),
)
WITHOUT_TAG: Final[Steps] = (*RINGING, *answered(tag=""), pause(WHILE_MS), request("BYE"), receive_response(200))


# Must hear that the agent has moved its media.
IS_TOLD: Final[Steps] = (
    *RINGING,
    pause(WHILE_MS),
    *answered(),
    *one_offer(checks=["m=audio 6100 "]),
    pause(WHILE_MS),
    *hang_up(),
)


# Is put on hold, and taken back.
IS_HELD: Final[Steps] = (
    *RINGING,
    pause(WHILE_MS),
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
        pause(WHILE_MS),
        *hang_up(),
    )


STALE_NONCE: Final[Steps] = (
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
    pause(WHILE_MS),
    *hang_up(),
)
NEVER_PLEASED: Final[Steps] = (
    receive("INVITE"),
    respond(401, 'WWW-Authenticate: Digest realm="r", nonce="one", qop="auth"', contact=False, repeated=True),
    receive("ACK"),
    receive("INVITE"),
    respond(401, 'WWW-Authenticate: Digest realm="r", nonce="two", qop="auth"', contact=False, repeated=True),
    receive("ACK"),
)
PROXY_CHALLENGES: Final[Steps] = (
    receive("INVITE"),
    respond(407, 'Proxy-Authenticate: Digest realm="r", nonce="one", qop="auth"', contact=False, repeated=True),
    receive("ACK"),
    receive("INVITE", checks=["Proxy-Authorization: Digest ", 'nonce="one"', "qop=auth", "nc=00000001"]),
    respond(180),
    *answered(),
    pause(WHILE_MS),
    *hang_up(),
)
