"""Requests in frames that are none: faults of the request, with all that such a fault has."""

from collections.abc import Mapping
from typing import Final

import pytest

from ringback.domain.errors import UndecodableRequest
from ringback.web.connect.envelope import Envelope, envelope_of
from tests.world.connect_calls import END, STREAM, WATCH, Refused, end_of, exchange, frame, refused_in

CUT_OFF: Final = "is missing, or is cut off"
FAULTS: Final[Mapping[str, tuple[bytes, str]]] = {
    "nothing": (b"", CUT_OFF),
    "half of a head": (b"\0\0", CUT_OFF),
    "half of a message": (frame(b"{}")[:-1], CUT_OFF),
    "a second message": (frame(b"{}") * 2, "is followed by something else"),
    "something else behind it": (frame(b"{}") + b"\0", "is followed by something else"),
    "flags of no meaning": (frame(b"{}", 4), "has a frame with flags that mean nothing"),
    "the end of a stream": (frame(b"{}", END), "has a frame with flags that mean nothing"),
    "all flags": (frame(b"{}", 255), "has a frame with flags that mean nothing"),
    "compressed in no way": (frame(b"{}", 1), "is compressed, and does not say how"),
}


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_however_the_body_comes(fault: str, size: int) -> None:
    body, description = FAULTS[fault]
    envelope = Envelope(says_how=False)
    with pytest.raises(UndecodableRequest) as caught:
        take(envelope, body, size)
    assert caught.value.description == description


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("body", [frame(b""), frame(b"{}"), frame(bytes(100), 1)])
def test_a_frame_is_let_through(body: bytes, size: int) -> None:
    take(Envelope(says_how=True), body, size)


def take(envelope: Envelope, body: bytes, size: int) -> None:
    for at in range(0, len(body), size):
        envelope.take(body[at : at + size], is_last=False)
    envelope.take(b"", is_last=True)


def test_requests_have_frames_in_streams_and_in_grpc_web() -> None:
    assert envelope_of([(b"content-type", b"application/json")]) is None
    assert envelope_of([]) is None
    assert envelope_of([(b"content-type", b"application/grpc-web+proto")]) is not None


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_watch_is_refused_with_details(port: int, fault: str) -> None:
    body, description = FAULTS[fault]
    async with exchange(port) as call:
        await call.send("POST", WATCH, STREAM, body)
        await call.head()
        error = (await end_of(call))["error"]
    assert refused_in(error) == Refused("invalid_argument", "INVALID_FIELD", ("request",))
    assert error["message"] == f"request: {description}"
