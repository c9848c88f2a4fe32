"""Services that several servers on one database change: each of two directories stands for a server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY, Caller, Grant, Role, anybody
from ringback.application.directory import Directory
from ringback.domain.errors import EtagMismatch, ServiceNotFound
from ringback.domain.service import Service
from ringback.storage.sqlite import SqliteStore
from tests.world.use_cases import ManualClock

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
DRAFT = Service(service_id="", sip_address="sip:q@cc.example", create_time=NOW, update_time=NOW)


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[tuple[Directory, Directory]]:
    store = await SqliteStore.open(tmp_path / "ringback.db")
    one, other = Directory(store, ManualClock()), Directory(store, ManualClock())
    await one.start()
    await other.start()
    yield one, other
    await store.close()


Servers = tuple[Directory, Directory]


async def test_a_service_that_another_server_has_just_made_is_found(servers: Servers) -> None:
    one, other = servers
    made = await one.create(ANYBODY, DRAFT)
    assert other.find(made.service_id) is None
    assert await other.get(made.service_id) == made
    assert await other.by_sip(made.sip_address) == made


async def test_changes_of_other_servers_are_told_to_those_who_listen(servers: Servers) -> None:
    one, other = servers
    heard: asyncio.Queue[Service] = asyncio.Queue()
    other.listen(heard.put_nowait)
    following = asyncio.create_task(other.run())
    made = await one.create(ANYBODY, DRAFT)
    assert await heard.get() == made
    changed = await one.update(ANYBODY, made.service_id, "", lambda service: replace(service, paused=True))
    assert await heard.get() == changed
    assert other.find(made.service_id) == changed
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_change_builds_on_what_other_servers_have_changed(servers: Servers) -> None:
    one, other = servers
    made = await one.create(ANYBODY, DRAFT)
    await other.update(ANYBODY, made.service_id, "", lambda service: replace(service, paused=True))
    changed = await one.update(ANYBODY, made.service_id, "", lambda service: replace(service, display_name="Support"))
    assert (changed.paused, changed.display_name, changed.revision) == (True, "Support", 3)


async def test_changes_at_the_same_time_are_all_made(servers: Servers) -> None:
    made = await servers[0].create(ANYBODY, DRAFT)
    await asyncio.gather(
        *(
            server.update(
                ANYBODY, made.service_id, "", lambda s: replace(s, max_concurrent_calls=s.max_concurrent_calls + 1)
            )
            for server in servers * 10
        )
    )
    await servers[0].refresh()
    assert (await servers[0].get(made.service_id)).max_concurrent_calls == made.max_concurrent_calls + 20


async def test_an_etag_is_compared_with_what_is_stored(servers: Servers) -> None:
    one, other = servers
    made = await one.create(ANYBODY, DRAFT)
    changed = await other.update(ANYBODY, made.service_id, made.etag, lambda service: replace(service, paused=True))
    with pytest.raises(EtagMismatch):
        await one.update(ANYBODY, made.service_id, made.etag, lambda service: replace(service, paused=False))
    with pytest.raises(EtagMismatch):
        await one.delete(ANYBODY, made.service_id, made.etag)
    await one.delete(ANYBODY, made.service_id, changed.etag)


async def test_a_service_that_another_server_has_deleted_is_gone(servers: Servers) -> None:
    one, other = servers
    made = await one.create(ANYBODY, DRAFT)
    await other.delete(ANYBODY, made.service_id, "")
    await one.refresh()
    with pytest.raises(ServiceNotFound):
        await one.get(made.service_id)
    with pytest.raises(ServiceNotFound):
        await one.update(ANYBODY, made.service_id, "", lambda service: service)


async def test_services_may_exchange_their_addresses(servers: Servers) -> None:
    one, other = servers
    first, second = (
        await one.create(ANYBODY, DRAFT),
        await one.create(ANYBODY, replace(DRAFT, sip_address="sip:r@cc.example")),
    )
    await other.refresh()
    await one.update(ANYBODY, first.service_id, "", lambda service: replace(service, sip_address="sip:s@cc.example"))
    await one.update(ANYBODY, second.service_id, "", lambda service: replace(service, sip_address="sip:q@cc.example"))
    await one.update(ANYBODY, first.service_id, "", lambda service: replace(service, sip_address="sip:r@cc.example"))
    await other.refresh()
    assert (await other.by_sip("sip:q@cc.example")).service_id == second.service_id
    assert (await other.by_sip("sip:r@cc.example")).service_id == first.service_id


async def test_who_has_changed_a_service_is_in_the_log(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ringback")
    directory, _ = servers
    ops = Caller("ops", [Grant(role=Role.OPERATOR)])
    service = await directory.create(ops, DRAFT)
    await directory.update(ops, service.service_id, "", lambda current: replace(current, paused=True))
    await directory.delete(ops, service.service_id, "")
    of_address = await directory.create(anybody("192.0.2.7"), DRAFT)
    await directory.delete(ANYBODY, of_address.service_id, "")
    assert caplog.messages == [
        f"ops has created service sip:q@cc.example ({service.service_id})",
        f"ops has changed service sip:q@cc.example ({service.service_id})",
        f"ops has deleted service sip:q@cc.example ({service.service_id})",
        f"192.0.2.7 has created service sip:q@cc.example ({of_address.service_id})",
    ]
