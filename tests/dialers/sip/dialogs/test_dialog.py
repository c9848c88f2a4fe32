"""RFC 3261 section 12, and what real peers make of it."""

import msgspec
import pytest

from ringback.dialers.sip.dialogs.dialog import Dialog
from ringback.dialers.sip.messages.message import Headers, Request, Response

INVITE = Request(
    "INVITE",
    "sip:+41781234577@sbc.example;user=phone",
    Headers(
        [
            ("Route", "<sip:proxy.example;lr>"),
            ("From", '"Ringback" <sip:callback@ringback.example>;tag=ours'),
            ("To", "<sip:+41781234577@sbc.example;user=phone>"),
            ("Call-ID", "call-1"),
            ("CSeq", "7 INVITE"),
            ("Proxy-Authorization", 'Digest username="u"'),
        ]
    ),
    b"v=0",
)


def answer(*headers: tuple[str, str], to: str = "<sip:+41781234577@sbc.example;user=phone>;tag=a+b=c") -> Response:
    return Response(200, "OK", Headers([("To", to), ("Contact", "<sip:phone@192.0.2.9:5070>"), *headers]))


def lines(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.headers.items() if name != "Max-Forwards"]


def test_a_request_goes_to_the_contact_by_no_proxy() -> None:
    dialog = Dialog.begin(INVITE, answer())
    request = dialog.request("BYE", [("Reason", "Q.850;cause=16")])
    assert request.uri == "sip:phone@192.0.2.9:5070"
    assert lines(request) == [
        ("From", '"Ringback" <sip:callback@ringback.example>;tag=ours'),
        ("To", "<sip:+41781234577@sbc.example;user=phone>;tag=a+b=c"),
        ("Call-ID", "call-1"),
        ("CSeq", "8 BYE"),
        ("Reason", "Q.850;cause=16"),
    ]
    assert dialog.remote_tag == "a+b=c"
    assert dialog.local_tag == "ours"
    assert dialog.next_hop is None


@pytest.mark.parametrize(
    "headers",
    [
        [("Record-Route", "<sip:p3;lr>, <sip:p2;lr;x=1,2> ,<sip:p1;lr>")],
        [("Record-Route", "<sip:p3;lr>"), ("Record-Route", "<sip:p2;lr;x=1,2>,<sip:p1;lr>")],
        [("record-route", "<sip:p3;lr>"), ("RECORD-ROUTE", "<sip:p2;lr;x=1,2>"), ("Record-Route", "<sip:p1;lr>")],
    ],
)
def test_the_nearest_proxy_comes_first_however_their_lines_are_joined(headers: list[tuple[str, str]]) -> None:
    request = Dialog.begin(INVITE, answer(*headers)).request("BYE")
    assert request.headers.values("Route") == ["<sip:p1;lr>", "<sip:p2;lr;x=1,2>", "<sip:p3;lr>"]
    assert request.uri == "sip:phone@192.0.2.9:5070"


def test_the_preloaded_route_is_no_route_of_the_dialog() -> None:
    assert Dialog.begin(INVITE, answer()).request("BYE").headers.lines("Route") == []


def test_a_strict_router_takes_the_last_route_for_the_target() -> None:
    dialog = Dialog.begin(INVITE, answer(("Record-Route", "<sip:p2;lr>, <sip:p1.example:5080;method=INVITE?x=y>")))
    request = dialog.request("BYE")
    assert request.uri == "sip:p1.example:5080"
    assert request.headers.values("Route") == ["<sip:p2;lr>", "<sip:phone@192.0.2.9:5070>"]
    assert dialog.next_hop == "sip:p1.example:5080"


def test_a_strict_router_behind_a_loose_one_is_not_ours() -> None:
    dialog = Dialog.begin(INVITE, answer(("Record-Route", "<sip:strict>, <sip:p1;lr>")))
    request = dialog.request("BYE")
    assert request.headers.values("Route") == ["<sip:p1;lr>", "<sip:strict>"]
    assert request.uri == "sip:phone@192.0.2.9:5070"
    assert dialog.next_hop is None


def test_an_ack_has_the_number_and_the_credentials_of_its_invite() -> None:
    dialog = Dialog.begin(INVITE, answer())
    dialog.request("INFO")
    ack = dialog.ack(INVITE)
    assert ack.headers.get("CSeq") == "7 ACK"
    assert ack.headers.get("Proxy-Authorization") == 'Digest username="u"'
    assert dialog.request("BYE").headers.get("CSeq") == "9 BYE"


@pytest.mark.parametrize(
    ("contacts", "target"),
    [
        (["<sip:phone@192.0.2.9;ob>;expires=60"], "sip:phone@192.0.2.9;ob"),
        (["sip:phone@192.0.2.9;expires=60"], "sip:phone@192.0.2.9"),
        (['"Phone, 1" <sip:one@h>, <sip:two@h>'], "sip:one@h"),
        (["<sip:phone@h;method=INVITE;transport=tcp?Subject=x>"], "sip:phone@h;transport=tcp"),
        (["<sip:phone@[2001:db8::1]:5062>"], "sip:phone@[2001:db8::1]:5062"),
        ([], "sip:+41781234577@sbc.example;user=phone"),
        (["*"], "sip:+41781234577@sbc.example;user=phone"),
        (["<<>>"], "sip:+41781234577@sbc.example;user=phone"),
        (["<mailto:somebody@example.com>"], "sip:+41781234577@sbc.example;user=phone"),
    ],
)
def test_the_target_is_what_the_contact_says_or_where_the_peer_was_called(contacts: list[str], target: str) -> None:
    response = Response(200, "OK", Headers([("To", "<sip:a@b>;tag=t"), *(("Contact", value) for value in contacts)]))
    assert Dialog.begin(INVITE, response).target == target


def test_a_peer_without_a_tag_has_a_dialog_too() -> None:
    dialog = Dialog.begin(INVITE, answer(to="<sip:old@sbc.example>"))
    assert dialog.remote_tag == ""
    assert dialog.request("BYE").headers.get("To") == "<sip:old@sbc.example>"


def test_what_is_malformed_in_an_answer_does_not_keep_it_from_being_ended() -> None:
    dialog = Dialog.begin(INVITE, answer(("Record-Route", "<sip:p2;lr>, nonsense, <sip:p1;lr>"), to="nonsense"))
    assert dialog.request("BYE").headers.values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]


def test_the_target_is_refreshed_and_the_route_is_not() -> None:
    dialog = Dialog.begin(INVITE, answer(("Record-Route", "<sip:p1;lr>")))
    moved = Headers([("Contact", "<sip:phone@198.51.100.7>"), ("Record-Route", "<sip:evil;lr>")])
    dialog.refresh(Request("INVITE", "sip:us", moved))
    request = dialog.request("BYE")
    assert request.uri == "sip:phone@198.51.100.7"
    assert request.headers.values("Route") == ["<sip:p1;lr>"]
    dialog.refresh(Request("UPDATE", "sip:us", Headers()))
    assert dialog.target == "sip:phone@198.51.100.7"


def test_the_2xx_says_the_way_anew() -> None:
    """Section 13.2.2.4: what a provisional response said of the route counts no more."""
    dialog = Dialog.begin(INVITE, answer(("Record-Route", "<sip:early;lr>")))
    dialog.request("PRACK")
    dialog.confirm(INVITE, answer(("Record-Route", "<sip:late;lr>")))
    request = dialog.request("BYE")
    assert request.headers.values("Route") == ["<sip:late;lr>"]
    assert request.headers.get("CSeq") == "9 BYE"


@pytest.mark.parametrize(
    ("numbers", "accepted"),
    [([1, 2, 3], [True, True, True]), ([5, 4, 5, 9, 8], [True, False, True, True, False]), ([0, 2**31], [True, True])],
)
def test_requests_of_the_peer_are_taken_in_order(numbers: list[int], accepted: list[bool]) -> None:
    dialog = Dialog.begin(INVITE, answer())
    requests = [Request("INFO", "sip:us", Headers([("CSeq", f"{number} INFO")])) for number in numbers]
    assert [dialog.receive(request) for request in requests] == accepted


def test_a_request_that_is_sent_again_takes_the_next_number() -> None:
    dialog = Dialog.begin(INVITE, answer())
    info = dialog.request("INFO")
    dialog.request("OPTIONS")
    dialog.renumber(info)
    assert info.headers.get("CSeq") == "10 INFO"


def test_it_is_kept_as_json() -> None:
    dialog = Dialog.begin(INVITE, answer(("Record-Route", "<sip:p1;lr>")))
    dialog.receive(Request("INFO", "sip:us", Headers([("CSeq", "4 INFO")])))
    kept = msgspec.json.encode(dialog)
    assert msgspec.json.decode(kept, type=Dialog) == dialog
    assert len(kept) < 400
