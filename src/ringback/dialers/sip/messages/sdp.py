"""Session descriptions, one side's shown to the other (RFC 4566, RFC 3264, RFC 3725 section 8).

There is no media here, so nothing is understood that need not be: lines are kept as they came and in their order, also
those of SRTP, ICE and codecs that this module has no name for. Changed are the origin, since each dialog sees one
session with rising versions, the direction, and the count of streams, which within one dialog never sinks.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ringback.dialers.sip.messages.message_types import MalformedMessage

MAX_LINES: Final = 1_024
MAX_STREAMS: Final = 32

SENDRECV, SENDONLY, RECVONLY, INACTIVE = "sendrecv", "sendonly", "recvonly", "inactive"
_DIRECTIONS: Final = {
    SENDRECV: (True, True),
    SENDONLY: (True, False),
    RECVONLY: (False, True),
    INACTIVE: (False, False),
}
_NAME_OF: Final = {can: name for name, can in _DIRECTIONS.items()}

# RFC 863: what a peer sends although the stream is inactive has no receiver.
_DISCARD_PORT: Final = 9
_CODEC: Final = ("utf-8", "surrogateescape")
_LINE: Final = re.compile("[a-z]=.*+", re.DOTALL)
_LINE_END: Final = re.compile("\r\n|\n|\r")
_MEDIA: Final = re.compile(
    r"m=(?P<kind>\S++)[ \t]++(?P<port>[0-9]{1,5})(?:/[0-9]++)?+[ \t]++(?P<protocol>\S++)(?P<formats>.*+)", re.ASCII
)
_ORIGIN: Final = re.compile(r"o=(\S++) ([0-9]{1,20}) ([0-9]{1,20}) IN IP[46] (\S++)", re.ASCII)
_CONNECTION: Final = re.compile(r"c=IN IP[46] ([^\s/]++)")
_RTPMAP: Final = re.compile(r"a=rtpmap:([0-9]{1,3})[ \t]++([^\s/]++)/([0-9]++)(/[0-9]++)?", re.ASCII)
_KEYS: Final = re.compile("a=(?:crypto|fingerprint|setup|key-mgmt|ice-ufrag|ice-pwd|candidate|rtcp|rtcp-mux)(?:$|[: ])")
# Without rtpmap these are what RFC 3551 says.
_STATIC: Final = {
    "PCMU/8000": 0,
    "GSM/8000": 3,
    "G723/8000": 4,
    "PCMA/8000": 8,
    "G722/8000": 9,  # of 16 kHz, but its clock is this one (section 4.5.2)
    "CN/8000": 13,
    "G729/8000": 18,
}
_EVENTS: Final = "TELEPHONE-EVENT/8000"
_NAME_OF_STATIC: Final = {number: name for name, number in _STATIC.items()}
_CODEC_NAME: Final = re.compile(
    r"(?P<name>[A-Za-z0-9\-]{1,32})(?:/(?P<rate>[0-9]{4,6})(?P<channels>/[1-8])?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line of all that is sent in one dialog: the version rises with each change (RFC 3264 section 8)."""

    username: str
    session_id: int
    version: int
    address: str

    def next(self) -> "Origin":
        return replace(self, version=self.version + 1)

    def __str__(self) -> str:
        return f"o={self.username} {self.session_id} {self.version} IN {_kind_of(self.address)} {self.address}"


@dataclass(frozen=True, slots=True)
class Media:
    """One stream: its m= line, and what follows until the next."""

    lines: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self._parts()["kind"]

    @property
    def port(self) -> int:
        """0 for a stream that is refused."""
        return int(self._parts()["port"])

    @property
    def protocol(self) -> str:
        return self._parts()["protocol"]

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(self._parts()["formats"].split())

    @property
    def codecs(self) -> dict[str, str]:
        """Return the payload types by name of the codec, such as `PCMA/8000`; a format without a name is its own."""
        names: dict[str, str] = {}
        for line in self.lines:
            if found := _RTPMAP.match(line):
                channels = found[4] if found[4] != "/1" else None
                names.setdefault(found[1], f"{found[2].upper()}/{found[3]}{channels or ''}")
        codecs: dict[str, str] = {}
        for payload in self.formats:
            static = _NAME_OF_STATIC.get(int(payload)) if payload.isdecimal() else None
            codecs.setdefault(names.get(payload) or static or payload, payload)
        return codecs

    def refused(self) -> "Media":
        """Return the stream with port 0, and nothing more than its m= line (RFC 3264 section 6)."""
        formats = " ".join(self.formats) or "0"
        return Media((f"m={self.kind} 0 {self.protocol} {formats}",))

    def _parts(self) -> re.Match[str]:
        parts = _MEDIA.fullmatch(self.lines[0])
        if parts is None:
            raise MalformedMessage("An m= line is malformed.", 488)
        return parts


@dataclass(frozen=True, slots=True)
class SessionDescription:
    session: tuple[str, ...]
    """The lines before the first m= line."""
    media: tuple[Media, ...]

    @classmethod
    def parse(cls, data: bytes) -> "SessionDescription":
        """Read a description. Raise `MalformedMessage`, with status 488."""
        lines = [line for line in _LINE_END.split(data.decode(*_CODEC)) if line.strip()]
        if len(lines) > MAX_LINES or not lines or not all(_LINE.fullmatch(line) for line in lines):
            raise MalformedMessage("The body is no session description.", 488)
        starts = [place for place, line in enumerate(lines) if line.startswith("m=")]
        if len(starts) > MAX_STREAMS:
            raise MalformedMessage(f"The session has more than {MAX_STREAMS} streams.", 488)
        ends = [*starts[1:], len(lines)]
        head = tuple(lines[: starts[0]] if starts else lines)
        if head[0] != "v=0" or not any(line.startswith("o=") for line in head):
            raise MalformedMessage("The session description has no version or no origin.", 488)
        media = tuple(Media(tuple(lines[start:end])) for start, end in zip(starts, ends, strict=False))
        for stream in media:
            _ = stream.port  # raises when its m= line is malformed
        return cls(head, media)

    def encode(self) -> bytes:
        lines = [*self.session, *(line for stream in self.media for line in stream.lines), ""]
        return "\r\n".join(lines).encode(*_CODEC)

    @property
    def origin(self) -> Origin | None:
        """None where it is not of this form: some names are no numbers."""
        found = next((_ORIGIN.match(line) for line in self.session if line.startswith("o=")), None)
        return Origin(found[1], int(found[2]), int(found[3]), found[4]) if found else None

    @property
    def refused(self) -> bool:
        """Return whether no stream is left."""
        return all(stream.port == 0 for stream in self.media)

    def address(self, stream: Media) -> str:
        """Return where a stream is received; "" when nothing says it."""
        found = (_CONNECTION.match(line) for line in (*stream.lines, *self.session))
        return next((match[1] for match in found if match), "")

    def direction(self, stream: Media) -> str:
        """Return the direction of a stream. An address of zeros receives nothing: hold as RFC 2543 had it."""
        name = _direction_in(stream.lines) or _direction_in(self.session) or SENDRECV
        if self.address(stream) in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound to it
            return _NAME_OF[_DIRECTIONS[name][0], False]
        return name


def held_offer(origin: Origin, codecs: Sequence[str]) -> SessionDescription:
    """Return an offer without media: one inactive stream with our codecs, which nothing is sent to (flow E).

    The port is not 0, which would refuse the stream for good. Raise `ValueError` for the name of a codec that is none.
    """
    numbers = _numbered(codecs)
    session = ("v=0", str(origin), "s=-", f"c=IN {_kind_of(origin.address)} {origin.address}", "t=0 0")
    lines = [f"m=audio {_DISCARD_PORT} RTP/AVP {' '.join(str(number) for _, number in numbers)}"]
    for name, number in numbers:
        lines.append(f"a=rtpmap:{number} {name}")
        if name.upper() == _EVENTS:
            lines.append(f"a=fmtp:{number} 0-16")
    return SessionDescription(session, (Media((*lines, f"a={INACTIVE}")),))


def offer_from(
    other: SessionDescription,
    origin: Origin,
    direction: str | None = SENDRECV,
    *,
    previous: SessionDescription | None = None,
) -> SessionDescription:
    """Return the media of the other side as our offer. A direction of None leaves it as it is.

    `previous` is what the dialog has been sent last: its streams keep their places, and new ones follow
    (RFC 3264 section 8).
    """
    media = list(other.media)
    if previous is not None:
        media = _in_places_of(previous.media, media)
    offer = SessionDescription(_with_origin(other.session, origin), tuple(media))
    return offer if direction is None else directed(offer, direction)


def answer_from(other: SessionDescription, offer: SessionDescription, origin: Origin) -> SessionDescription:
    """Return the media of the other side as an answer: as many streams as the offer has, in its order.

    A stream of the offer that the other side has not is refused, and none goes in a direction that the offer excludes
    (RFC 3264 section 6.1).
    """
    media = _in_places_of(offer.media, other.media)[: len(offer.media)]
    session = _with_origin(other.session, origin)
    answer = []
    for asked, stream in zip(offer.media, media, strict=True):
        if asked.port == 0 or stream.port == 0 or stream.protocol.upper() != asked.protocol.upper():
            answer.append(asked.refused())
            continue
        sends, receives = _DIRECTIONS[other.direction(stream)]
        they_send, they_receive = _DIRECTIONS[offer.direction(asked)]
        allowed = _NAME_OF[sends and they_receive, receives and they_send]
        answer.append(stream if allowed == other.direction(stream) else _directed(stream, allowed))
    return SessionDescription(session, tuple(answer))


def directed(description: SessionDescription, direction: str) -> SessionDescription:
    """Return a description all of whose streams have a direction."""
    session = tuple(line for line in description.session if line[2:] not in _DIRECTIONS)
    return SessionDescription(session, tuple(_directed(stream, direction) for stream in description.media))


def direction(description: SessionDescription) -> str:
    """Return the direction of the first stream that is not refused; `inactive` where there is none."""
    streams = [stream for stream in description.media if stream.port]
    return description.direction(streams[0]) if streams else INACTIVE


def moved(before: SessionDescription, after: SessionDescription, *, used: SessionDescription | None = None) -> bool:
    """Return whether the other side must be told: address, port, codecs or keys of a stream differ.

    With `used`, what the other side has answered to `before`, a codec counts only if it is one of those: to leave out
    what nobody sends changes nothing.
    """
    if len(before.media) != len(after.media):
        return True
    others = used.media if used is not None and len(used.media) == len(after.media) else before.media
    return any(
        _place(before, old) != _place(after, new)
        or (new.port != 0 and _codecs_differ(old.codecs, new.codecs, other.codecs if used else None))
        for old, new, other in zip(before.media, after.media, others, strict=True)
    )


def _place(description: SessionDescription, stream: Media) -> tuple[object, ...]:
    if stream.port == 0:
        return (0,)
    keys = tuple(line for line in (*description.session, *stream.lines) if _KEYS.match(line))
    return (stream.port, stream.kind, stream.protocol, description.address(stream), keys)


def _codecs_differ(before: dict[str, str], after: dict[str, str], used: dict[str, str] | None) -> bool:
    if used is None:
        return before != after
    return any(before.get(name) != after.get(name) for name in used)


def _in_places_of(shape: Iterable[Media], media: Iterable[Media]) -> list[Media]:
    """Return streams, each in the place of one of its kind; places of which none is left are refused, others follow."""
    left, placed = list(media), []
    for slot in shape:
        found = next((place for place, stream in enumerate(left) if stream.kind == slot.kind), None)
        placed.append(slot.refused() if found is None else left.pop(found))
    return placed + left


def _with_origin(session: tuple[str, ...], origin: Origin) -> tuple[str, ...]:
    return tuple(str(origin) if line.startswith("o=") else line for line in session)


def _directed(stream: Media, direction: str) -> Media:
    """Return a stream with a direction, at the place of the one that it had."""
    if stream.port == 0:
        return stream
    lines = [f"a={direction}" if line[2:] in _DIRECTIONS else line for line in stream.lines]
    if lines.count(f"a={direction}") == 0:
        lines.append(f"a={direction}")
    return Media(tuple(lines))


def _direction_in(lines: Iterable[str]) -> str | None:
    return next((line[2:] for line in lines if line.startswith("a=") and line[2:] in _DIRECTIONS), None)


def _kind_of(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _numbered(codecs: Sequence[str]) -> list[tuple[str, int]]:
    """Return the codecs with their payload types: static ones of RFC 3551, 101 for events, others from 96 on."""
    free = iter(number for number in range(96, 128) if number != 101)
    numbers = []
    for codec in codecs:
        found = _CODEC_NAME.fullmatch(codec)
        if found is None:
            raise ValueError(f"{codec!r} is no codec: a name, such as PCMA or opus/48000/2")
        name = f"{found['name']}/{found['rate'] or 8000}{found['channels'] or ''}"
        number = 101 if name.upper() == _EVENTS else _STATIC.get(name.upper())
        numbers.append((name, next(free) if number is None else number))
    return numbers
