"""What is erased is in no file of the database, not even where it was long ago."""

import random
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.errors import StorageUnavailable
from ringback.ports.values import Change, Retention
from ringback.storage.sqlite import SqliteStore
from ringback.storage.sqlite import store as module
from tests.world.database_files import files_with
from tests.world.samples import NOW, cancel, dial, new, offer, seconds

PHONE = "tel:+41785556677"
DIGITS = b"5556677"


def versions(callback: Callback, length: int) -> list[Callback]:
    """Return a life with texts of different lengths, so that its row moves about."""
    texts = [replace(callback.request, description="x" * (length * step % 700)) for step in range(1, 6)]
    redescribed = [callback]
    for text in texts:
        redescribed.append(replace(redescribed[-1], request=text, revision=redescribed[-1].revision + 1))
    return redescribed


async def live(store: SqliteStore, callback: Callback, length: int) -> Callback:
    await store.create([callback])
    *steps, last = versions(callback, length)
    for before, after in zip([*steps], [*steps[1:], last], strict=True):
        await store.apply([Change(before, after)])
    offered = offer(last)
    dialing = dial(offered)
    ended = cancel(last)
    await store.apply([Change(last, offered)])
    await store.apply([Change(offered, dialing)])
    back = replace(ended, revision=dialing.revision + 1)
    await store.apply([Change(dialing, back)])
    return back


async def test_no_file_has_the_number(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    store, chance = sqlite_store, random.Random(1)
    mine: list[Callback] = []
    for number in range(120):
        is_mine = number % 6 == 0
        target = PHONE if is_mine else f"tel:+4179{number:07}"
        labels = {"phone": "0785556677"} if is_mine else {}
        callback = new(target=target, supervisor="0785556677" if is_mine else "", labels=labels)
        ended = await live(store, callback, chance.randrange(700))
        if is_mine:
            mine.append(ended)
        if number % 20 == 19:
            retention = Retention(ended_callbacks=seconds(10), events=seconds(10), min_events=100)
            await store.purge(NOW + seconds(chance.randrange(20)), retention, 50)
    assert files_with(tmp_path, DIGITS) == ["ringback.db", "ringback.db-wal"]

    ids = {callback.callback_id for callback in mine}
    owners = await store.event_owners(0, 100_000)
    await store.redact([number for number, callback_id in owners if callback_id in ids])
    await store.erase(mine, NOW, "ops")
    await store.forget_phone(PHONE)

    assert files_with(tmp_path, DIGITS) == []
    assert (tmp_path / "ringback.db-wal").stat().st_size == 0


async def test_a_reader_of_an_earlier_state_is_waited_for_then_told_of(
    sqlite_store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0)
    ended = await live(sqlite_store, new(target=PHONE), 10)
    backup = sqlite3.connect(tmp_path / "ringback.db", isolation_level=None)
    backup.execute("BEGIN")
    backup.execute("SELECT count(*) FROM callback").fetchone()
    await sqlite_store.redact([number for number, _ in await sqlite_store.event_owners(0, 100)])
    await sqlite_store.erase([ended], NOW, "ops")

    with pytest.raises(StorageUnavailable, match="such as a backup"):
        await sqlite_store.forget_phone(PHONE)
    assert files_with(tmp_path, DIGITS) != []

    backup.close()
    await sqlite_store.forget_phone(PHONE)
    assert files_with(tmp_path, DIGITS) == []
