"""A backup of a server under load, taken and restored with the commands of docs/backup.md."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, refusal_of
from tests.world.command_line import run
from tests.world.server_process import ServerProcess, serving

pytestmark = pytest.mark.long

SERVICE = "sip:support@cc.example"
BEFORE, DURING, AT_ONCE = 200, 200, 16


@asynccontextmanager
async def serving_on(database: Path, *options: str) -> AsyncIterator[tuple[ServerProcess, Api]]:
    arguments = ("--listen", "127.0.0.1:0", "--database", f"sqlite:///{database}", *options)
    async with serving(*arguments) as server:
        port = int((await server.address()).rpartition(":")[2])
        async with Api.connect(port) as api:
            yield server, api


class Load:
    """Creates without a pause; `acknowledged` are those whose response has come."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._grown = asyncio.Event()
        self._numbers = count()
        self._creating = [asyncio.create_task(self._create()) for _ in range(AT_ONCE)]
        self.acknowledged: list[str] = []

    async def reached(self, number: int) -> None:
        while len(self.acknowledged) < number:
            assert not any(task.done() for task in self._creating), "a create has failed"
            self._grown.clear()
            await self._grown.wait()

    async def stop(self) -> None:
        for task in self._creating:
            task.cancel()
        await asyncio.gather(*self._creating, return_exceptions=True)

    async def _create(self) -> None:
        while True:
            try:
                # A phone each: one is dialled no more than twenty times a day.
                target = f"sip:phone-{next(self._numbers)}@load.example"
                callback = await self._api.create(target=target, service_sip=SERVICE, labels={"from": "load"})
                self.acknowledged.append(callback.callback_id)
            finally:
                self._grown.set()


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


async def resume_token(api: Api) -> str:
    """Return a token that covers everything up to now."""
    watch = api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    response = await watch.read()
    watch.cancel()
    assert isinstance(response, pb.WatchCallbacksResponse)
    return response.resume_token


async def reason_of_watch(api: Api, token: str, mode: pb.SnapshotMode.ValueType) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest(resume_token=token, snapshot_mode=mode)).read()
    return refusal_of(refused.value).reason


async def test_a_backup_under_load_is_restored_row_by_row(tmp_path: Path) -> None:
    """Callbacks are created, dialled and ended all the time; the server is then killed, and its database is lost."""
    database, file = tmp_path / "ringback.db", tmp_path / "backup.db"
    fast = ("--simulated-ring", "0", "--simulated-talk", "0")
    async with serving_on(database, *fast) as (server, api):
        await api.add_service(SERVICE)
        load = Load(api)
        await load.reached(BEFORE)
        promised = list(load.acknowledged)
        ran = await run("backup", str(file), "--database", f"sqlite:///{database}")
        assert ran.code == 0, ran.err
        await load.reached(len(load.acknowledged) + DURING)
        await load.stop()
        await server.kill()
    kept = file.read_bytes()

    # Row by row: the log of the backup is the beginning of the whole log, and each callback is as that log has it.
    [(newest,)] = rows(file, "SELECT max(number) FROM event")
    everything = "SELECT * FROM event WHERE number <= {} ORDER BY number"
    assert rows(file, everything.format(newest)) == rows(database, everything.format(newest))
    [(after,)] = rows(database, f"SELECT count(*) FROM event WHERE number > {newest}")
    assert after >= DURING, "there is a difference between the two"
    last = "SELECT callback_id, body FROM event GROUP BY callback_id HAVING number = max(number) ORDER BY 1"
    assert rows(file, "SELECT callback_id, body FROM callback ORDER BY 1") == rows(file, last)
    assert set(promised) <= {callback_id for (callback_id,) in rows(file, "SELECT callback_id FROM callback")}
    assert f"the newest is number {newest}" in ran.out

    # As docs/backup.md has it: the server is stopped, and what belongs to the lost database goes.
    for path in (database, *(database.with_name(f"ringback.db{end}") for end in ("-wal", "-shm"))):
        path.unlink(missing_ok=True)
    database.write_bytes(kept)
    async with serving_on(database, "--dialer", "none") as (server, api):
        listed = {callback.callback_id: callback for callback in await api.list_all()}
        assert listed.keys() == {callback_id for (callback_id,) in rows(file, "SELECT callback_id FROM callback")}
        assert (await api.create(service_sip=SERVICE)).state == cb.CALLBACK_STATE_QUEUED
        assert any("the database is a restored backup" in line for line in server.log)
        assert await server.stop() == 0


async def test_no_token_of_before_a_restore_misses_an_event(tmp_path: Path) -> None:
    """The log went back and has grown again: event 9 is now another one, and a token that says 9 must not count."""
    database, file = tmp_path / "ringback.db", tmp_path / "backup.db"
    tokens = []
    async with serving_on(database, "--dialer", "none") as (server, api):
        await api.add_service(SERVICE)
        for _ in range(3):
            await api.create(service_sip=SERVICE)
        tokens.append(await resume_token(api))
        assert (await run("backup", str(file), "--database", f"sqlite:///{database}")).code == 0
        await api.create(service_sip=SERVICE)
        tokens.append(await resume_token(api))
        await server.stop()

    for _ in range(2):  # the same backup, restored twice: the first restore was lost, too
        database.write_bytes(file.read_bytes())
        async with serving_on(database, "--dialer", "none") as (server, api):
            for _ in range(5):
                await api.create(service_sip=SERVICE)
            for token in tokens:
                for mode in (pb.SNAPSHOT_MODE_NEVER, pb.SNAPSHOT_MODE_WHEN_NEEDED):
                    assert await reason_of_watch(api, token, mode) == "RESUME_TOKEN_INVALID"
            tokens.append(await resume_token(api))
            await server.stop()
        async with serving_on(database, "--dialer", "none") as (server, api):
            # Its own tokens outlast a restart, as ever.
            watch = api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest(resume_token=tokens[-1]))
            assert isinstance(await watch.read(), pb.WatchCallbacksResponse)
            watch.cancel()
            await server.stop()
