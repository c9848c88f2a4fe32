"""Messages: what real peers send, what must be refused, and what goes out."""

import pytest

from ringback.dialers.sip.messages.message import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    CSeq,
    Headers,
    MalformedMessage,
    Reason,
    Request,
    Response,
    call_id,
    contact_uri,
    cseq,
    encode,
    from_,
    number_of,
    parse,
    reason_cause,
    response_to,
    to,
    top_via,
    warning_text,
)

HEADS = (
    "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bKa",
    "From: <sip:a@x.example>;tag=f",
    "To: <sip:b@x.example>",
    "Call-ID: c1@192.0.2.1",
    "CSeq: 7 INVITE",
)


def message(*more: str, start: str = "INVITE sip:b@x.example SIP/2.0", heads: tuple[str, ...] = HEADS) -> bytes:
    return "\r\n".join((start, *heads, *more, "", "")).encode()


def request(*more: str, **parts: object) -> Request:
    found = parse(message(*more, **parts))  # type: ignore[arg-type]
    assert isinstance(found, Request)
    return found


def replaced(line: str) -> tuple[str, ...]:
    """Return the heads with the one of the same name replaced."""
    name = line.partition(":")[0]
    return tuple(line if head.startswith(f"{name}:") else head for head in HEADS)


def test_a_request_is_read() -> None:
    found = parse(message("Content-Length: 4") + b"bodymore")
    assert isinstance(found, Request)
    assert (found.method, found.uri, found.body) == ("INVITE", "sip:b@x.example", b"body")
    assert top_via(found).branch == "z9hG4bKa"
    assert (top_via(found).host, top_via(found).port, top_via(found).params["rport"]) == ("192.0.2.1", 5070, None)
    assert (from_(found).tag, to(found).tag, to(found).uri) == ("f", "", "sip:b@x.example")
    assert call_id(found) == "c1@192.0.2.1"
    assert cseq(found) == CSeq(7, "INVITE")


@pytest.mark.parametrize(
    ("start", "status", "reason"),
    [
        ("SIP/2.0 200 OK", 200, "OK"),
        ("sip/2.0 486 Busy here; =**= ä", 486, "Busy here; =**= ä"),
        ("SIP/2.0 180", 180, ""),
        ("SIP/2.0 180 ", 180, ""),
        ("SIP/2.0  699  Odd", 699, "Odd"),
    ],
)
def test_a_response_is_read(start: str, status: int, reason: str) -> None:
    found = parse(message(start=start))
    assert isinstance(found, Response)
    assert (found.status, found.reason) == (status, reason)


def test_crlf_before_the_start_line_and_bare_line_feeds_are_passed_over() -> None:
    found = parse(b"\r\n\r\n" + message("l: 1").replace(b"\r\n", b"\n") + b"x")
    assert isinstance(found, Request)
    assert found.body == b"x"


def test_folded_short_and_spaced_headers_are_read() -> None:
    found = request(
        heads=(
            "v: SIP / 2.0\r\n /UDP\r\n    [2001:db8::9:1]  :  5070 ;branch=z9hG4bK=a=b;received=2001:db8::1",
            "f :\t<sip:a@x>\r\n ;tag=a+b",
            't:\r\n\t"Muster,\r\n Anna" <sip:b@x>',
            "Call-ID : c1",
            "CSeq: 0009\r\n  INVITE",
        )
    )
    via = top_via(found)
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "[2001:db8::9:1]", 5070, "z9hG4bK=a=b")
    assert via.params["received"] == "2001:db8::1"
    assert (from_(found).tag, to(found).display, cseq(found).number) == ("a+b", "Muster, Anna", 9)


def test_bytes_that_are_not_utf_8_go_back_as_they_came() -> None:
    name = "Anna Müster".encode("latin-1")
    data = message(heads=replaced("From: NAME <sip:a@x>;tag=f")).replace(b"NAME", b'"' + name + b'"')
    found = parse(data)
    assert isinstance(found, Request)
    assert b'"' + name + b'" <sip:a@x>;tag=f' in encode(response_to(found, 200))
    assert encode(parse(encode(found))) == encode(found)


def test_lines_that_are_no_header_are_passed_over() -> None:
    found = request("no header", "two words: x", " and a fold", "Subject: s")
    assert found.headers.items()[5:] == [("Subject", "s")]


@pytest.mark.parametrize(
    ("data", "status", "refusable"),
    [
        (b"", 400, False),
        (b"\x00\x01\x02\x03", 400, False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, False),
        (message(start="SIP/2.0 99 Low"), 400, False),
        (message(start="SIP/2.0 4294967301 better not"), 400, False),
        (message(start="SIP/2.0 \uff12\uff10\uff10 OK"), 400, False),
        (message(start="SIP/3.0 200 OK"), 400, False),
        (message(start="SIP/2.0 200 O\rK"), 400, False),
        (message(start="SIP/2.0 200 O\0K"), 400, False),
        (message(start="INVITE sip:b@x\r SIP/2.0"), 400, False),
        (message(start="INVITE sip:b\x07@x SIP/2.0"), 400, True),
        (message(start="INVITE tel:1\x07 SIP/2.0"), 400, True),
        (message(start="INVITE sip:b@x SIP/7.0"), 505, True),
        (message(start="INVITE sip:b@x SIP/7.0").replace(b"SIP/2.0/UDP", b"SIP/7.0/UDP"), 505, True),
        (message(start="INVITE  sip:b@x SIP/2.0"), 400, True),
        (message(start="INVITE sip:b@x  SIP/2.0"), 400, True),
        (message(start="INVITE sip:b@x SIP/2.0 "), 400, True),
        (message(start="INVITE sip:b@x; lr SIP/2.0"), 400, True),
        (message(start="INVITE <sip:b@x> SIP/2.0"), 400, True),
        (message(start="INVITE sip:b@x:99999 SIP/2.0"), 400, True),
        (message(start="INVITE sip:2001:db8::10 SIP/2.0"), 400, True),
        (message(heads=replaced("CSeq: 7 BYE")), 400, True),
        (message(heads=replaced("CSeq: 36893488147419103232 INVITE")), 400, True),
        (message(heads=replaced(f"CSeq: {'9' * 5000} INVITE")), 400, True),
        (message(heads=replaced("CSeq: INVITE")), 400, True),
        (message(heads=replaced("CSeq: \u0667 INVITE")), 400, True),
        (message(heads=replaced('To: "Open <sip:b@x>')), 400, True),
        (message(heads=replaced("To: <>")), 400, True),
        (message(heads=replaced("From: <sip:a@x")), 400, True),
        (message(heads=replaced("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;;,;,,")), 400, True),
        (message(heads=replaced("Via: SIP/2.0/UDP 192.0.2.1:0")), 400, False),
        (message(heads=HEADS[1:]), 400, False),
        (message(heads=HEADS[:1] + HEADS[2:]), 400, True),
        (message(heads=HEADS[:2] + HEADS[3:]), 400, True),
        (message(heads=HEADS[:3] + HEADS[4:]), 400, True),
        (message(heads=HEADS[:4]), 400, True),
        (message(HEADS[1]), 400, True),
        (message("t: <sip:other@x>"), 400, True),
        (message("Call-ID: c2"), 400, True),
        (message("CSeq: 8 INVITE"), 400, True),
        (message("Content-Length: 5", "l: 0") + b"12345", 400, True),
        (message("Content-Length: 5") + b"1234", 400, True),
        (message("Content-Length: -1"), 400, True),
        (message("Content-Length: 1e3"), 400, True),
        (message("Content-Length: 99999999999999"), 400, True),
        (message("Content-Length: 99999999"), 513, True),
        (message("Max-Forwards: 256"), 400, True),
        (message("Max-Forwards: x"), 400, True),
        (message()[:-2], 400, True),
        (message("Subject: a\rRoute: <sip:evil>"), 400, False),
        (message("Subject: a\x00"), 400, False),
        (message(*["X: y"] * MAX_HEADERS), 513, True),
        (message("X: " + "y" * MAX_HEADER_BYTES), 513, True),
        (message() + b"x" * (MAX_BODY_BYTES + 1), 513, True),
        (message(start="ACK  sip:b@x SIP/2.0", heads=replaced("CSeq: 7 ACK")), 400, False),
        (message(start="SIP/2.0 200 OK", heads=HEADS[:4]), 400, False),
        (message("Content-Length: 5", start="SIP/2.0 200 OK"), 400, False),
    ],
)
def test_what_is_malformed_is_refused(data: bytes, status: int, refusable: bool) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(data)
    assert caught.value.status == status
    assert (caught.value.request is not None) is refusable
    if caught.value.request is not None:
        refusal = response_to(caught.value.request, status, to_tag="t")
        assert top_via(refusal).branch == "z9hG4bKa"


def test_a_response_takes_over_what_belongs_to_its_transaction() -> None:
    found = request("v: SIP/2.0/TCP 192.0.2.2, SIP/2.0/TLS 192.0.2.3", "Record-Route: <sip:p;lr>", "Subject: s")
    response = response_to(found, 486, to_tag="mine")
    assert (response.status, response.reason) == (486, "Busy Here")
    assert response.headers.values("Via") == [
        "SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bKa",
        "SIP/2.0/TCP 192.0.2.2",
        "SIP/2.0/TLS 192.0.2.3",
    ]
    assert [response.headers.get(name) for name in ("From", "To", "Call-ID", "CSeq", "Record-Route")] == [
        "<sip:a@x.example>;tag=f",
        "<sip:b@x.example>;tag=mine",
        "c1@192.0.2.1",
        "7 INVITE",
        None,
    ]


def test_a_tag_that_is_there_stays() -> None:
    found = request(heads=replaced("To: sip:b@x;tag=theirs"))
    assert response_to(found, 200, to_tag="mine").headers.get("To") == "sip:b@x;tag=theirs"


@pytest.mark.parametrize(("status", "reason"), [(200, "OK"), (499, "Bad Request"), (183, "Session Progress")])
def test_the_phrase_of_a_status(status: int, reason: str) -> None:
    assert response_to(request(), status).reason == reason


def test_what_goes_out_has_its_length_last_and_once() -> None:
    found = request("l: 0", "Subject: s")
    found.body = "ä".encode()
    lines = encode(found).split(b"\r\n")
    assert lines[0] == b"INVITE sip:b@x.example SIP/2.0"
    assert [line for line in lines if b"ength" in line] == [b"Content-Length: 2"]
    assert lines[-2:] == [b"", "ä".encode()]


@pytest.mark.parametrize(
    "broken",
    [
        Request("INVITE", "sip:b@x SIP/2.0\r\nRoute: <sip:evil>", Headers()),
        Request("INVITE\n", "sip:b@x", Headers()),
        Response(200, "OK\r\nRoute: <sip:evil>", Headers()),
    ],
)
def test_no_start_line_begins_a_header(broken: Request | Response) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode(broken)


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ('"A, B" <sip:a@x;p=1,2>;q=0.7;+sip.instance="<urn:uuid:1>", "C" <sip:c@y>', "sip:a@x;p=1,2"),
        ("sip:a@pbx_1:5080;expires=3", "sip:a@pbx_1:5080"),
        ("<sip:*31#@pbx1>", "sip:*31#@pbx1"),
        ("<sip:a@x?Route=%3Csip:y%3E>", "sip:a@x?Route=%3Csip:y%3E"),
        ("*", None),
    ],
)
def test_the_first_contact(contact: str, uri: str | None) -> None:
    assert contact_uri(request(f"m: {contact}")) == uri


def test_a_message_without_contact_has_none() -> None:
    assert contact_uri(request()) is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (['SIP;cause=480;text="no",Q.850;cause=17;text="User \\"busy\\""'], Reason("Q.850", 17, 'User "busy"')),
        (["SIP ;cause=200 ;text=done"], Reason("SIP", 200, "done")),
        (["q.850; cause=1"], Reason("Q.850", 1)),
        (["Q.850", "Q.850;cause=x", "Q.850;cause=\u0663"], None),
        ([], None),
    ],
)
def test_the_reason_of_the_network_comes_first(values: list[str], reason: Reason | None) -> None:
    assert reason_cause(Headers([("Reason", value) for value in values])) == reason


def test_warnings_and_numbers() -> None:
    headers = Headers([("Warning", '304 pbx.example "Media, \\"type\\""'), ("Retry-After", "120 (busy);duration=60")])
    assert warning_text(headers) == 'Media, "type"'
    assert (number_of(headers, "Retry-After"), number_of(headers, "Expires")) == (120, None)
    assert warning_text(Headers([("Warning", "x")])) == ""
    assert number_of(Headers([("Expires", "soon")]), "Expires") is None
