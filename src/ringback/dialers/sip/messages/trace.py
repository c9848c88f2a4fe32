"""What went over the wire, by Call-ID, for engineers who look for a call: bounded, and without what is secret."""

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

from ringback.dialers.sip.messages.redaction import redacted
from ringback.ports.dialer import CallMessage

# A call has some twenty messages; what is retransmitted comes on top.
MAX_MESSAGES_PER_CALL: Final = 128
MAX_CALLS: Final = 256
# Of a message, for the port. What a peer makes longer is cut: redaction takes time for each character.
MAX_SHOWN_BYTES: Final = 16 * 1024
# Of all that is kept. A peer that sends large messages pushes out older calls, and nothing else.
MAX_BYTES: Final = 8 * 2**20

_CALL_ID: Final = re.compile(rb"\n(?:Call-ID|i)[ \t]*+:(?:[ \t]|\r?\n[ \t])*+([^\r\n]{1,255}+)", re.IGNORECASE)

Direction = Literal["sent", "received"]


class Peer(Protocol):
    """Where a message went, or came from."""

    @property
    def transport(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...


@dataclass(frozen=True, slots=True)
class TracedMessage:
    at: datetime
    number: int
    """The order in which messages were recorded."""
    direction: Direction
    peer: str
    """`UDP 192.0.2.1:5060`."""
    call_id: str
    """Empty when it has none."""
    data: bytes = field(repr=False)
    numbers: bool = field(default=False, repr=False)
    """Whether telephone numbers are shown in full. What is secret never is."""

    @property
    def text(self) -> str:
        return redacted(self.data, numbers=self.numbers)


Listener = Callable[[TracedMessage], None]


class Trace:
    """The last messages of the last calls. What is redacted is redacted when it is read: most is never read."""

    def __init__(self, *, numbers: bool = False) -> None:
        self.listeners: list[Listener] = []
        self._recorded = 0
        self._numbers = numbers
        self._calls: OrderedDict[str, deque[TracedMessage]] = OrderedDict()
        self._bytes = 0

    def record(self, direction: Direction, destination: Peer, data: bytes, at: datetime) -> None:
        """Keep a message, and show it to the listeners. What has no Call-ID is only shown."""
        host = f"[{destination.address}]" if ":" in destination.address else destination.address
        peer = f"{destination.transport.upper()} {host}:{destination.port}"
        self._recorded += 1
        found = _CALL_ID.search(data)
        call_id = "" if found is None else found[1].decode("utf-8", "surrogateescape").strip()
        entry = TracedMessage(at, self._recorded, direction, peer, call_id, data, self._numbers)
        if call_id:
            self._keep(entry)
        for listener in self.listeners:
            listener(entry)

    def of(self, *call_ids: str) -> list[TracedMessage]:
        """Return what was kept of these calls, such as the two legs of one, in the order in which it was recorded."""
        entries = [entry for call_id in dict.fromkeys(call_ids) for entry in self._calls.get(call_id, ())]
        return sorted(entries, key=lambda entry: entry.number)

    def messages(self, call_ids: Sequence[str]) -> Iterator[CallMessage]:
        """Yield them for a port that everything may leave by: numbers are masked, whatever the settings say."""
        for entry in self.of(*call_ids):
            yield CallMessage(
                time=entry.at,
                sent=entry.direction == "sent",
                peer=entry.peer,
                call_id=entry.call_id,
                text=_beginning(entry.data),
            )

    def forget(self, call_ids: Sequence[str]) -> None:
        for call_id in call_ids:
            self._bytes -= sum(len(entry.data) for entry in self._calls.pop(call_id, ()))

    def _keep(self, entry: TracedMessage) -> None:
        entries = self._calls.setdefault(entry.call_id, deque())
        self._calls.move_to_end(entry.call_id)
        entries.append(entry)
        self._bytes += len(entry.data)
        if len(entries) > MAX_MESSAGES_PER_CALL:
            self._bytes -= len(entries.popleft().data)
        while len(self._calls) > MAX_CALLS or self._bytes > MAX_BYTES:
            _, dropped = self._calls.popitem(last=False)
            self._bytes -= sum(len(entry.data) for entry in dropped)


def _beginning(data: bytes) -> str:
    """Return the message redacted, as far as it is shown. It is cut between two lines: a half may not be redacted."""
    if len(data) <= MAX_SHOWN_BYTES:
        return redacted(data)
    end = data.rfind(b"\n", 0, MAX_SHOWN_BYTES) + 1
    while end > 0 and data[end : end + 1] in (b" ", b"\t"):  # a header that goes on
        end = data.rfind(b"\n", 0, end - 1) + 1
    shown = data[:end]
    return f"{redacted(shown)}\n({len(data) - len(shown)} more bytes)"
