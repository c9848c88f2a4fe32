"""The messages of a call as a ladder, one line each: the agent on the left, the target on the right. Pure.

           agent                      ringback                      target
    0.000  |<--------- INVITE sdp --------|                              |
    0.004  |--------- 100 Trying -------->|                              |
    2.320  |                              |--------- INVITE sdp -------->|

It shows methods and statuses, and no address, so that nothing in it is secret or personal.
"""

from collections.abc import Sequence
from typing import Final

from ringback.dialers.sip.messages.header_values import printable
from ringback.dialers.sip.messages.message import MalformedMessage, Message, Request, Response, call_id, cseq, parse
from ringback.domain.masking import mask_numbers

_LANE: Final = 30
# Of an arrow, beside its label and the blanks around that.
_LEAST_SHAFT: Final = 2
_MAX_LABEL: Final = _LANE - 2 * _LEAST_SHAFT - 2
_INDENT: Final = 11
AGENT: Final = 0
TARGET: Final = 1
_SIDES: Final = ("agent", "target")


class Ladder:
    """The lines of the two legs of one call. What belongs to neither, such as REGISTER, has no line."""

    def __init__(self, *, first: int = AGENT) -> None:
        """`first` is the side that is called first: its INVITE is what comes first."""
        self._order = (first, 1 - first)
        self._lanes: dict[str, int] = {}

    @property
    def call_ids(self) -> tuple[str, ...]:
        """Those of the legs that were shown, in the order of their INVITEs."""
        return tuple(self._lanes)

    @property
    def sides(self) -> str:
        """The legs that were shown, each with its Call-ID."""
        return ", ".join(f"{_SIDES[lane]} {identifier}" for identifier, lane in self._lanes.items())

    @property
    def heading(self) -> str:
        return f"{'':{_INDENT}}{'agent':<{_LANE - 3}}ringback{'target':>{_LANE - 2}}"

    def line(self, elapsed_s: float, *, sent: bool, data: bytes) -> str | None:
        """Return the line of a message; None for one that belongs to no leg, or cannot be read."""
        try:
            message = parse(data)
            identifier, label = call_id(message), _label_of(message)
        except MalformedMessage:
            return None
        is_invite = isinstance(message, Request) and message.method == "INVITE"
        return self._line(elapsed_s, self._lane_of(identifier, is_invite=is_invite), label, sent=sent)

    def line_of_text(self, elapsed_s: float, *, sent: bool, call_id: str, text: str) -> str | None:
        """Return the line of a message that is redacted: what is hidden in it may have been needed to parse it."""
        head, _, body = text.partition("\n\n")
        start, *headers = head.split("\n")
        return self._line(
            elapsed_s,
            self._lane_of(call_id, is_invite=start.startswith("INVITE ")),
            _shown(*_read_start(start, headers), has_sdp=bool(body) and _has_sdp(headers)),
            sent=sent,
        )

    def _line(self, elapsed_s: float, lane: int | None, label: str, *, sent: bool) -> str | None:
        if lane is None:
            return None
        arrow, idle = _arrow(label, to_right=sent is (lane == TARGET)), " " * _LANE
        left, right = (arrow, idle) if lane == AGENT else (idle, arrow)
        return f"{elapsed_s:>{_INDENT - 2}.3f}  |{left}|{right}|"

    def note(self, elapsed_s: float, text: str) -> str:
        """Return a line about the call itself."""
        return f"{elapsed_s:>{_INDENT - 2}.3f}  - {text}"

    def _lane_of(self, identifier: str, *, is_invite: bool) -> int | None:
        if is_invite and identifier not in self._lanes and len(self._lanes) < len(self._order):
            self._lanes[identifier] = self._order[len(self._lanes)]
        return self._lanes.get(identifier)


def _label_of(message: Message) -> str:
    is_sdp = "sdp" in (message.headers.get("Content-Type") or "").lower()
    if isinstance(message, Response):
        return _shown(cseq(message).method, f"{message.status} {message.reason}", has_sdp=bool(message.body) and is_sdp)
    return _shown(message.method, "", has_sdp=bool(message.body) and is_sdp)


def _read_start(start: str, headers: Sequence[str]) -> tuple[str, str]:
    """Return the method of a message, and of a response its status with the reason."""
    version, _, status = start.partition(" ")
    if not version.upper().startswith("SIP/"):
        return version, ""
    sequence = next((value for name, value in map(_named, headers) if name == "cseq"), "")
    return sequence.rpartition(" ")[2], status


def _has_sdp(headers: Sequence[str]) -> bool:
    return any("sdp" in value.lower() for name, value in map(_named, headers) if name in ("content-type", "c"))


def _named(header: str) -> tuple[str, str]:
    name, _, value = header.partition(":")
    return name.strip().lower(), value.strip()


def _shown(method: str, status: str, *, has_sdp: bool) -> str:
    # Of a response it is only the INVITE that goes without saying.
    text = method if not status else status if method == "INVITE" else f"{status.partition(' ')[0]} {method}"
    text = mask_numbers(printable(text))
    body = " sdp" if has_sdp else ""
    room = _MAX_LABEL - len(body)
    return (text if len(text) <= room else f"{text[: room - 3]}...") + body


def _arrow(label: str, *, to_right: bool) -> str:
    shaft = f" {label} ".center(_LANE - 1, "-")
    return f"{shaft}>" if to_right else f"<{shaft}"
