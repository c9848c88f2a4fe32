"""What holds for transactions whatever comes and whenever: rules, tried with events that hypothesis draws."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.dialers.sip.messages.message import Request, Response, to
from ringback.dialers.sip.transactions.invite_transaction import InviteClient, InviteServer
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
ACK = with_via(request("ACK", "sip:bob@192.0.2.1", to_tag="ours"), branch="z9hG4bKack")
WAITS = st.floats(0, 40, allow_nan=False)
CLIENT_EVENTS = st.lists(
    st.tuples(
        WAITS,
        st.sampled_from(
            ["100", "180", "183", "200 a", "200 b", "302 a", "486 a", "487 b", "503 a", "cancel", "refused"]
        ),
    ),
    max_size=12,
)
SERVER_EVENTS = st.lists(st.tuples(WAITS, st.sampled_from(["again", "ack", "100", "180", "200", "486"])), max_size=12)
# No timer of a client, and none of a server, is set for longer than an INVITE may ring.
END_OF_ALL = 10_000.0

Machine = InviteClient | InviteServer | PlainClient | PlainServer


def run(machine: Machine, events: list[tuple[float, str]]) -> list[tuple[str, Actions]]:
    """Play events at their times, with all timers in between and until none is left; return what each led to."""
    happened = [("start", machine.start(0.0))]
    now = 0.0
    for wait, event in events:
        happened += wake_until(machine, now + wait)
        now += wait
        happened.append((event, take(machine, event, now)))
    happened += wake_until(machine, now + END_OF_ALL)
    assert machine.wake_at is None
    return happened


def wake_until(machine: Machine, until: float) -> list[tuple[str, Actions]]:
    happened = []
    while (at := machine.wake_at) is not None and at <= until:
        happened.append(("timer", machine.wake(at)))
    return happened


def take(machine: Machine, event: str, now: float) -> Actions:
    match machine, event.partition(" "):
        case InviteClient(), ("cancel", _, _):
            return machine.cancel(now)
        case InviteClient() | PlainClient(), ("refused", _, _):
            return machine.fail(FaultKind.REFUSED, "refused")
        case InviteClient() | PlainClient(), (status, _, tag) if status.isdecimal():
            return machine.receive(response(machine.request, int(status), tag=tag or "a"), now)
        case InviteServer() | PlainServer(), ("again", _, _):
            return machine.receive()
        case InviteServer(), ("ack", _, _):
            return machine.acknowledge(ACK, now)
        case InviteServer() | PlainServer(), (status, _, _) if status.isdecimal():
            return machine.respond(response(INVITE, int(status)), now)
        case _:
            return []


def flat(happened: list[tuple[str, Actions]]) -> Actions:
    return [action for _, actions in happened for action in actions]


def news(actions: Actions) -> list[Response]:
    found = [action.message for action in actions if isinstance(action, DeliverMessage)]
    return [message for message in found if isinstance(message, Response)]


def delivered(actions: Actions) -> list[int]:
    return [message.status for message in news(actions)]


def sent(actions: Actions) -> list[str]:
    """Return the methods and statuses of what was sent."""
    found = [action.message for action in actions if isinstance(action, SendMessage)]
    return [message.method if isinstance(message, Request) else str(message.status) for message in found]


@given(events=CLIENT_EVENTS, reliable=st.booleans())
def test_an_invite_of_ours(events: list[tuple[float, str]], reliable: bool) -> None:
    machine = InviteClient(INVITE, Timers(), reliable=reliable)
    happened = run(machine, events)
    actions = flat(happened)
    statuses = delivered(actions)
    assert actions.count(EndTransaction()) == 1
    assert actions[-1] == EndTransaction()
    # A user has a final response or a fault, and no fault after a final response.
    faults = [action for action in actions if isinstance(action, TransactionFault)]
    assert (len(faults) == 1) != any(status >= 200 for status in statuses)
    # Each 2xx of a fork is new once, one refusal is, and nothing provisional comes after a final response.
    accepted = [to(message).tag for message in news(actions) if 200 <= message.status < 300]
    assert len(accepted) == len(set(accepted))
    assert sum(status >= 300 for status in statuses) <= 1
    finals = [place for place, status in enumerate(statuses) if status >= 200]
    assert finals == list(range(len(statuses) - len(finals), len(statuses)))
    # One CANCEL at most: only if it is wanted, after a provisional response, and before a final one.
    cancels = [place for place, action in enumerate(actions) if action == SendCancel()]
    assert len(cancels) <= int("cancel" in [event for _, event in events])
    for place in cancels:
        before = delivered(actions[:place])
        assert before
        assert max(before) < 200
    # Every refusal that comes before the end of the transaction is acknowledged, each time.
    for event, led_to in happened:
        if event[0] in "3456" and delivered(led_to):
            assert sent(led_to) == ["ACK"]
    assert all(action.to_tag in accepted for action in actions if isinstance(action, RepeatAck))
    assert 1 <= sent(actions).count("INVITE") <= (1 if reliable else 7)


@given(events=CLIENT_EVENTS, reliable=st.booleans())
def test_another_request_of_ours(events: list[tuple[float, str]], reliable: bool) -> None:
    actions = flat(run(PlainClient(BYE, Timers(), reliable=reliable), events))
    statuses = delivered(actions)
    assert actions.count(EndTransaction()) == 1
    faults = [action for action in actions if isinstance(action, TransactionFault)]
    assert len(faults) + sum(status >= 200 for status in statuses) == 1
    assert all(status < 200 for status in statuses[:-1])
    assert 1 <= sent(actions).count("BYE") <= (1 if reliable else 11)


@given(events=SERVER_EVENTS, reliable=st.booleans())
def test_an_invite_of_theirs(events: list[tuple[float, str]], reliable: bool) -> None:
    actions = flat(run(InviteServer(INVITE, Timers(), reliable=reliable), events))
    statuses = [int(status) for status in sent(actions)]
    assert actions.count(EndTransaction()) == 1
    # There is one final response, and nothing else after it.
    finals = [status for status in statuses if status >= 200]
    assert len(set(finals)) == 1
    assert statuses[len(statuses) - len(finals) :] == finals
    acks = [action for action in actions if isinstance(action, DeliverMessage)]
    faults = [action for action in actions if isinstance(action, TransactionFault)]
    assert len(acks) + len(faults) == (1 if finals[0] < 300 else 0)


@given(events=SERVER_EVENTS, reliable=st.booleans())
def test_another_request_of_theirs(events: list[tuple[float, str]], reliable: bool) -> None:
    actions = flat(run(PlainServer(Timers(), reliable=reliable), events))
    statuses = [int(status) for status in sent(actions)]
    assert actions.count(EndTransaction()) == 1
    finals = [status for status in statuses if status >= 200]
    assert len(set(finals)) <= 1
    assert statuses[len(statuses) - len(finals) :] == finals
