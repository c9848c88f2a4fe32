"""Requests and responses as the tests of the SIP stack send them."""

from ringback.dialers.sip.messages.message import Headers, Request, Response, response_to


def request(method: str, uri: str, *, cseq: int = 1, to_tag: str = "", call_id: str = "call-1") -> Request:
    """Return a request as a user of an endpoint makes it: without a Via."""
    tag = f";tag={to_tag}" if to_tag else ""
    headers = Headers(
        [
            ("From", "<sip:ringback@127.0.0.1>;tag=ours"),
            ("To", f"<{uri}>{tag}"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
    )
    return Request(method, uri, headers)


def with_via(made: Request, *, branch: str = "z9hG4bKa", via: str = "UDP 127.0.0.1:5070") -> Request:
    """Return a request as it goes over the network."""
    headers = made.headers.copy()
    headers.prepend("Via", f"SIP/2.0/{via};branch={branch}")
    return Request(made.method, made.uri, headers, made.body)


def response(to: Request, status: int, *, tag: str = "theirs") -> Response:
    return response_to(to, status, to_tag=tag if status > 100 else "")
