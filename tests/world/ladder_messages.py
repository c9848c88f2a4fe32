"""Messages of the legs of a call, as the ladder shows them."""

SDP = "v=0\r\n"


def message(start_line: str, call_id: str, cseq: str, *, sdp: bool = False) -> bytes:
    body = SDP if sdp else ""
    kind = "Content-Type: application/sdp\r\n" if sdp else ""
    return (
        f"{start_line}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:+41441112233@h>;tag=1\r\n"
        f"To: <sip:+41445556677@h>;tag=2\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nMax-Forwards: 70\r\n"
        f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def request(method: str, call_id: str, *, sdp: bool = False) -> bytes:
    return message(f"{method} sip:+41445556677@h SIP/2.0", call_id, f"1 {method}", sdp=sdp)


def response(status: str, call_id: str, method: str = "INVITE", *, sdp: bool = False) -> bytes:
    return message(f"SIP/2.0 {status}", call_id, f"1 {method}", sdp=sdp)
