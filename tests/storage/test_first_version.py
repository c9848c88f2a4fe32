"""A database of version 0.1.0 is read as it was meant, in either dialect, and written on."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ringback.application.access import ANYBODY
from ringback.application.events.watch_batches import as_seen
from ringback.domain.callback import State
from ringback.domain.filter import MATCH_ALL
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport
from ringback.ports.location import PostgresUrl
from ringback.ports.store import Store
from ringback.storage.body import read_callback, read_service, write_service
from ringback.storage.callback_row import CALLBACK_COLUMNS, row_of
from ringback.storage.sqlite import SqliteStore
from ringback.v1 import callback_pb2 as pb
from ringback.v1 import callbacks_service_pb2 as service_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.wire.callbacks import write_callback, write_event
from ringback.wire.services import write_service as write_service_message
from tests.world.first_version import SAID, as_said, copy_of_database, named
from tests.world.transfer_ends import End, PostgresEnd, SqliteEnd, moved
from tests.world.use_cases import ManualClock, World

# Columns that later versions have added.
ADDED = ("phone", "identity")
# Soon after it was written: no lease has lapsed, nothing has expired.
THEN = datetime.fromisoformat("2026-11-29T09:46:00Z")


@pytest.fixture(params=["sqlite", "postgres"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    end: End = SqliteEnd(copy_of_database(tmp_path))
    if request.param == "postgres":
        await (await end.open()).close()  # up to date, as a move needs it
        source, end = end, PostgresEnd(PostgresUrl(request.getfixturevalue("cluster").new_schema()))
        await moved(source, end)
    store = await end.open()
    yield store
    await store.close()


async def test_callbacks_are_what_they_were(opened: Store) -> None:
    messages = []
    for callback in (await opened.list(MATCH_ALL, "", 100)).callbacks:
        message = pb.Callback()
        write_callback(callback, message)
        messages.append(message)
    assert as_said(messages) == SAID["callbacks"]
    assert len({callback["state"] for callback in SAID["callbacks"]}) == 10, "each state that it knew"


async def test_services_are_what_they_were(opened: Store) -> None:
    messages = []
    for service in (await opened.services()).services:
        message = directory_pb.Service()
        write_service_message(service, message)
        messages.append(message)
    assert as_said(messages) == SAID["services"]


async def test_the_log_tells_what_it_told(opened: Store) -> None:
    messages = []
    for entry in await opened.events(0, 1000):
        seen = as_seen(entry, MATCH_ALL)
        assert seen is not None
        message = service_pb.CallbackEvent()
        write_event(seen, message)
        messages.append(message)
    assert as_said(messages) == SAID["events"]


def test_what_is_stored_today_is_stored_as_then(tmp_path: Path) -> None:
    """Byte for byte: servers of both versions may share a database while they are upgraded."""
    columns = [name for name in CALLBACK_COLUMNS if name not in ADDED]
    with closing(sqlite3.connect(copy_of_database(tmp_path))) as database:
        rows = database.execute(f"SELECT {', '.join(columns)} FROM callback").fetchall()
        bodies = [body for (body,) in database.execute("SELECT body FROM service")]
    end = columns.index("lease_expire_us")
    assert rows
    written = [dict(zip(CALLBACK_COLUMNS, row_of(read_callback(row[-1], row[end])), strict=True)) for row in rows]
    assert [tuple(row[name] for name in columns) for row in written] == rows
    # Closed dates are a set: they may come in another order.
    assert [sorted(write_service(read_service(body))) for body in bodies] == [sorted(body) for body in bodies]


async def test_its_calls_go_on(tmp_path: Path) -> None:
    """Lease tokens that it gave out count, and each callback goes on from where it was."""
    world = World(await SqliteStore.open(copy_of_database(tmp_path)), ManualClock(THEN))
    await world.directory.start()
    offered, dialing, connected, cancelling = (lease["lease_token"] for lease in SAID["leases"])

    assert (await world.leases.dialing(ANYBODY, offered)).state is State.DIALING
    busy, _ = await world.leases.ended(ANYBODY, offered, OutcomeReport(outcome=Outcome.BUSY))
    assert (busy.state, len(busy.attempts)) == (State.SCHEDULED, 1)
    assert (await world.leases.connected(ANYBODY, dialing)).state is State.CONNECTED
    done, _ = await world.leases.ended(ANYBODY, connected, OutcomeReport(outcome=Outcome.ANSWERED))
    assert done.state is State.COMPLETED
    gone, _ = await world.leases.ended(ANYBODY, cancelling, OutcomeReport(outcome=Outcome.NO_ANSWER))
    assert gone.state is State.CANCELLED

    rescheduled = await world.callback_queries.get(ANYBODY, named("task-4")["callback_id"])
    assert rescheduled.sent_request.target == "sip:old@pbx.example"
    cancelled = await world.callback_changes.cancel(ANYBODY, rescheduled.callback_id, "too late", rescheduled.etag)
    assert cancelled.state is State.CANCELLED
    await world.run_until(timedelta(minutes=11))  # the one that was CONNECTED just now is not heard of any more
    ended = {callback.state for callback in (await world.store.list(MATCH_ALL, "", 100)).callbacks}
    in_the_end = {State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED}
    assert ended == {State.SCHEDULED, State.QUEUED} | in_the_end
    await world.store.close()
