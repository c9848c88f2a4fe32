"""A database filled by SQL is one that the adapter could have filled."""

from pathlib import Path

from bench.backlog import SERVICES, service_id
from bench.sqlite_backlog import SqliteBacklog
from ringback.domain.callback import State
from ringback.domain.filter import CallbackFilter
from ringback.storage.sqlite import SqliteStore

COUNT = 400


async def test_so_many_wait(tmp_path: Path) -> None:
    backlog = SqliteBacklog(COUNT)
    await backlog.fill(tmp_path / "filled.db")  # raises when a row is not as the adapter writes it
    store = await SqliteStore.open(tmp_path / "filled.db")
    try:
        waiting = (await store.list(CallbackFilter(), "", COUNT + 1)).callbacks
        history = await store.history()
        events = await store.events(history.oldest, COUNT + 1)
        assert len((await store.services()).services) == SERVICES
    finally:
        await store.close()
    assert len({callback.callback_id for callback in waiting}) == COUNT
    assert sum(callback.service_id == service_id(0) for callback in waiting) == COUNT / 2
    assert sum(callback.state is State.QUEUED for callback in waiting) == COUNT / 2
    assert [event.callback for event in reversed(events)] == list(waiting)
    assert set(backlog.some_ids(10)) <= {callback.callback_id for callback in waiting}
