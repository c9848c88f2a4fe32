"""A database from before phones were stored, in either dialect, is one in which they are."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.filter import CallbackFilter
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.ports.errors import RevisionConflict
from ringback.ports.values import Change, PhoneUse, StateCount
from ringback.storage.callback_row import CALLBACK_COLUMNS, row_of
from ringback.storage.migrations import scripts
from ringback.storage.sqlite.schema import APPLICATION_ID
from tests.world.databases import Database, PostgresDatabase, SqliteDatabase
from tests.world.samples import NOW, OTHER_SERVICE, SERVICE, cancel, changes, dial, ending, new, offer

PHONE = "tel:+41785556677"
GATEWAY = "sip:+41785556677@gw.example;user=phone"
ADDED = ("phone", "identity")
COLUMNS = tuple(name for name in CALLBACK_COLUMNS if name not in ADDED)
INSERT = f"INSERT INTO callback ({', '.join(COLUMNS)}) VALUES"

Rows = Sequence[tuple[object, ...]]


def old_sqlite(path: Path, rows: Rows) -> Database:
    with closing(sqlite3.connect(path / "ringback.db")) as connection:
        connection.executescript("".join(scripts("sqlite")[:2]))
        connection.executescript(f"PRAGMA user_version = 2; PRAGMA application_id = {APPLICATION_ID};")
        connection.execute("INSERT INTO ringback (database_id) VALUES ('0123456789abcdef')")
        connection.executemany(f"{INSERT} ({', '.join('?' * len(COLUMNS))})", rows)
        connection.commit()
    return SqliteDatabase(path)


def old_postgres(url: str, rows: Rows) -> Database:
    with psycopg.connect(url) as connection:
        connection.execute(scripts("postgres")[0].encode())
        connection.execute("INSERT INTO ringback (database_id, schema_version) VALUES ('0123456789abcdef', 1)")
        connection.cursor().executemany(f"{INSERT} ({', '.join(['%s'] * len(COLUMNS))})".encode(), rows)
    return PostgresDatabase(url)


@pytest.fixture(params=["sqlite", "postgres"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Sequence[Callback]], Database]:
    """Return a function that makes a database of the version before, with these callbacks."""

    def make(callbacks: Sequence[Callback]) -> Database:
        rows = [
            tuple(value for name, value in zip(CALLBACK_COLUMNS, row_of(callback), strict=True) if name in COLUMNS)
            for callback in callbacks
        ]
        if request.param == "sqlite":
            return old_sqlite(tmp_path, rows)
        return old_postgres(request.getfixturevalue("cluster").new_schema(), rows)

    return make


@pytest.mark.long
@pytest.mark.parametrize("in_call", [PHONE, GATEWAY])
@pytest.mark.parametrize("waiting", [PHONE, GATEWAY, "sips:+41-78-555-66-77@other.example"])
async def test_a_call_that_was_in_progress_keeps_others_from_its_phone(
    old: Callable[[Sequence[Callback]], Database], in_call: str, waiting: str
) -> None:
    ended = cancel(new(target=GATEWAY))
    one, two, free = dial(offer(new(target=in_call))), new(target=waiting), new(target="sip:anna@example.com;lr")
    store = await old([ended, one, two, free]).open()
    try:
        await store.put_service(SERVICE)
        queue = await store.queue(SERVICE.service_id, 10, NOW)
        assert queue is not None
        assert (dict(queue.heads), queue.held) == ({Priority.NORMAL: [free]}, True)
        assert await store.phone_use(PHONE, NOW) == PhoneUse(one.callback_id, None)
        with pytest.raises(RevisionConflict):
            await store.apply([Change(two, offer(two))])
        await store.apply(changes(free, offer(free)))
        assert await store.phone_use("sip:anna@example.com", NOW) == PhoneUse(free.callback_id, None)
    finally:
        await store.close()


async def test_what_ended_before_is_found_and_not_counted(old: Callable[[Sequence[Callback]], Database]) -> None:
    """The names are unique as before, now also found without their caller; counts begin with the upgrade."""
    names = [("crm", "7"), ("web", "7"), ("crm", "8")]
    ended = [cancel(new(caller_id=caller_id, external_task_id=task_id)) for caller_id, task_id in names]
    store = await old(ended).open()
    try:
        await store.put_service(SERVICE)
        assert await store.outcomes({SERVICE.service_id: None}, NOW - timedelta(1), NOW + timedelta(1), 10) == []
        same_task = CallbackFilter(external_task_ids=("7",), end_after=NOW)
        assert (await store.list(same_task, "", 10)).callbacks == ended[1::-1]
        assert (await store.count(same_task))[State.CANCELLED] == StateCount(2)
        again = new(caller_id="web", external_task_id="7")
        assert await store.create([again]) == [ended[1]]
        waiting = new(caller_id="app", external_task_id="7")
        assert await store.create([waiting]) == [None]
        await store.apply(changes(waiting, cancel(waiting)))
        [counted] = await store.outcomes({SERVICE.service_id: None}, NOW - timedelta(1), NOW + timedelta(1), 10)
        assert (counted.result, counted.count) == (State.CANCELLED, 1)
    finally:
        await store.close()


async def test_two_calls_to_one_phone_that_were_in_progress_go_on(
    old: Callable[[Sequence[Callback]], Database],
) -> None:
    """An earlier version compared the spelling. A third waits until both have ended."""
    one, two = dial(offer(new(target=PHONE))), dial(offer(new(target=GATEWAY, service=OTHER_SERVICE)))
    third = new(target=PHONE)
    store = await old([one, two, third]).open()
    try:
        for call in (one, two):
            with pytest.raises(RevisionConflict):
                await store.apply([Change(third, offer(third))])
            await store.apply(changes(call, after(call, ending(Outcome.BUSY))))
        await store.apply([Change(third, offer(third))])
    finally:
        await store.close()


async def test_what_is_refused_as_a_target_today_is_still_a_target(
    old: Callable[[Sequence[Callback]], Database],
) -> None:
    odd = replace(new(), dial_target="no target of today")
    store = await old([odd]).open()
    try:
        await store.apply(changes(odd, offer(odd)))
        assert await store.phone_use(odd.dial_target, NOW) == PhoneUse(odd.callback_id, None)
    finally:
        await store.close()
