"""How agents behave in the cases of the matrix."""

from typing import Final

from tests.sip.turns import (
    HELD,
    PASSWORD,
    RINGING,
    USER,
    WHILE_MS,
    Steps,
    answered,
    cancelled,
    hang_up,
    one_offer,
    refused,
    until_bye,
)
from tests.world.sip_peers.scenario import pause, receive, receive_response, request, respond, sdp

# Answers, and stays until the end. Its offers must be early ones: each INVITE has a session description.
ANSWERS: Final[Steps] = (
    receive("INVITE", checks=["application/sdp", "a=inactive"]),
    respond(100),
    respond(180),
    *answered(body=HELD),
    *until_bye(),
)
# Its only re-INVITE must carry the target's session.
JOINED_ONCE: Final[Steps] = (
    *RINGING,
    *answered(body=HELD),
    *one_offer(checks=["m=audio 7000 ", "a=sendrecv"]),
    receive("BYE"),
    respond(200, to="bye"),
)
HANGS_UP: Final[Steps] = (*RINGING, *answered(body=HELD), *one_offer(), pause(WHILE_MS), *hang_up())
# By then the target has been called, and rings: two dialogs, on a machine that may be busy.
LEAVES_EARLY: Final[Steps] = (*RINGING, *answered(body=HELD), pause(5 * WHILE_MS), *hang_up())
BUSY: Final = refused(486)
RINGS: Final[Steps] = (*RINGING, *cancelled())
# Refuses to be joined with the target.
REFUSES_OFFER: Final[Steps] = (
    *RINGING,
    *answered(body=HELD),
    receive("INVITE", named="join"),
    respond(488, to="join", repeated=True),
    receive("ACK"),
    receive("BYE"),
    respond(200, to="bye"),
)
# Sends a re-INVITE of its own while Ringback's is under way: both are refused, and Ringback tries again.
GLARE: Final[Steps] = (
    *RINGING,
    *answered(body=HELD),
    receive("INVITE", named="join"),
    request("INVITE", number=1, body=sdp("inactive", version=3)),
    receive_response(491),
    request("ACK", number=1),
    respond(491, to="join", repeated=True),
    receive("ACK"),
    *until_bye(),
)
# Moves its media when it is joined: the target has to be told.
MOVES: Final[Steps] = (
    *RINGING,
    *answered(body=HELD),
    *one_offer(body=sdp(version=2, port=6100)),
    *until_bye(),
)
# Puts the target on hold, and takes it back.
HOLDS: Final[Steps] = (
    *RINGING,
    *answered(body=HELD),
    *one_offer(),
    pause(WHILE_MS),
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
CHALLENGES: Final[Steps] = (
    *RINGING,
    *answered(body=HELD),
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
