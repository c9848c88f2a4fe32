"""The results of calls with many items, with or without the callbacks whole."""

from collections.abc import Iterable
from typing import Protocol

from ringback.domain.callback import MAX_RESPONSE_BYTES, Callback, weight
from ringback.domain.errors import Fault, InvalidRequest, RingbackError
from ringback.wire.errors import to_error


class HasCallback(Protocol):
    """The result of an item that has succeeded."""

    @property
    def callback(self) -> Callback: ...


def check_room(expected: Iterable[HasCallback | RingbackError]) -> None:
    """Refuse a call whose response, with all callbacks, could not be sent."""
    size = sum(map(size_of, expected))
    if size > MAX_RESPONSE_BYTES:
        raise InvalidRequest(
            [
                Fault(
                    "include_callbacks",
                    f"the response could take {size} bytes; at most {MAX_RESPONSE_BYTES} can be sent: "
                    "send fewer items, or leave it out",
                )
            ]
        )


def size_of(result: HasCallback | RingbackError) -> int:
    """Return an upper bound of the bytes that the result takes in a response."""
    return to_error(result).ByteSize() if isinstance(result, RingbackError) else weight(result.callback)
