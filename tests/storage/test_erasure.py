"""Contract: what is kept about a phone is found wherever it is, and deleted for good."""

from typing import Any, Final

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.erasure import erased, trace_of
from ringback.domain.filter import MATCH_ALL, CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, EventKind, PhoneUse, Retention
from tests.world.databases import Database
from tests.world.samples import NOW, SERVICE, cancel, dial, ending, new, offer, seconds

PHONE: Final = "tel:+41785556677"
TRACE: Final = trace_of(PHONE)


def ended(target: str = PHONE, **fields: Any) -> Callback:
    return cancel(new(target=target, **fields))


async def found_callbacks(store: Store, trace: str = TRACE, limit: int = 100) -> list[str]:
    found: list[str] = []
    begin: str | None = ""
    while begin is not None:
        part = await store.search_callbacks(trace, begin, limit)
        begin = part.next_id
        found += [callback.callback_id for callback in part.found]
    return found


async def found_events(store: Store, trace: str = TRACE, limit: int = 100) -> list[int]:
    found: list[int] = []
    begin: int | None = 0
    while begin is not None:
        part = await store.search_events(trace, begin, limit)
        begin = part.next_number
        found += [event.number for event in part.found]
    return found


# --- Search --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_callbacks_are_found_by_a_trace_in_parts_of_any_size(store: Store, limit: int) -> None:
    spelled = [
        new(target=PHONE),
        new(target="tel:+41 (0)78 555-66.77"),
        new(target="sip:+41-78-555-66-77@gw.example"),
        offer(new(target="sip:anna@example.com", alternative_target="tel: +41 78 555 66 77")),
        new(target="sip:anna@example.com", context_url="https://example.com/a%20b"),
    ]
    others = [new(target=f"tel:+4178555667{digit}") for digit in range(7)]
    await store.create([*others, *spelled, new(), new()])
    assert await found_callbacks(store, limit=limit) == [callback.callback_id for callback in spelled]


async def test_what_is_found_is_as_it_is_stored(store: Store) -> None:
    leased = offer(new(target=PHONE))
    await store.create([leased])
    assert (await store.search_callbacks(TRACE, "", 10)).found == [leased]
    [event] = (await store.search_events(TRACE, 0, 10)).found
    assert (event.kind, event.callback) == (EventKind.CREATED, leased)


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_events_are_found_by_what_they_have_and_by_what_was_before(store: Store, limit: int) -> None:
    before = new(target=PHONE)
    updated = replace(
        before,
        request=replace(before.request, target="sip:anna@example.com"),
        dial_target="sip:anna@example.com",
        revision=2,
    )
    last = replace(updated, revision=3)
    await store.create([new(), before])
    await store.apply([Change(before, updated)])
    await store.apply([Change(updated, last)])
    assert await found_events(store, limit=limit) == [2, 3]
    assert await found_callbacks(store) == []


async def test_a_sip_address_is_found_whatever_the_case(store: Store) -> None:
    await store.create([here := new(target="sip:Anna.Muster@EXAMPLE.com"), new(target="sip:anna@example.com")])
    assert await found_callbacks(store, trace_of("sip:Anna.Muster@example.com")) == [here.callback_id]


async def test_the_owners_of_events_are_read_in_order(store: Store) -> None:
    first, second = new(), new()
    await store.create([first, second])
    await store.apply([Change(first, cancel(first))])
    ids = [first.callback_id, second.callback_id, first.callback_id]
    assert await store.event_owners(0, 10) == list(zip((1, 2, 3), ids, strict=True))
    assert await store.event_owners(1, 1) == [(2, second.callback_id)]
    assert await store.event_owners(3, 10) == []


# --- Deletion ------------------------------------------------------------------------------------------------


async def test_an_erased_callback_is_gone_with_its_names_and_labels(store: Store) -> None:
    names: dict[str, Any] = {"caller_id": "crm", "external_task_id": "1", "request_id": "r", "labels": {"a": "b"}}
    callback, other = ended(**names), ended(labels={"a": "b"})
    await store.create([callback, other])

    assert await store.erase([callback], NOW, "ops") == 1

    assert await store.get(callback.callback_id) is None
    assert await store.get(ExternalTaskKey(caller_id="crm", external_task_id="1")) is None
    assert await store.get_by_request_id("", "r") is None
    assert (await store.list(CallbackFilter(labels={"a": "b"}), "", 10)).callbacks == [other]
    assert await store.create([new(**names)]) == [None]


async def test_it_is_logged_who_has_erased_what_but_not_whom(store: Store) -> None:
    callback = ended(description="Anna")
    await store.create([callback])
    later = NOW + seconds(5)
    await store.erase([callback], later, "ops")
    [event] = await store.events(1, 10)
    assert (event.kind, event.identity) == (EventKind.PURGED, "ops")
    assert event.callback == replace(erased(callback), update_time=later)


async def test_one_that_is_not_stored_is_logged_and_not_counted(store: Store) -> None:
    callback, gone = ended(), ended()
    await store.create([callback])
    assert await store.erase([gone, callback], NOW, "") == 1
    assert [event.callback.callback_id for event in await store.events(1, 10)] == [
        gone.callback_id,
        callback.callback_id,
    ]


async def test_one_that_has_changed_is_not_erased_and_nothing_is(store: Store) -> None:
    callback, changed = ended(), new()
    await store.create([callback, changed])
    await store.apply([Change(changed, cancel(changed))])
    with pytest.raises(RevisionConflict):
        await store.erase([callback, changed], NOW, "")
    assert await store.get(callback.callback_id) == callback
    assert (await store.history()).newest == 3


async def test_redacted_events_keep_their_numbers_kinds_states_and_who(store: Store) -> None:
    before = new(target=PHONE, supervisor="Anna", labels={"a": "b"})
    lower = replace(before, request=replace(before.request, priority=7, labels={}), dial_target="sip:x@y", revision=2)
    leased = offer(lower)
    await store.create([before, other := new()])
    await store.apply([Change(before, lower, identity="crm")])
    await store.apply([Change(lower, leased, identity="pbx")])
    unredacted = await store.events(0, 10)

    await store.redact([1, 3, 4, 99])

    redacted = await store.events(0, 10)
    for old, event in zip(unredacted, redacted, strict=True):
        assert (event.number, event.kind, event.identity) == (old.number, old.kind, old.identity)
        if old.callback.callback_id == other.callback_id:
            assert event == old
            continue
        assert event.callback == erased(old.callback)
        assert (event.previous and event.previous.state) == (old.previous and old.previous.state)
        assert (event.previous and event.previous.priority) == (old.previous and old.previous.priority)
    assert await found_events(store) == []
    assert await found_events(store, "anna") == []
    await store.redact([1, 3, 4])
    assert await store.events(0, 10) == redacted


async def test_a_kept_phone_is_forgotten(store: Store) -> None:
    for target in (PHONE, "tel:+41785556678"):
        dialing = dial(offer(new(target=target)))
        await store.create([dialing])
        await store.apply([Change(dialing, after(dialing, ending(Outcome.INTERRUPTED)))])
    assert (await store.phone_use(PHONE, NOW)).kept_until is not None
    await store.forget_phone(PHONE)
    assert await store.phone_use(PHONE, NOW) == PhoneUse(None, None)
    assert (await store.phone_use("tel:+41785556678", NOW)).kept_until is not None


async def test_erasure_survives_a_restart(database: Database) -> None:
    store = await database.open()
    await store.put_service(SERVICE)
    callback = ended()
    await store.create([callback])
    await store.redact([1])
    await store.erase([callback], NOW, "ops")
    await store.forget_phone(PHONE)
    await store.close()
    store = await database.open()
    assert [event.callback for event in await store.events(0, 10)] == [erased(callback)] * 2
    assert (await store.list(MATCH_ALL, "", 10)).callbacks == []
    assert await found_events(store) == []
    await store.close()


async def test_a_call_that_goes_on_is_not_touched(store: Store) -> None:
    call = dial(offer(new(target=PHONE)))
    await store.create([call, over := ended()])
    await store.erase([over], NOW, "")
    assert await store.get(call.callback_id) == call


async def test_the_number_of_a_time_is_found(store: Store) -> None:
    created = [new(now=NOW + seconds(minute * 60)) for minute in range(20)]
    for callback in created:
        await store.create([callback])
    for minute in range(20):
        assert await store.number_before(NOW + seconds(minute * 60)) == minute
        assert await store.number_before(NOW + seconds(minute * 60 + 1)) == minute + 1
    assert await store.number_before(NOW - seconds(1)) == 0
    await store.purge(NOW + seconds(600), Retention(seconds(10**9), events=seconds(0), min_events=10), 100)
    assert await store.number_before(NOW) == (await store.history()).oldest == 10
