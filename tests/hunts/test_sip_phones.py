"""What the telephones of a hunt write down is judged rightly."""

from pathlib import Path

from tests.hunts.sip_phones import LOG, Event, doubled, events_of, faults_of


def test_a_call_that_ended_before_the_next_began() -> None:
    events = [
        Event(1, "a", "begins", "phone"),
        Event(2, "a", "ends", ""),
        Event(3, "b", "begins", "phone"),
        Event(4, "c", "begins", "other"),
        Event(5, "b", "ends", ""),
        Event(6, "c", "ends", ""),
    ]
    assert list(faults_of(events)) == []
    assert list(doubled(events)) == []


def test_a_number_that_is_called_while_it_is_in_a_call() -> None:
    events = [
        Event(1, "a", "begins", "phone"),
        Event(2, "b", "begins", "phone"),
        Event(3, "a", "ends", ""),
        Event(4, "b", "ends", ""),
    ]
    assert list(doubled(events)) == ["phone is called by b, and is in a call of a"]


def test_a_call_that_never_ends() -> None:
    assert list(faults_of([Event(1, "a", "begins", "phone")])) == ["the call a to phone has never ended"]


def test_the_log_is_read(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text(
        '12 a@h begins  "Some One" <sip:phone-1@127.0.0.1:5060;transport=udp>\n40 a@h answers\n50 a@h ends\n'
    )
    assert events_of(tmp_path) == [
        Event(12, "a@h", "begins", "phone-1"),
        Event(40, "a@h", "answers", ""),
        Event(50, "a@h", "ends", ""),
    ]
