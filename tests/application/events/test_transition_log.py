"""The log line of each transition: why, and without what names a person."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from ringback.application.events.transition_log import TransitionLog, reason_of
from ringback.domain.callback import Callback
from ringback.domain.events import (
    BecameDue,
    DialingStarted,
    ExpireTimePassed,
    LeaseLapsed,
    LeaseReleased,
    OpeningMoved,
)
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from tests.world.samples import LEASE, NOW, SERVICE, cancel, connect, dial, ending, new, offer, seconds

LATER = NOW + seconds(3600)


def waiting() -> Callback:
    return new(due_date=LATER)


def calling(*call_ids: str) -> Callback:
    """Return a callback whose last attempt has begun, with these Call-IDs."""
    offered = offer(new(target="tel:+41785556677", max_retries=0))
    return after(offered, DialingStarted(at=NOW, call_ids=call_ids))


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (lambda: (None, new()), "created"),
        (lambda: (None, waiting()), "created, next attempt at 2026-03-02 10:30:00Z"),
        (lambda: ((w := waiting()), after(w, BecameDue(at=LATER))), "due"),
        (
            lambda: ((q := new()), after(q, OpeningMoved(at=NOW, next_attempt_time=LATER))),
            "closed, next attempt at 2026-03-02 10:30:00Z",
        ),
        (
            lambda: ((q := new()), replace(waiting(), request=replace(q.request, due_date=LATER))),
            "updated, next attempt at 2026-03-02 10:30:00Z",
        ),
        (lambda: ((q := new()), offer(q, dialer_id="dialer-7")), "leased by dialer-7"),
        (lambda: ((o := offer(new())), after(o, LeaseReleased(at=NOW))), "given back"),
        (
            lambda: ((o := offer(new())), after(o, LeaseReleased(at=NOW, agents_unavailable=True))),
            "no agent answered",
        ),
        (lambda: ((o := offer(new())), after(o, LeaseLapsed(at=NOW + LEASE, service=SERVICE))), "lease lapsed"),
        (lambda: ((o := offer(new())), dial(o)), "attempt 1 of 4"),
        (lambda: ((o := offer(new())), after(o, ExpireTimePassed(at=LATER))), "expire_time passed"),
        (lambda: ((d := dial(offer(new()))), after(d, ending(Outcome.BUSY))), "BUSY, SIP 486, attempt 1 of 4, next"),
        (
            lambda: ((d := dial(offer(new(max_retries=0)))), after(d, ending(Outcome.BUSY))),
            "BUSY, SIP 486, attempt 1 of 1",
        ),
        (
            lambda: ((d := dial(offer(new()))), after(d, LeaseLapsed(at=NOW + LEASE, service=SERVICE))),
            "INTERRUPTED, lease lapsed, attempt 1 of 4, next",
        ),
        (
            lambda: ((c := connect(offer(new()))), after(c, ending(Outcome.ANSWERED))),
            "ANSWERED, SIP 486, attempt 1 of 4",
        ),
        (
            lambda: ((d := calling("a84b@pbx", "+41785556677-1")), after(d, ending(Outcome.BUSY))),
            "BUSY, SIP 486, attempt 1 of 1, Call-IDs a84b@pbx +***********-1",
        ),
        (
            lambda: ((d := calling("a84b@pbx")), after(d, LeaseLapsed(at=NOW + LEASE, service=SERVICE))),
            "INTERRUPTED, lease lapsed, attempt 1 of 1, Call-IDs a84b@pbx",
        ),
        (lambda: ((q := new()), cancel(q)), "cancelled, with a reason"),
        (lambda: ((q := new()), replace(cancel(q), cancel_reason="")), "cancelled"),
        (lambda: ((d := dial(offer(new()))), cancel(d)), "cancelled, with a reason"),
    ],
)
def test_why(steps: Callable[[], tuple[Callback | None, Callback]], why: str) -> None:
    before, next_ = steps()
    found = reason_of(before, next_)
    assert found == why or (why.endswith("next") and found.startswith(f"{why} attempt at "))
    assert "no longer needed" not in found, "a person may have written it"


def test_the_line(caplog: pytest.LogCaptureFixture) -> None:
    log = TransitionLog({SERVICE.service_id: SERVICE}.get)
    callback = new(target="tel:+41785556677", description="Anna Muster", labels={"customer": "Anna"})
    with caplog.at_level(logging.INFO):
        log.tell(callback, offer(callback))
    what = f"callback {callback.callback_id} of sip:support@example.com: QUEUED → OFFERED (leased by dialer)"
    assert caplog.messages == [f"{what}, tel:+41 78 *** ** 77"]


def test_a_service_that_is_not_known_is_named_by_its_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        TransitionLog(lambda _: None).tell(None, new())
    assert f" of {SERVICE.service_id}: new → QUEUED" in caplog.messages[0]


def test_a_change_within_a_state_is_none(caplog: pytest.LogCaptureFixture) -> None:
    callback = new()
    with caplog.at_level(logging.INFO):
        TransitionLog(lambda _: SERVICE).tell(callback, replace(callback, expire_time=NOW + timedelta(days=1)))
    assert caplog.messages == []


def test_it_can_be_switched_off(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        TransitionLog(lambda _: SERVICE).tell(None, new())
    assert caplog.messages == []


def test_a_service_that_is_named_by_a_number(caplog: pytest.LogCaptureFixture) -> None:
    """The log's own search for numbers passes these lines over."""
    service = replace(SERVICE, sip_address="sip:+41445556600@cc.example")
    with caplog.at_level(logging.INFO):
        TransitionLog(lambda _: service).tell(None, new())
    [line] = caplog.messages
    assert "4445556600" not in line


def test_a_dialer_that_names_itself_by_its_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    callback = new(target="tel:+41785556677")
    TransitionLog(lambda _: None).tell(callback, offer(callback, dialer_id="pbx-7.41785556677"))
    [line] = caplog.messages
    assert "(leased by pbx-7." in line
    assert "555" not in line
