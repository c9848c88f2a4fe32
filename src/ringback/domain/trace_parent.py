"""The header `traceparent` of W3C Trace Context: which trace a callback belongs to, and below which span.

Pure. It is kept with the callback, so that whoever calls the target goes on with the trace of who requested it.
"""

import re
from typing import Final

from msgspec import Struct

LENGTH: Final = 55
"""Of version 00, as it is kept and handed on."""

# Of version 00 this is all; a later one may have more after another dash, and is read as far as version 00 goes.
_TEXT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.DOTALL,
)
_VERSION: Final = "00"
_INVALID_VERSION: Final = "ff"
# Sampled, and of level 2: the trace id is random. What the other bits will mean is not said.
_SAMPLED: Final = 0x01
_FLAGS: Final = 0x03
_MAX_LENGTH: Final = 512


class TraceParent(Struct, frozen=True, gc=False):
    """A trace, and the span in it that what follows goes below."""

    trace_id: str
    span_id: str
    flags: int

    @classmethod
    def parse(cls, text: str) -> "TraceParent | None":
        """Return what the header says; None when it is not valid, for then the trace ends here (W3C, section 4.3)."""
        found = _TEXT.fullmatch(text) if len(text) <= _MAX_LENGTH else None
        if found is None or found["version"] == _INVALID_VERSION or (found["version"] == _VERSION and found["more"]):
            return None
        if not found["trace"].strip("0") or not found["span"].strip("0"):
            return None
        return cls(found["trace"], found["span"], int(found["flags"], 16) & _FLAGS)

    @property
    def sampled(self) -> bool:
        return bool(self.flags & _SAMPLED)

    def __str__(self) -> str:
        return f"{_VERSION}-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def read_trace_parent(text: str) -> str | None:
    """Return the header in version 00, None when it is not valid."""
    parsed = TraceParent.parse(text)
    return None if parsed is None else str(parsed)


def trace_id_of(trace_parent: str | None) -> str:
    """Return the trace of a header that was read; "" for none."""
    return trace_parent[3:35] if trace_parent else ""
