"""What is compared before anything is written, over rows in memory. The contract suite has it in a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from ringback.domain.events import LeaseLapsed
from ringback.domain.lifecycle import after
from ringback.domain.queue import Turn
from ringback.domain.service import Service
from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.ports.values import Change, DialOuts
from ringback.storage.body import time_us
from ringback.storage.comparison import Held, Overlay, PhoneRow, compare, compare_service, held
from ringback.storage.operations import Changes
from tests.world.samples import NOW, SERVICE, cancel, changes, dial, new, offer, seconds

CREDITS = (0,) * 8


@dataclass
class Rows:
    callbacks: Mapping[str, Held] = field(default_factory=dict)
    phones: Mapping[str, PhoneRow] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)
    services: Mapping[str, int] = field(default_factory=dict)
    dialled: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def callback(self, callback_id: str) -> Held | None:
        return self.callbacks.get(callback_id)

    def phone(self, phone: str) -> PhoneRow:
        return self.phones.get(phone, PhoneRow())

    def dial_outs(self, number: str, since_us: int) -> int:
        return sum(at_us > since_us for at_us in self.dialled.get(number, ()))

    def turn(self, service_id: str) -> int | None:
        return self.turns.get(service_id)

    def service(self, service_id: str) -> int | None:
        return self.services.get(service_id)


def test_what_is_different_afterwards() -> None:
    callback = new()
    offered = offer(callback)
    rows = Rows({callback.callback_id: held(callback)}, turns={"s": 4})

    overlay = compare(rows, Changes(changes(callback, offered), Turn("s", CREDITS, 5)))

    assert overlay.callback(callback.callback_id) == held(offered)
    assert overlay.phone(callback.phone).caller == callback.callback_id
    assert overlay.turn("s") == 5
    assert rows.callback(callback.callback_id) == held(callback)


def test_what_is_not_different_is_as_below() -> None:
    overlay = Overlay(Rows({"a": Held(3, None, None)}, {"p": PhoneRow("a", 7)}, {"s": 1}))
    assert overlay.callback("a") == Held(3, None, None)
    assert (overlay.phone("p"), overlay.turn("s")) == (PhoneRow("a", 7), 1)
    assert (overlay.callback("b"), overlay.phone("q"), overlay.turn("r")) == (None, PhoneRow(), None)


def test_a_call_sees_what_the_one_before_has_changed() -> None:
    """As one transaction writes them: a refused one in between leaves nothing behind."""
    callback = new()
    offered = offer(callback)
    transaction = Overlay(Rows({callback.callback_id: held(callback)}))
    transaction.update(compare(transaction, Changes(changes(callback, offered), None)))
    with pytest.raises(RevisionConflict):
        compare(transaction, Changes([Change(callback, cancel(callback))], None))
    transaction.update(compare(transaction, Changes(changes(offered, dial(offered)), None)))
    assert transaction.callback(callback.callback_id) == held(dial(offered))


def test_a_refusal_names_all_that_were_changed() -> None:
    fresh, stale, gone = new(), new(), new()
    rows = Rows({fresh.callback_id: held(fresh), stale.callback_id: held(offer(stale))})
    with pytest.raises(RevisionConflict) as refusal:
        compare(rows, Changes([Change(c, cancel(c)) for c in (fresh, stale, gone)], None))
    assert refusal.value.callback_ids == {stale.callback_id, gone.callback_id}


def test_a_lease_that_ends_at_another_time_counts_as_changed() -> None:
    offered = offer(new())
    rows = Rows({offered.callback_id: held(offered)._replace(lease_expire_us=1)})
    with pytest.raises(RevisionConflict):
        compare(rows, Changes(changes(offered, dial(offered)), None))


def test_revisions_may_be_left_to_the_update() -> None:
    callback = new()
    call = Changes(changes(callback, offer(callback)), None)
    with pytest.raises(RevisionConflict):
        compare(Rows(), call)
    assert compare(Rows(), call, revisions=False).callbacks == {}


def test_one_call_per_phone() -> None:
    phone = "tel:+41785556677"
    one, two = offer(new(target="sip:+41785556677@gw.example;user=phone")), new(target="tel:+41 78 555 66 77")
    rows = Rows({c.callback_id: held(c) for c in (one, two)}, {phone: PhoneRow(one.callback_id)})
    begin, end = Change(two, offer(two)), Change(one, cancel(one))

    with pytest.raises(RevisionConflict) as refusal:
        compare(rows, Changes([begin], None))
    assert refusal.value.callback_ids == {two.callback_id}
    with pytest.raises(RevisionConflict):
        compare(rows, Changes([begin, end], None))
    assert compare(rows, Changes([end, begin], None)).phone(phone).caller == two.callback_id


def test_the_phone_of_a_lost_dialer_is_kept_until_the_end_of_its_ring() -> None:
    """In the same call, in a later one of the same transaction, and with the later of two ends."""
    phone = "tel:+41785556677"
    one, two = dial(offer(new(target=phone))), new(target=phone)
    lost = after(one, LeaseLapsed(at=NOW, service=SERVICE))
    end = NOW + SERVICE.ring_timeout
    early, in_time = (Change(two, offer(two, at=at)) for at in (end - seconds(0.000001), end))
    stored = {c.callback_id: held(c) for c in (one, two)}
    rows = Rows(stored, {phone: PhoneRow(one.callback_id)})

    for begin in (early, in_time):
        for transaction, changes_ in (
            (Overlay(rows), [Change(one, lost), begin]),
            (compare(rows, Changes([Change(one, lost)], None)), [begin]),
            (Rows(stored, {phone: PhoneRow(None, time_us(end))}), [begin]),
        ):
            if begin is in_time:
                assert compare(transaction, Changes(changes_, None)).phone(phone) == PhoneRow(
                    two.callback_id, time_us(end)
                )
                continue
            with pytest.raises(RevisionConflict) as refusal:
                compare(transaction, Changes(changes_, None))
            assert refusal.value.callback_ids == {two.callback_id}

    later = Rows(stored, {phone: PhoneRow(one.callback_id, time_us(end) + 1)})
    assert compare(later, Changes([Change(one, lost)], None)).phone(phone) == PhoneRow(None, time_us(end) + 1)


@pytest.mark.parametrize("stored", [None, 3, 5])
def test_a_turn_that_is_not_the_next(stored: int | None) -> None:
    rows = Rows(turns={} if stored is None else {"s": stored})
    with pytest.raises(RevisionConflict) as refusal:
        compare(rows, Changes([], Turn("s", CREDITS, 5)))
    assert refusal.value.callback_ids == set()


@pytest.mark.parametrize(
    ("revision", "stored", "refusal"),
    [
        (1, None, None),
        (1, 1, DuplicateService),
        (2, 1, None),
        (2, None, RevisionConflict),
        (2, 2, RevisionConflict),
        (3, 1, RevisionConflict),
    ],
)
def test_a_service_and_the_stored_one(revision: int, stored: int | None, refusal: type[Exception] | None) -> None:
    service = Service(
        service_id="s", sip_address="sip:s@example.com", revision=revision, create_time=NOW, update_time=NOW
    )
    if refusal is None:
        compare_service(service, stored)
    else:
        with pytest.raises(refusal):
            compare_service(service, stored)


def test_a_number_that_was_dialled_more_often_than_known_is_not_dialled() -> None:
    one, two = (offer(new(target=f"tel:+41785556677;ext={n}")) for n in (1, 2))
    rows = Rows(
        {c.callback_id: held(c) for c in (one, two)},
        dialled={"tel:+41785556677": [time_us(NOW - seconds(60)), time_us(NOW - seconds(7200))]},
    )
    known = DialOuts(NOW - seconds(3600), 1)
    transaction = Overlay(rows)
    transaction.update(compare(transaction, Changes([Change(one, dial(one), dial_outs=known)], None)))
    rival = Change(two, dial(two), dial_outs=known)
    with pytest.raises(RevisionConflict) as refusal:
        compare(transaction, Changes([rival], None))
    assert refusal.value.callback_ids == {two.callback_id}
    compare(transaction, Changes([replace(rival, dial_outs=replace(known, count=2))], None))
    compare(transaction, Changes([replace(rival, dial_outs=None)], None))
