"""The trace: by call, in order, bounded."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from ringback.dialers.sip.messages import trace as module
from ringback.dialers.sip.messages.trace import Trace, TracedMessage

AT: Final = datetime(2026, 3, 2, 10, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Peer:
    transport: str = "udp"
    address: str = "192.0.2.1"
    port: int = 5060


def message(call_id: str, name: str = "Call-ID: ", size: int = 0) -> bytes:
    return f"INVITE sip:0785556677@x SIP/2.0\r\nTo: <sip:b@x>\r\n{name}{call_id}\r\nX: {'y' * size}\r\n\r\n".encode()


def test_messages_are_kept_by_call_and_in_order() -> None:
    trace = Trace()
    trace.record("sent", Peer(), message("one"), AT)
    trace.record("received", Peer("tls", "2001:db8::1"), message("two", "i:\r\n\t"), AT + MS)
    trace.record("received", Peer(), message("one", "CALL-ID : "), AT + MS)
    trace.record("sent", Peer(), b"\r\n\r\n", AT + 2 * MS)
    assert [(entry.at, entry.direction, entry.peer) for entry in trace.of("two", "one", "three")] == [
        (AT, "sent", "UDP 192.0.2.1:5060"),
        (AT + MS, "received", "TLS [2001:db8::1]:5060"),
        (AT + MS, "received", "UDP 192.0.2.1:5060"),
    ]


def test_what_is_read_is_redacted() -> None:
    trace, full = Trace(), Trace(numbers=True)
    for each in (trace, full):
        each.record("sent", Peer(), message("one"), AT)
    [entry] = trace.of("one")
    assert entry.text.startswith("INVITE sip:** ** ** ** 77@x SIP/2.0\nTo:")
    assert "0785556677" not in repr(entry)
    assert full.of("one")[0].text.startswith("INVITE sip:0785556677@x SIP/2.0\nTo:")


def test_listeners_see_each_message_at_once() -> None:
    trace, seen = Trace(), list[TracedMessage]()
    trace.listeners.append(seen.append)
    trace.record("sent", Peer(), message("one"), AT)
    trace.record("received", Peer(), b"no call", AT)
    assert [entry.data for entry in seen] == [message("one"), b"no call"]


def test_a_call_keeps_its_last_messages() -> None:
    trace = Trace()
    for number in range(module.MAX_MESSAGES_PER_CALL + 2):
        trace.record("sent", Peer(), message("one"), AT + number * MS)
    entries = trace.of("one")
    assert (len(entries), entries[0].at) == (module.MAX_MESSAGES_PER_CALL, AT + 2 * MS)


def test_older_calls_give_way() -> None:
    trace = Trace()
    for number in range(module.MAX_CALLS):
        trace.record("sent", Peer(), message(str(number)), AT)
    trace.record("sent", Peer(), message("0"), AT)
    trace.record("sent", Peer(), message("more"), AT)
    assert [len(trace.of(call_id)) for call_id in ("0", "1", "2", "more")] == [2, 0, 1, 1]


def test_large_messages_are_bounded_together() -> None:
    trace, size = Trace(), 60_000
    count = module.MAX_BYTES // size + 20
    for number in range(count):
        trace.record("received", Peer(), message(str(number), size=size), AT)
    kept = [entry for number in range(count) for entry in trace.of(str(number))]
    assert module.MAX_BYTES - 2 * size < sum(len(entry.data) for entry in kept) <= module.MAX_BYTES
    assert kept[-1].data == message(str(count - 1), size=size)


def test_what_leaves_by_the_port_is_masked_whatever_the_settings_say() -> None:
    for trace in (Trace(), Trace(numbers=True)):
        trace.record("sent", Peer(), message("one", "Authorization: Digest response=secret\r\nCall-ID: "), AT)
        trace.record("received", Peer(), message("two"), AT + MS)
        first, second = trace.messages(["two", "one", "one", "three"])
        assert (first.time, first.sent, first.peer, first.call_id) == (AT, True, "UDP 192.0.2.1:5060", "one")
        assert (second.sent, second.call_id) == (False, "two")
        assert first.text.startswith("INVITE sip:** ** ** ** 77@x SIP/2.0\n")
        assert "secret" not in first.text


def test_what_is_forgotten_is_gone_and_takes_no_room() -> None:
    trace = Trace()
    for call_id in ("one", "two"):
        trace.record("sent", Peer(), message(call_id), AT)
    trace.forget(["one", "three"])
    assert [len(list(trace.messages([call_id]))) for call_id in ("one", "two")] == [0, 1]
    assert trace._bytes == len(message("two"))


@pytest.mark.parametrize("fold", ["", "\r\n ", "\r\n\t"])
@pytest.mark.parametrize("offset", range(0, 200, 7))
def test_a_large_message_is_cut_between_two_lines(fold: str, offset: int) -> None:
    """What is redacted by what follows it, such as a password by its @, is not shown without, wherever the cut is."""
    trace = Trace()
    line = f"X-Sip: sip:alice:s3{fold}cret{fold}s3cret{fold}@pbx.example\r\n"
    lines = f"X: {'y' * offset}\r\n" + line * (3 * module.MAX_SHOWN_BYTES // len(line))
    trace.record("received", Peer(), message("one", f"{lines}Call-ID: "), AT)
    [shown] = trace.messages(["one"])
    assert len(shown.text) <= module.MAX_SHOWN_BYTES + 30
    assert shown.text.endswith(" more bytes)")
    if not fold:
        assert "s3" not in shown.text
    assert shown.text.count("X-Sip: sip:alice:s3") == shown.text.count("@pbx.example") * bool(fold)


def test_a_message_of_one_line_is_not_shown() -> None:
    trace = Trace()
    trace.record("received", Peer(), b"INVITE sip:a@x SIP/2.0\r\nCall-ID: one\r\n " + b" \n" * 20_000, AT)
    trace.record("received", Peer(), b"x" * 20_000 + b"\nCall-ID: one\n", AT)
    texts = [shown.text for shown in trace.messages(["one"])]
    assert texts[1] == "(0 bytes that are not SIP)\n(20014 more bytes)"
