"""A server that lacks the time zone of a service: that service is closed there, and nothing else stops."""

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api, by_id
from tests.world.dialer import DIALING, Dialer, let_pass
from tests.world.requests import refused, update_service
from tests.world.zone_files import ZURICH, zone_file

LACKING = "Mars/Olympus"


@asynccontextmanager
async def server(settings: Settings, service_id: str = "") -> AsyncIterator[tuple[App, Api]]:
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        api.service_id = service_id
        yield app, api


def store_zone(settings: Settings, service_id: str, zone: str) -> None:
    """Let the database have a zone that another machine, or another version, has stored."""
    assert isinstance(settings.database, Path)
    with closing(sqlite3.connect(settings.database)) as database, database:
        changed = database.execute(
            "UPDATE service SET body = json_set(body, '$.opening_hours.time_zone', ?) WHERE service_id = ?",
            (zone, service_id),
        )
        assert changed.rowcount == 1


async def look(api: Api, callback: cb.Callback) -> pb.GetQueueResponse:
    return await api.directory.GetQueue(pb.GetQueueRequest(callback_key=by_id(callback.callback_id)))


async def zone_of(api: Api, service_id: str) -> str:
    return (await api.directory.GetService(pb.GetServiceRequest(service_id=service_id))).service.time_zone


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "time zone" in record.message]


@pytest.mark.parametrize(
    "zone",
    [
        LACKING,
        *(pytest.param(zone, marks=pytest.mark.long) for zone in ("posix", "../../etc/passwd", "a\0b", "x" * 300)),
    ],
    ids=repr,
)
async def test_a_lacking_zone_closes_its_own_service_and_stops_nothing_else(
    settings: Settings, caplog: pytest.LogCaptureFixture, zone: str
) -> None:
    caplog.set_level(logging.INFO, "ringback")
    async with server(settings) as (_, api):
        lacking = await api.add_service(time_zone="Europe/Zurich")
        other = await api.add_service("sip:other@cc.example", time_zone="Europe/Zurich")
        waiting = await api.create("sip:1@b.example")
        assert waiting.state == cb.CALLBACK_STATE_QUEUED
    store_zone(settings, lacking, zone)
    async with server(settings, lacking) as (app, api):
        dialer = Dialer(api)
        text = f"the service is closed: this server has no data of its time zone {zone}"
        new = await api.create("sip:2@b.example")
        for callback in (waiting, new):
            queue = await look(api, callback)
            assert queue.estimate_basis == text
            assert queue.position.explanation.endswith(f"T{text[1:]}.")
            assert queue.position.reason == pb.WAITING_REASON_CLOSED
        assert await dialer.lease(10) == []
        await api.create("sip:3@b.example", service_id=other)
        assert (await dialer.lease_one()).callback.service_id == other
        await let_pass(app, 3600)  # nothing is moved to another time, and nothing expires
        assert (await api.get(waiting.callback_id)).state == cb.CALLBACK_STATE_QUEUED

        listed = await api.directory.ListServices(pb.ListServicesRequest())
        assert {service.service_id: service.time_zone for service in listed.services}[lacking] == zone
        changed = await update_service(api, paused=True)
        assert (changed.paused, changed.time_zone) == (True, zone)
        changed = await update_service(api, paused=False, display_name="Support", closed_dates=["2026-12-25"])
        assert await zone_of(api, lacking) == zone
        [line] = lines(caplog)
        assert lacking in line

        await update_service(api, time_zone="Europe/Kiev")
        leases = await dialer.lease(10)
        assert {lease.callback.callback_id for lease in leases} >= {waiting.callback_id, new.callback_id}
        assert lines(caplog)[1:] == [f"service {lacking} has the time zone Europe/Kiev now"]


async def test_a_lacking_zone_is_not_sent_anew(settings: Settings) -> None:
    """With the mask "*", the zone that is stored already is no fault, and another one that is lacking is."""
    async with server(settings) as (_, api):
        service_id = await api.add_service()
    store_zone(settings, service_id, LACKING)
    async with server(settings, service_id) as (_, api):
        got = await api.directory.GetService(pb.GetServiceRequest(service_id=service_id))
        request = pb.UpdateServiceRequest(service=got.service)
        request.update_mask.paths.append("*")
        request.service.display_name = "Support"
        assert (await api.directory.UpdateService(request)).service.display_name == "Support"
        request.service.ClearField("etag")
        request.service.time_zone = "Mars/Base"
        assert (await refused(api.directory.UpdateService(request))).fields == ("service.time_zone",)


async def test_dialing_is_refused_when_the_zone_is_lacking_since(settings: Settings) -> None:
    async with server(settings) as (_, api):
        service_id = await api.add_service()
        callback = await api.create()
        lease = await Dialer(api).lease_one()
    store_zone(settings, service_id, LACKING)
    async with server(settings, service_id) as (_, api):
        refusal = await refused(Dialer(api).report(lease, DIALING))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LEASE_EXPIRED")
        assert refusal.metadata["state"] == "QUEUED"
        assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_QUEUED


async def test_a_zone_that_appears_later_opens_its_service(settings: Settings, tmp_path: Path) -> None:
    """The file was corrupt; the machine has a good one when the server is started again."""
    async with server(settings) as (_, api):
        service_id = await api.add_service(time_zone="Europe/Zurich")
    with zone_file(tmp_path / "zones", "Europe/Zurich", ZURICH[:400]):
        async with server(settings, service_id) as (_, api):
            callback = await api.create()
            assert (await look(api, callback)).position.reason == pb.WAITING_REASON_CLOSED
            assert await Dialer(api).lease() == []
            refusal = await refused(api.add_service("sip:o@cc.example", time_zone="Europe/Zurich"))
            assert refusal.fields == ("service.time_zone",)
    async with server(settings, service_id) as (_, api):
        assert (await Dialer(api).lease_one()).callback.callback_id == callback.callback_id


async def test_names_that_machines_do_not_have_in_common_are_refused(api: Api) -> None:
    for zone in ("localtime", "posixrules", "right/Europe/Zurich", "posix/Europe/Zurich", "Factory", "europe/zurich"):
        create = api.add_service("sip:other@cc.example", time_zone=zone)
        assert (await refused(create)).fields == ("service.time_zone",), zone
        assert (await refused(update_service(api, time_zone=zone))).fields == ("service.time_zone",), zone
