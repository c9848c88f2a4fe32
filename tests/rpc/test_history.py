"""ListCallbackEvents: what happened to one callback, as those who may read it may see it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.ports.location import PostgresUrl
from ringback.ports.values import Retention
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_external_id, by_id, refusal_of
from tests.world.dialer import ANSWERED, BUSY, CONNECTED, DIALING, RINGING, Dialer
from tests.world.identities import FOREIGN, GRANTED, OTHERS, OWN, RULES, Identities


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    if request.param == "postgres":
        return replace(settings, database=PostgresUrl(request.getfixturevalue("cluster").new_schema()))
    return settings


async def page(api: Api, key: cb.CallbackKey, **fields: Any) -> pb.ListCallbackEventsResponse:
    return await api.callbacks.ListCallbackEvents(pb.ListCallbackEventsRequest(key=key, **fields))


async def whole(api: Api, callback_id: str, size: int = 0) -> list[pb.CallbackEvent]:
    """Return the events of all pages."""
    found: list[pb.CallbackEvent] = []
    token = ""
    while True:
        part = await page(api, by_id(callback_id), page_size=size, page_token=token)
        assert part.complete
        found += part.events
        token = part.next_page_token
        if not token:
            return found


async def refused(api: Api, key: cb.CallbackKey, **fields: Any) -> tuple[str, Sequence[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await page(api, key, **fields)
    refusal = refusal_of(error.value)
    return refusal.reason, refusal.fields


async def update(api: Api, callback_id: str, description: str) -> cb.Callback:
    response = await api.callbacks.UpdateCallback(
        pb.UpdateCallbackRequest(
            key=by_id(callback_id),
            callback_request=cb.CallbackRequest(description=description),
            update_mask=FieldMask(paths=["description"]),
        )
    )
    return response.callback


async def cancel(api: Api, callback_id: str) -> None:
    await api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(callback_id), reason="changed my mind"))


# --- What is in it ---------------------------------------------------------------------------------------------------


async def test_a_whole_life_as_a_watcher_has_seen_it(api: Api, dialer: Dialer) -> None:
    watch: Any = api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    await watch.read()
    created = await api.create(max_retries=1, caller_id="crm", external_task_id="7")
    await update(api, created.callback_id, "urgent")
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING, RINGING, CONNECTED)
    await dialer.end(lease, ANSWERED)
    await api.create()

    seen: list[pb.CallbackEvent] = []
    while len(seen) < 8:
        seen += (await watch.read()).events
    events = await whole(api, created.callback_id)
    assert events == seen[:7]
    assert events[0].type == pb.CALLBACK_EVENT_TYPE_CREATED
    assert {event.type for event in events[1:]} == {pb.CALLBACK_EVENT_TYPE_UPDATED}
    assert [cb.CallbackState.Name(event.callback.state).removeprefix("CALLBACK_STATE_") for event in events] == [
        *("QUEUED", "QUEUED", "OFFERED", "DIALING", "DIALING", "CONNECTED", "COMPLETED")
    ]
    assert [event.previous_state for event in events[1:]] == [event.callback.state for event in events[:-1]]
    assert list((await page(api, by_external_id("crm", "7"))).events) == events


_STEPS = st.lists(
    st.sampled_from(["lease", "release", "dialing", "ringing", "connected", "busy", "answered", "update", "cancel"]),
    max_size=25,
)


_PROGRESS = {"dialing": DIALING, "ringing": RINGING, "connected": CONNECTED}
# What one step may be refused for after another.
_POSSIBLE = {"CALLBACK_ENDED", "CALLBACK_CONNECTED", "ATTEMPT_NOT_STARTED", "OUTCOME_CONFLICT", "LEASE_EXPIRED"}


@examples(max_examples=15)
@given(steps=_STEPS, size=st.integers(1, 7))
def test_the_events_fold_to_the_callback(steps: list[str], size: int) -> None:
    """Whatever has happened, in pages of any size: each revision once, and the last one is the callback."""

    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            own = Settings(
                listen=Listen("127.0.0.1", 0),
                database=Path(folder) / "ringback.db",
                dialer="none",
                lame_duck=timedelta(0),
            )
            async with await App.start(own) as app, Api.connect(app.port) as api:
                await api.add_service(default_max_retries=100)
                created = await api.create()
                await _take(api, created.callback_id, steps)
                callback = await api.get(created.callback_id)
                events = await whole(api, created.callback_id, size)
                folded: dict[str, cb.Callback] = {}
                for event in events:
                    folded[event.callback.callback_id] = event.callback
                assert folded == {callback.callback_id: callback}
                assert [event.callback.revision for event in events] == list(range(1, callback.revision + 1))
                times = [event.event_time.ToNanoseconds() for event in events]
                assert times == sorted(times)

    asyncio.run(live())


async def _take(api: Api, callback_id: str, steps: list[str]) -> None:
    """Take the steps that are possible."""
    dialer, leases = Dialer(api), list[Any]()
    for step in steps:
        try:
            if step == "lease":
                leases += await dialer.lease()
            elif step == "update":
                await update(api, callback_id, f"version {len(leases)}")
            elif step == "cancel":
                await cancel(api, callback_id)
            elif leases:
                await _report(dialer, leases[-1], step)
        except grpc.aio.AioRpcError as refusal:
            if refusal_of(refusal).reason not in _POSSIBLE:
                raise


async def _report(dialer: Dialer, lease: Any, step: str) -> None:
    if step == "release":
        await dialer.release(lease)
    elif step in _PROGRESS:
        await dialer.report(lease, _PROGRESS[step])
    else:
        await dialer.end(lease, BUSY if step == "busy" else ANSWERED)


async def test_what_is_kept_no_longer_is_said(app: App, api: Api) -> None:
    created = await api.create()
    await update(api, created.callback_id, "one")
    everything = Retention(events=timedelta(0), min_events=1)
    await app.store.purge(datetime.now(UTC) + timedelta(hours=1), everything, 1000)
    found = await page(api, by_id(created.callback_id))
    assert [event.callback.revision for event in found.events] == [2]
    assert (found.complete, found.next_page_token) == (False, "")


# --- Pages -----------------------------------------------------------------------------------------------------------


async def test_pages_have_the_size_that_is_requested(api: Api) -> None:
    created = await api.create()
    for number in range(4):
        await update(api, created.callback_id, str(number))
    first = await page(api, by_id(created.callback_id), page_size=3)
    assert [event.callback.revision for event in first.events] == [1, 2, 3]
    second = await page(api, by_id(created.callback_id), page_size=3, page_token=first.next_page_token)
    assert [event.callback.revision for event in second.events] == [4, 5]
    assert (second.next_page_token, second.complete) == ("", True)
    assert (await page(api, by_id(created.callback_id), page_size=5)).next_page_token == ""
    assert len((await page(api, by_id(created.callback_id), page_size=2**31 - 1)).events) == 5


async def test_what_happens_between_two_pages_is_on_the_next_one(api: Api) -> None:
    created = await api.create()
    await update(api, created.callback_id, "one")
    first = await page(api, by_id(created.callback_id), page_size=1)
    await cancel(api, created.callback_id)
    second = await page(api, by_id(created.callback_id), page_token=first.next_page_token)
    assert [event.callback.revision for event in second.events] == [2, 3]


async def test_a_token_is_one_of_its_callback_alone(api: Api) -> None:
    one, other = await api.create(), await api.create()
    await update(api, one.callback_id, "one")
    token = (await page(api, by_id(one.callback_id), page_size=1)).next_page_token
    listed = await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=1))
    for key, wrong in {
        (one.callback_id, "nonsense"),
        (one.callback_id, token + "A"),
        (one.callback_id, token[:-2]),
        (one.callback_id, "\N{BELL}"),
        (one.callback_id, listed.next_page_token),
        (one.callback_id, listed.resume_token),
        (other.callback_id, token),
    }:
        assert await refused(api, by_id(key), page_token=wrong) == ("PAGE_TOKEN_INVALID", ("page_token",)), wrong
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_token=token))
    assert refusal_of(error.value).reason == "PAGE_TOKEN_INVALID"


async def test_faults_are_told_at_once(api: Api) -> None:
    assert await refused(api, cb.CallbackKey(), page_size=-1) == ("INVALID_FIELD", ("key", "page_size"))
    absent = "00000000-0000-7000-8000-000000000000"
    assert (await refused(api, by_id(absent), page_token="nonsense"))[0] == "CALLBACK_NOT_FOUND"


# --- What is gone ----------------------------------------------------------------------------------------------------


async def test_what_is_erased_or_purged_has_no_history(app: App, api: Api) -> None:
    erased, purged = await api.create("tel:+41785556677"), await api.create()
    await api.directory.EraseTarget(directory_pb.EraseTargetRequest(target="tel:+41785556677"))
    await cancel(api, purged.callback_id)
    await app.store.purge(datetime.now(UTC) + timedelta(days=400), Retention(), 1000)
    for gone in (erased, purged):
        assert (await refused(api, by_id(gone.callback_id)))[0] == "CALLBACK_NOT_FOUND"


async def test_what_is_being_erased_has_no_history(app: App, api: Api) -> None:
    """Its events are redacted first, and then it is deleted."""
    created = await api.create("tel:+41785556677")
    await update(api, created.callback_id, "one")
    [*_, last] = await app.store.events(0, 100)
    await app.store.redact([last.number])
    assert (await refused(api, by_id(created.callback_id)))[0] == "CALLBACK_NOT_FOUND"


# --- Who sees what ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def identities(settings: Settings) -> AsyncIterator[Identities]:
    async with await App.start(replace(settings, access=RULES)) as app, Identities.at(app.address) as identities:
        yield identities


async def test_only_operators_see_who_did_it(identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED)
    await cancel(identities["caller"], subject.callback_id)
    seen = {
        name: [event.identity for event in (await page(identities[name], by_id(subject.callback_id))).events]
        for name in ("operator", "caller", "viewer", "masked viewer")
    }
    assert seen.pop("operator") == ["operator", "caller"]
    assert all(each == ["", ""] for each in seen.values())


async def test_a_masked_viewer_sees_no_number_in_any_version(identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED, description="first call 078 555 0001 or +41 78 555 00 01")
    await update(identities["operator"], subject.callback_id, f"it is {subject.number}")
    found = await page(identities["masked viewer"], by_id(subject.callback_id))
    assert len(found.events) == 2
    digits = subject.number.removeprefix("+41")
    assert digits not in str(found).replace(" ", "")
    assert found.events[0].callback.dial_target == "tel:+41 78 *** ** 01"


async def test_what_is_anothers_is_as_if_it_were_not_there(identities: Identities) -> None:
    hidden = [await identities.subject(OTHERS, GRANTED), await identities.subject(OWN, FOREIGN)]
    absent = "00000000-0000-7000-8000-000000000000"
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await page(identities["caller"], by_id(absent))
    for subject in hidden:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await page(identities["caller"], by_id(subject.callback_id))
        told = (error.value.details() or "").replace(subject.callback_id, absent)
        assert (error.value.code(), told) == (missing.value.code(), missing.value.details())


async def test_a_token_is_one_of_its_identity_alone(identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED)
    await cancel(identities["caller"], subject.callback_id)
    token = (await page(identities["operator"], by_id(subject.callback_id), page_size=1)).next_page_token
    assert (await refused(identities["caller"], by_id(subject.callback_id), page_token=token))[
        0
    ] == "PAGE_TOKEN_INVALID"
