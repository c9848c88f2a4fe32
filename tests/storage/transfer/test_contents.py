"""A move: all of it, the same in whichever dialect."""

from itertools import pairwise
from typing import Final

import pytest

from ringback.domain.filter import MATCH_ALL
from ringback.ports.values import History, Retention
from ringback.storage.transfer.tables import TABLES
from tests.world.samples import NOW, SERVICE, new, seconds
from tests.world.transfer_content import fill
from tests.world.transfer_ends import MOVED, End, NewEnd, SqliteEnd, Steps, contents, moved

FORGET_EVENTS: Final = Retention(ended_callbacks=seconds(1_000_000), events=seconds(1), min_events=0)


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
async def test_everything_arrives_and_comes_back(seed: int, new_end: NewEnd) -> None:
    ends = [new_end(dialect) for dialect in ("sqlite", "postgres", "postgres", "sqlite", "sqlite")]
    await fill(ends[0], seed)
    before = contents(ends[0])
    assert all(before.values())
    history = await look(ends[0])

    for source, target in pairwise(ends):
        compared = await moved(source, target)
        assert all(each.same and each.source.rows for each in compared)
        assert contents(source) == contents(target) == before
        assert await look(target) == history


async def look(end: End) -> tuple[object, ...]:
    """Return what its store tells."""
    store = await end.open()
    try:
        return (
            store.database_id,
            await store.history(),
            await store.services(),
            await store.clock_jumps(),
            await store.list(MATCH_ALL, "", 1000),
            await store.events(0, 1000),
            await store.outcomes({SERVICE.service_id: None}, NOW - seconds(86400), NOW + seconds(86400), 1000),
            await store.queue(SERVICE.service_id, 5, NOW),
            sorted(callback.callback_id for callback in (await store.agenda(NOW, NOW + seconds(1000), 1000)).lapsed),
        )
    finally:
        await store.close()


@pytest.mark.long
async def test_an_emptied_log_goes_on_with_the_next_number(source: End, target: End) -> None:
    store = await source.open()
    await store.put_service(SERVICE)
    await store.create([new(), new()])
    await store.purge(NOW + seconds(5), FORGET_EVENTS, 100)
    await store.close()

    await moved(source, target)

    store = await target.open()
    try:
        assert await store.history() == History(oldest=2, newest=2)
        await store.create([new()])
        assert await store.history() == History(oldest=2, newest=3)
        assert [event.number for event in await store.events(0, 10)] == [3]
    finally:
        await store.close()


@pytest.mark.long
async def test_nothing_moves_as_well(source: End, target: End) -> None:
    store = await source.open()
    await store.close()
    await moved(source, target)
    again = await target.open()
    await again.close()
    assert again.database_id == store.database_id
    assert contents(target) == contents(source)


@pytest.mark.long
async def test_the_target_has_the_indexes_of_any_database(source: End, target: End, new_end: NewEnd) -> None:
    await fill(source)
    await moved(source, target)
    other = new_end("sqlite" if isinstance(target, SqliteEnd) else "postgres")
    await (await other.open()).close()
    assert target.indexes() == other.indexes() != []


async def test_every_column_moves(source: End) -> None:
    """Each moves, or is named here as one that does not: a column that a migration adds is not forgotten."""
    await (await source.open()).close()
    assert {table.name: set(table.columns) for table in TABLES} == {
        table: set(source.columns(table)) for table in MOVED if table != "ringback"
    }
    moving = {"database_id", "services_version", "clock_jumps"}
    # The clock of the target may be another one.
    clock = {"clock_boot", "clock_ahead_us", "clock_marked_jumps"}
    assert set(source.columns("ringback")) - {"schema_version", "probes", *clock} == moving


@pytest.mark.long
async def test_progress_is_told_row_by_row(filled: End, target: End) -> None:
    await fill(filled)
    steps = Steps()
    compared = await moved(filled, target, steps)
    assert steps.rows == 3 * sum(each.source.rows for each in compared[:-1])
    assert steps.names[0] == "copying services"
    assert steps.names[-1] == "committing"
