"""Every timer and every race of RFC 3261 section 17 and RFC 6026, as tables: steps in, actions out, time passed in."""

from collections.abc import Callable

import pytest

from ringback.dialers.sip.messages.message import Message, Request, cseq, to
from ringback.dialers.sip.transactions.invite_transaction import (
    InviteClient,
    InviteServer,
    acknowledgement,
    cancellation,
)
from ringback.dialers.sip.transactions.transaction import (
    Actions,
    DeliverMessage,
    EndTransaction,
    PlainClient,
    PlainServer,
    RepeatAck,
    SendCancel,
    SendMessage,
    Timers,
    TransactionFault,
)
from ringback.dialers.sip.transport.faults import FaultKind
from tests.world.sip_messages import request, response, with_via

INVITE = with_via(request("INVITE", "sip:bob@192.0.2.1"))
BYE = with_via(request("BYE", "sip:bob@192.0.2.1", to_tag="theirs"))
ACK = with_via(request("ACK", "sip:bob@192.0.2.1", to_tag="theirs"), branch="z9hG4bKack")
Machine = InviteClient | InviteServer | PlainClient | PlainServer
Step = Callable[[float], Actions]


def told(actions: Actions) -> list[str]:
    """Return actions in short words."""
    words = []
    for action in actions:
        match action:
            case SendMessage(message):
                words.append(f"send {name(message)}")
            case DeliverMessage(message):
                words.append(f"deliver {name(message)}")
            case RepeatAck(tag):
                words.append(f"repeat ACK {tag}")
            case SendCancel():
                words.append("send CANCEL")
            case TransactionFault(kind, _):
                words.append(f"fault {kind}")
            case EndTransaction():
                words.append("end")
    return words


def name(message: Message) -> str:
    return message.method if isinstance(message, Request) else str(message.status)


def played(machine: Machine, script: list[tuple[float, Step]], *, until: float = 4000.0) -> list[tuple[float, str]]:
    """Start a machine at time 0, take the steps of a script when their times come, and let timers fire in between."""
    happened = [(0.0, word) for word in told(machine.start(0.0))]
    left = list(script)
    while True:
        wake_at = machine.wake_at
        if left and (wake_at is None or left[0][0] <= wake_at):
            now, step = left.pop(0)
            happened += [(now, word) for word in told(step(now))]
        elif wake_at is not None and wake_at <= until:
            happened += [(wake_at, word) for word in told(machine.wake(wake_at))]
        else:
            return happened


def status(machine: InviteClient | PlainClient, code: int, tag: str = "theirs") -> Step:
    return lambda now: machine.receive(response(machine.request, code, tag=tag), now)


# What happens, at the time in seconds: T1 is 0.5 s, so that 64*T1 are 32 s.
INVITE_CLIENT: dict[str, tuple[list[tuple[float, str]], list[str]]] = {
    "nothing comes back": (
        [],
        [
            *(f"{at:g} send INVITE" for at in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)),
            "32 fault TIMEOUT",
            "32 end",
        ],
    ),
    "a 100 ends repetitions": (
        [(0.1, "100")],
        ["0 send INVITE", "0.1 deliver 100", "3600.1 fault TIMEOUT", "3600.1 end"],
    ),
    "a late 180 after repetitions": (
        [(2.0, "180")],
        [
            "0 send INVITE",
            "0.5 send INVITE",
            "1.5 send INVITE",
            "2 deliver 180",
            "3602 fault TIMEOUT",
            "3602 end",
        ],
    ),
    "a refusal, and two more copies of it": (
        [(1.0, "486"), (2.0, "486"), (30.0, "486")],
        ["0 send INVITE", "0.5 send INVITE", "1 send ACK", "1 deliver 486", "2 send ACK", "30 send ACK", "33 end"],
    ),
    "a 100 that comes after the refusal": (
        [(0.2, "486"), (0.3, "100")],
        ["0 send INVITE", "0.2 send ACK", "0.2 deliver 486", "32.2 end"],
    ),
    "a 2xx, and two more copies of it": (
        [(0.1, "180"), (5.0, "200"), (5.5, "200"), (6.5, "200")],
        [
            "0 send INVITE",
            "0.1 deliver 180",
            "5 deliver 200",
            "5.5 repeat ACK theirs",
            "6.5 repeat ACK theirs",
            "37 end",
        ],
    ),
    "2xx of three forks, one of them twice": (
        [(1.0, "200 a"), (1.1, "200 b"), (1.2, "200 a"), (9.0, "200 c")],
        [
            "0 send INVITE",
            "0.5 send INVITE",
            "1 deliver 200",
            "1.1 deliver 200",
            "1.2 repeat ACK a",
            "9 deliver 200",
            "33 end",
        ],
    ),
    "a refusal and a provisional response after a 2xx": (
        [(0.1, "200"), (0.2, "486"), (0.3, "180")],
        ["0 send INVITE", "0.1 deliver 200", "32.1 end"],
    ),
    "a 2xx of a fork that crosses a refusal": (
        [(0.1, "486"), (0.2, "200")],
        ["0 send INVITE", "0.1 send ACK", "0.1 deliver 486", "0.2 deliver 200", "32.2 end"],
    ),
    "cancelled while it rings": (
        [(0.1, "180"), (4.0, "cancel"), (4.1, "487")],
        ["0 send INVITE", "0.1 deliver 180", "4 send CANCEL", "4.1 send ACK", "4.1 deliver 487", "36.1 end"],
    ),
    "cancelled twice": (
        [(0.1, "180"), (4.0, "cancel"), (5.0, "cancel"), (5.1, "487")],
        ["0 send INVITE", "0.1 deliver 180", "4 send CANCEL", "5.1 send ACK", "5.1 deliver 487", "37.1 end"],
    ),
    "cancelled before the first provisional response": (
        [(0.2, "cancel"), (2.0, "100"), (2.1, "487")],
        [
            "0 send INVITE",
            "0.5 send INVITE",
            "1.5 send INVITE",
            "2 deliver 100",
            "2 send CANCEL",
            "2.1 send ACK",
            "2.1 deliver 487",
            "34.1 end",
        ],
    ),
    "cancelled, and answered without a provisional response": (
        [(0.2, "cancel"), (0.4, "200")],
        ["0 send INVITE", "0.4 deliver 200", "32.4 end"],
    ),
    "cancelled, and nothing ever comes": (
        [(0.2, "cancel")],
        [*(f"{at:g} send INVITE" for at in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)), "32 fault TIMEOUT", "32 end"],
    ),
    "a 2xx crosses the CANCEL": (
        [(0.1, "180"), (4.0, "cancel"), (4.1, "200"), (4.6, "200")],
        [
            "0 send INVITE",
            "0.1 deliver 180",
            "4 send CANCEL",
            "4.1 deliver 200",
            "4.6 repeat ACK theirs",
            "36.1 end",
        ],
    ),
    "the CANCEL is answered, the INVITE never": (
        [(0.1, "180"), (4.0, "cancel")],
        ["0 send INVITE", "0.1 deliver 180", "4 send CANCEL", "36 fault TIMEOUT", "36 end"],
    ),
    "it goes on ringing after the CANCEL": (
        [(0.1, "180"), (4.0, "cancel"), (20.0, "180"), (40.0, "487")],
        [
            "0 send INVITE",
            "0.1 deliver 180",
            "4 send CANCEL",
            "20 deliver 180",
            "36 fault TIMEOUT",
            "36 end",
        ],
    ),
    "a CANCEL after a refusal, and after a 2xx": (
        [(0.1, "200"), (0.2, "cancel")],
        ["0 send INVITE", "0.1 deliver 200", "32.1 end"],
    ),
    "a CANCEL after a refusal": (
        [(0.1, "603"), (0.2, "cancel")],
        ["0 send INVITE", "0.1 send ACK", "0.1 deliver 603", "32.1 end"],
    ),
    "refused by the network": ([(0.1, "refused")], ["0 send INVITE", "0.1 fault REFUSED", "0.1 end"]),
    "refused by the network, when it rings": (
        [(0.1, "180"), (0.2, "refused"), (5.0, "200")],
        ["0 send INVITE", "0.1 deliver 180", "5 deliver 200", "37 end"],
    ),
    "refused by the network, after a final response": (
        [(0.1, "486"), (0.2, "refused")],
        ["0 send INVITE", "0.1 send ACK", "0.1 deliver 486", "32.1 end"],
    ),
    "anything after its end": (
        [(33.0, "200"), (34.0, "486"), (35.0, "refused"), (36.0, "cancel")],
        [*(f"{at:g} send INVITE" for at in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)), "32 fault TIMEOUT", "32 end"],
    ),
}


def client_step(machine: InviteClient | PlainClient, word: str) -> Step:
    if word == "cancel" and isinstance(machine, InviteClient):
        return machine.cancel
    if word == "refused":
        return lambda _: machine.fail(FaultKind.REFUSED, "connection refused")
    code, _, tag = word.partition(" ")
    return status(machine, int(code), tag or "theirs")


def in_words(happened: list[tuple[float, str]]) -> list[str]:
    return [f"{round(at, 3):g} {word}" for at, word in happened]


@pytest.mark.parametrize(("script", "expected"), INVITE_CLIENT.values(), ids=INVITE_CLIENT.keys())
def test_invite_client_over_udp(script: list[tuple[float, str]], expected: list[str]) -> None:
    machine = InviteClient(INVITE, Timers(), reliable=False)
    assert in_words(played(machine, [(at, client_step(machine, word)) for at, word in script])) == expected


@pytest.mark.parametrize(("script", "expected"), INVITE_CLIENT.values(), ids=INVITE_CLIENT.keys())
def test_invite_client_over_a_connection_differs_in_its_repetitions_only(
    script: list[tuple[float, str]], expected: list[str]
) -> None:
    machine = InviteClient(INVITE, Timers(), reliable=True)
    once = [word for place, word in enumerate(expected) if place == 0 or not word.endswith("send INVITE")]
    assert in_words(played(machine, [(at, client_step(machine, word)) for at, word in script])) == once


def test_an_invite_of_an_earlier_process_is_cancelled_at_once_and_never_sent() -> None:
    machine = InviteClient(INVITE, Timers(), reliable=False)
    assert machine.resume(0.0) == []
    assert told(machine.cancel(10.0)) == ["send CANCEL"]
    assert machine.wake_at == 42.0
    assert told(machine.receive(response(INVITE, 200), 11.0)) == ["deliver 200"]


PLAIN_CLIENT: dict[str, tuple[list[tuple[float, str]], list[str]]] = {
    "nothing comes back": (
        [],
        [
            *(f"{at:g} send BYE" for at in (0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)),
            "32 fault TIMEOUT",
            "32 end",
        ],
    ),
    "a response, and a copy of it": (
        [(0.1, "200"), (0.6, "200")],
        ["0 send BYE", "0.1 deliver 200", "5.1 end"],
    ),
    "a provisional response lets it be repeated at T2 only": (
        [(0.1, "100"), (9.0, "481")],
        ["0 send BYE", "0.1 deliver 100", "0.5 send BYE", "4.5 send BYE", "8.5 send BYE", "9 deliver 481", "14 end"],
    ),
    "nothing after a provisional response": (
        [(31.0, "100")],
        [
            *(f"{at:g} send BYE" for at in (0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5)),
            "31 deliver 100",
            "31.5 send BYE",
            "32 fault TIMEOUT",
            "32 end",
        ],
    ),
    "refused by the network": ([(0.1, "refused")], ["0 send BYE", "0.1 fault REFUSED", "0.1 end"]),
    "refused by the network, after a response": (
        [(0.1, "200"), (0.2, "refused")],
        ["0 send BYE", "0.1 deliver 200", "5.1 end"],
    ),
}


@pytest.mark.parametrize(("script", "expected"), PLAIN_CLIENT.values(), ids=PLAIN_CLIENT.keys())
def test_plain_client_over_udp(script: list[tuple[float, str]], expected: list[str]) -> None:
    machine = PlainClient(BYE, Timers(), reliable=False)
    assert in_words(played(machine, [(at, client_step(machine, word)) for at, word in script])) == expected


@pytest.mark.parametrize(("script", "expected"), PLAIN_CLIENT.values(), ids=PLAIN_CLIENT.keys())
def test_plain_client_over_a_connection_ends_with_its_response(
    script: list[tuple[float, str]], expected: list[str]
) -> None:
    machine = PlainClient(BYE, Timers(), reliable=True)
    once = [word for place, word in enumerate(expected) if place == 0 or not word.endswith("send BYE")]
    deliveries = [word for word in once if "deliver" in word and not word.endswith("100")]
    if deliveries:  # timer K is 0
        once[-1] = f"{deliveries[-1].split()[0]} end"
    assert in_words(played(machine, [(at, client_step(machine, word)) for at, word in script])) == once


def test_what_a_stalled_loop_missed_is_sent_once() -> None:
    machine = PlainClient(BYE, Timers(), reliable=False)
    machine.start(0.0)
    assert told(machine.wake(20.0)) == ["send BYE"]
    assert machine.wake_at == 21.0
    assert told(machine.wake(100.0)) == ["fault TIMEOUT", "end"]


INVITE_SERVER: dict[str, tuple[list[tuple[float, str]], list[str]]] = {
    "no response within 0.2 s": ([], ["0.2 send 100", "180 send 500", "180 end"]),
    "an answer, and its ACK": (
        [(0.1, "200"), (0.3, "ack"), (0.4, "ack"), (0.5, "again")],
        ["0.1 send 200", "0.3 deliver ACK", "32.1 end"],
    ),
    "an answer whose ACK is lost twice": (
        [(0.1, "200"), (2.0, "ack")],
        ["0.1 send 200", "0.6 send 200", "1.6 send 200", "2 deliver ACK", "32.1 end"],
    ),
    "an answer without an ACK": (
        [(0.1, "200")],
        [
            *(f"{at:g} send 200" for at in (0.1, 0.6, 1.6, 3.6, 7.6, 11.6, 15.6, 19.6, 23.6, 27.6, 31.6)),
            "32.1 fault TIMEOUT",
            "32.1 end",
        ],
    ),
    "the INVITE comes again": (
        [(0.1, "again"), (0.15, "180"), (0.5, "again"), (1.0, "200"), (1.1, "again"), (1.2, "ack")],
        ["0.15 send 180", "0.5 send 180", "1 send 200", "1.2 deliver ACK", "33 end"],
    ),
    "a refusal": (
        [(0.1, "486"), (0.3, "again"), (0.7, "ack"), (0.8, "again"), (0.9, "ack")],
        ["0.1 send 486", "0.3 send 486", "0.6 send 486", "5.7 end"],
    ),
    "a refusal without an ACK": (
        [(0.1, "486")],
        [
            *(f"{at:g} send 486" for at in (0.1, 0.6, 1.6, 3.6, 7.6, 11.6, 15.6, 19.6, 23.6, 27.6, 31.6)),
            "32.1 end",
        ],
    ),
    "a refusal of what is of no dialog": ([(0.1, "once 481"), (0.2, "486")], ["0.1 send 481", "0.1 end"]),
    "a refusal of what is of no dialog, after a provisional response": (
        [(0.3, "once 481"), (0.4, "ack")],
        ["0.2 send 100", "0.3 send 481", "5.4 end"],
    ),
    "responses after a final one": (
        [(0.1, "486"), (0.2, "200"), (0.3, "180"), (0.4, "ack")],
        ["0.1 send 486", "5.4 end"],
    ),
    "an ACK of nothing": ([(0.1, "ack"), (0.15, "486"), (0.3, "ack")], ["0.15 send 486", "5.3 end"]),
}


def server_step(machine: InviteServer | PlainServer, word: str) -> Step:
    if word == "again":
        return lambda _: machine.receive()
    if word == "ack" and isinstance(machine, InviteServer):
        return lambda now: machine.acknowledge(ACK, now)
    if word.startswith("once "):
        return lambda now: machine.respond_once(response(INVITE, int(word.removeprefix("once "))), now)
    return lambda now: machine.respond(response(INVITE, int(word)), now)


@pytest.mark.parametrize(("script", "expected"), INVITE_SERVER.values(), ids=INVITE_SERVER.keys())
def test_invite_server_over_udp(script: list[tuple[float, str]], expected: list[str]) -> None:
    machine = InviteServer(INVITE, Timers(), reliable=False)
    happened = in_words(played(machine, [(at, server_step(machine, word)) for at, word in script]))
    if not script:  # 500 is repeated as any refusal is
        happened = [*happened[:2], happened[-1]]
        expected = ["0.2 send 100", "180 send 500", "212 end"]
    assert happened == expected


def test_invite_server_over_a_connection() -> None:
    """A refusal is sent once and its ACK ends all; a 2xx is repeated, since it crosses proxies (section 13.3.1.4)."""
    refused = InviteServer(INVITE, Timers(), reliable=True)
    script = [(0.1, server_step(refused, "486")), (0.7, server_step(refused, "ack"))]
    assert in_words(played(refused, script)) == ["0.1 send 486", "0.7 end"]
    answered = InviteServer(INVITE, Timers(), reliable=True)
    script = [(0.1, server_step(answered, "200")), (0.7, server_step(answered, "ack"))]
    assert in_words(played(answered, script)) == ["0.1 send 200", "0.6 send 200", "0.7 deliver ACK", "32.1 end"]


PLAIN_SERVER: dict[str, tuple[list[tuple[float, str]], list[str], list[str]]] = {
    "no response": ([], ["32 end"], ["32 end"]),
    "a response, and the request again": (
        [(0.1, "200"), (0.5, "again"), (0.6, "481")],
        ["0.1 send 200", "0.5 send 200", "32.1 end"],
        ["0.1 send 200", "0.1 end", "0.5 send 200"],
    ),
    "a provisional response first": (
        [(0.1, "again"), (0.2, "100"), (0.5, "again"), (0.6, "200")],
        ["0.2 send 100", "0.5 send 100", "0.6 send 200", "32.6 end"],
        ["0.2 send 100", "0.5 send 100", "0.6 send 200", "0.6 end"],
    ),
    "a response to what is of no dialog": (
        [(0.1, "once 481"), (0.2, "200")],
        ["0.1 send 481", "0.1 end"],
        ["0.1 send 481", "0.1 end"],
    ),
}


@pytest.mark.parametrize(("script", "by_udp", "by_tcp"), PLAIN_SERVER.values(), ids=PLAIN_SERVER.keys())
def test_plain_server(script: list[tuple[float, str]], by_udp: list[str], by_tcp: list[str]) -> None:
    for reliable, expected in ((False, by_udp), (True, by_tcp)):
        machine = PlainServer(Timers(), reliable=reliable)
        assert in_words(played(machine, [(at, server_step(machine, word)) for at, word in script])) == expected


def test_the_ack_of_a_refusal_is_of_the_invites_branch_and_has_the_responses_tag() -> None:
    invite = with_via(request("INVITE", "sip:bob@192.0.2.1", cseq=7))
    invite.headers.add("Route", "<sip:p1;lr>, <sip:p2;lr>")
    ack = acknowledgement(invite, response(invite, 486, tag="a+b"))
    assert (ack.method, ack.uri, cseq(ack).number, cseq(ack).method) == ("ACK", invite.uri, 7, "ACK")
    assert ack.headers.lines("Via") == invite.headers.lines("Via")
    assert ack.headers.values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert to(ack).tag == "a+b"


def test_a_cancel_is_of_the_invites_branch_and_has_its_to() -> None:
    cancel = cancellation(INVITE)
    assert (cancel.method, cancel.uri, str(cseq(cancel))) == ("CANCEL", INVITE.uri, "1 CANCEL")
    assert cancel.headers.lines("Via") == INVITE.headers.lines("Via")
    assert [cancel.headers.get(name) for name in ("From", "To", "Call-ID")] == [
        INVITE.headers.get(name) for name in ("From", "To", "Call-ID")
    ]


def test_short_timers_are_in_proportion() -> None:
    machine = InviteClient(INVITE, Timers(t1=0.1), reliable=False)
    assert in_words(played(machine, []))[-2:] == ["6.4 fault TIMEOUT", "6.4 end"]
