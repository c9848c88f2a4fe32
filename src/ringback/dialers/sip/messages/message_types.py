"""A SIP request, a SIP response, and what is neither."""

from dataclasses import dataclass, field

from ringback.dialers.sip.messages.headers import Headers


@dataclass(slots=True)
class Request:
    method: str
    uri: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Response:
    status: int
    reason: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)


Message = Request | Response


class MalformedMessage(ValueError):  # noqa: N818 - named for what came
    """What was received is not a SIP message, or a header value is none that its header can have."""

    def __init__(self, text: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(text)
        self.status = status
        """The status of a refusal."""
        self.request = request
        """Enough of the request to refuse it; None where nothing may be sent back: responses, ACK, no usable Via."""
