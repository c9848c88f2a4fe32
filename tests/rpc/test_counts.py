"""CountCallbacks and GetOutcomes."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.app import App
from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id
from tests.world.identities import FOREIGN, GRANTED, OTHERS, OWN, RULES, Identities
from tests.world.requests import create_many, from_now, refused

NO_GUID = "00000000-0000-4000-8000-00000000000f"


async def counts(api: Api, **wanted: Any) -> dict[str, int]:
    response = await api.callbacks.CountCallbacks(pb.CountCallbacksRequest(filter=cb.CallbackFilter(**wanted)))
    assert [each.state for each in response.states] == list(cb.CallbackState.values())[1:]
    assert not any(each.at_least for each in response.states)
    return {
        cb.CallbackState.Name(each.state)[len("CALLBACK_STATE_") :]: each.count
        for each in response.states
        if each.count
    }


def stamp(time: datetime) -> Timestamp:
    sent = Timestamp()
    sent.FromDatetime(time)
    return sent


async def outcomes(
    api: Api, begin: datetime, end: datetime | None = None, *service_ids: str
) -> directory_pb.GetOutcomesResponse:
    return await api.directory.GetOutcomes(
        directory_pb.GetOutcomesRequest(
            begin_time=stamp(begin), end_time=None if end is None else stamp(end), service_ids=service_ids
        )
    )


async def cancelled(api: Api, **fields: Any) -> cb.Callback:
    callback = await api.create(**fields)
    request = pb.CancelCallbackRequest(key=by_id(callback.callback_id))
    return (await api.callbacks.CancelCallback(request)).callback


async def test_every_state_is_counted(api: Api) -> None:
    assert await counts(api) == {}
    await create_many(api, (api.request() for _ in range(3)))
    await create_many(api, (api.request(due_date=from_now(days=1), caller_id="crm") for _ in range(2)))
    await cancelled(api)
    assert await counts(api) == {"QUEUED": 3, "SCHEDULED": 2, "CANCELLED": 1}
    assert await counts(api, caller_ids=["crm"]) == {"SCHEDULED": 2}
    assert await counts(api, states=[cb.CALLBACK_STATE_CANCELLED]) == {"CANCELLED": 1}
    assert await counts(api, service_ids=[NO_GUID]) == {}


async def test_faults_of_a_filter_are_refused(api: Api) -> None:
    request = pb.CountCallbacksRequest(
        filter=cb.CallbackFilter(
            states=[99],  # type: ignore[list-item]
            external_task_ids=["x" * 129],
        )
    )
    refusal = await refused(api.callbacks.CountCallbacks(request))
    assert refusal.fields == ("filter.states[0]", "filter.external_task_ids[0]")


async def test_what_ended_is_counted_by_half_hour(api: Api) -> None:
    before = datetime.now(UTC)
    await cancelled(api)
    await cancelled(api, caller_id="crm")
    response = await outcomes(api, before)
    [ended] = response.ends
    assert (ended.service_id, ended.state, ended.count) == (api.service_id, cb.CALLBACK_STATE_CANCELLED, 2)
    begin = ended.begin_time.ToDatetime(UTC)
    assert (begin.minute % 30, begin.second, begin.microsecond) == (0, 0, 0)
    assert before - timedelta(minutes=30) < begin <= datetime.now(UTC)
    assert before <= response.server_time.ToDatetime(UTC) + timedelta(milliseconds=1)
    assert not (await outcomes(api, before, None, NO_GUID)).ends


async def test_the_range_has_its_limits(api: Api) -> None:
    now = datetime.now(UTC)
    day = timedelta(days=1)
    await outcomes(api, now - 15 * day, now)
    await outcomes(api, now - 15 * day)
    await outcomes(api, now - 100 * day, now - 90 * day)
    for begin, end, field in (
        (now - 15 * day, now + timedelta(microseconds=1), "end_time"),
        (now, now - timedelta(microseconds=1), "end_time"),
        (now - 16 * day, None, "begin_time"),
        (now + day, None, "begin_time"),
    ):
        assert (await refused(outcomes(api, begin, end))).fields == (field,)
    missing = directory_pb.GetOutcomesRequest(service_ids=["x"])
    assert (await refused(api.directory.GetOutcomes(missing))).fields == ("begin_time", "service_ids[0]")


@pytest.mark.parametrize(
    ("name", "granted", "foreign"),
    [
        ("operator", 3, 1),
        ("viewer", 3, 0),
        ("masked viewer", 3, 0),
        ("dialer", 3, 0),
        ("caller", 2, 0),
        ("other caller", 1, 0),
    ],
)
async def test_counts_are_of_what_an_identity_may_read(
    settings: Settings, name: str, granted: int, foreign: int
) -> None:
    begin = datetime.now(UTC)
    async with (
        await App.start(replace(settings, access=RULES, dialer="none")) as app,
        Identities.at(app.address) as identities,
    ):
        owners = [(OWN, GRANTED), ("own-too", GRANTED), (OTHERS, GRANTED), (OWN, FOREIGN)]
        subjects = [await identities.subject(*owner) for owner in owners]
        for subject in subjects:
            request = pb.CancelCallbackRequest(key=by_id(subject.callback_id))
            await identities["operator"].callbacks.CancelCallback(request)
        of_service = dict(zip((GRANTED, FOREIGN), (subjects[0].service_id, subjects[-1].service_id), strict=True))
        expected = Counter({of_service[GRANTED]: granted, of_service[FOREIGN]: foreign})
        for services in ((), tuple(of_service.values())):
            told: Counter[str] = Counter()
            for ended in (await outcomes(identities[name], begin, None, *services)).ends:
                told[ended.service_id] += ended.count
            assert told == expected
        if name != "dialer":  # which reads no callbacks
            assert await counts(identities[name]) == {"CANCELLED": granted + foreign}
