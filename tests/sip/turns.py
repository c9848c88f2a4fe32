"""What agents and targets of the matrix have in common: turns of a call, as steps of SIPp scenarios."""

from collections.abc import Sequence
from typing import Final

from tests.world.sip_peers.scenario import OUR_TAG, Step, label, receive, receive_response, request, respond, sdp

Steps = Sequence[Step]

USER: Final = "ringback"
PASSWORD: Final = "correct horse"
# Long enough for the other side of a call to be where its scenario says.
WHILE_MS: Final = 400

RINGING: Final[Steps] = (receive("INVITE"), respond(100), respond(180))
HELD: Final = sdp("inactive")


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
