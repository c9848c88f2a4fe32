"""The live table: what it knows, and how it looks while it runs."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ringback.cli.board import Board, arranged, fitting, show_live
from ringback.cli.outage import Outage
from ringback.cli.session import Session
from ringback.cli.tables import least_width
from ringback.cli.times import Times
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api

SNAPSHOT, UPDATED, REMOVED = (
    pb.CALLBACK_EVENT_TYPE_SNAPSHOT,
    pb.CALLBACK_EVENT_TYPE_UPDATED,
    pb.CALLBACK_EVENT_TYPE_REMOVED,
)
QUEUED, COMPLETED = cb.CALLBACK_STATE_QUEUED, cb.CALLBACK_STATE_COMPLETED


def event(
    kind: pb.CallbackEventType.ValueType, callback_id: str, state: cb.CallbackState.ValueType, at: int = 1
) -> pb.CallbackEvent:
    callback = cb.Callback(callback_id=callback_id, state=state)
    callback.update_time.FromSeconds(at)
    return pb.CallbackEvent(type=kind, callback=callback)


def text_of(board: Board, rows: int = 10, outage: Outage | None = None) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(board.view(rows=rows, width=200, times=Times(), outage=outage))
    return console.export_text()


def rows_of(board: Board, rows: int) -> list[str]:
    """Return the ids in the rows of the table, "" for a gap."""
    return [line[22:].split()[0] if line.strip() else "" for line in text_of(board, rows).splitlines()[1:-2]]


def test_all_have_ended_when_the_snapshot_is_complete_and_nobody_is_open() -> None:
    board = Board()
    board.update(pb.WatchCallbacksResponse(snapshot_started=True, events=[event(SNAPSHOT, "a", COMPLETED)]))
    assert not board.all_ended()
    board.update(pb.WatchCallbacksResponse(snapshot_complete=True, events=[event(SNAPSHOT, "b", QUEUED)]))
    assert not board.all_ended()
    board.update(pb.WatchCallbacksResponse(events=[event(UPDATED, "b", COMPLETED)]))
    assert board.all_ended()
    assert board.have_ended(["a", "b"])


def test_what_has_left_the_filter_is_gone() -> None:
    board = Board()
    board.update(pb.WatchCallbacksResponse(snapshot_complete=True, events=[event(SNAPSHOT, "a", QUEUED)]))
    board.update(pb.WatchCallbacksResponse(events=[event(REMOVED, "a", COMPLETED)]))
    assert board.all_ended()
    assert "completed" not in text_of(board)


def test_a_new_snapshot_forgets_the_old_one() -> None:
    board = Board()
    board.update(pb.WatchCallbacksResponse(snapshot_complete=True, events=[event(SNAPSHOT, "a", QUEUED)]))
    board.update(pb.WatchCallbacksResponse(snapshot_started=True))
    assert not board.all_ended()
    assert "0 open" in text_of(board)


def test_rows_are_those_that_changed_last_and_the_others_are_counted() -> None:
    board = Board()
    events = [event(SNAPSHOT, f"id-{n:04}", QUEUED if n % 2 else COMPLETED, at=n) for n in range(1, 1001)]
    board.update(pb.WatchCallbacksResponse(events=events))
    assert rows_of(board, 3) == ["id-0998", "id-0999", "id-1000"]
    assert "1000 callbacks, 500 open; 997 hidden, which changed longer ago than these 3\n" in text_of(board, 3)


def test_nothing_is_hidden_where_all_fit() -> None:
    board = Board()
    board.update(pb.WatchCallbacksResponse(events=[event(SNAPSHOT, name, QUEUED) for name in "abc"]))
    assert "3 callbacks, 3 open\n" in text_of(board, 3)
    assert "1 hidden" in text_of(board, 2)


def test_a_row_keeps_its_place_when_it_changes() -> None:
    board = Board()
    board.update(pb.WatchCallbacksResponse(events=[event(SNAPSHOT, name, QUEUED, at=1) for name in "abc"]))
    assert rows_of(board, 5) == ["a", "b", "c"]
    board.update(
        pb.WatchCallbacksResponse(events=[event(UPDATED, "b", COMPLETED, at=2), event(UPDATED, "d", QUEUED, at=3)])
    )
    assert rows_of(board, 5) == ["a", "b", "c", "d"]


def test_a_row_that_leaves_makes_none_jump() -> None:
    board = Board()
    board.update(pb.WatchCallbacksResponse(events=[event(SNAPSHOT, name, QUEUED, at=1) for name in "abc"]))
    assert rows_of(board, 5) == ["a", "b", "c"]
    board.update(pb.WatchCallbacksResponse(events=[event(REMOVED, "b", COMPLETED, at=2)]))
    assert rows_of(board, 5) == ["a", "", "c"]
    board.update(pb.WatchCallbacksResponse(events=[event(UPDATED, "d", QUEUED, at=3)]))
    assert rows_of(board, 5) == ["a", "d", "c"]


IDS = st.sampled_from("abcdefghij")


@given(st.lists(st.tuples(st.sets(IDS), st.integers(1, 10)), max_size=8))
def test_arrangements(steps: list[tuple[set[str], int]]) -> None:
    places: list[str | None] = []
    for ids, rows in steps:
        wanted = set(sorted(ids)[:rows])
        before, places = places, arranged(places, wanted, rows)
        shown = [place for place in places if place]
        assert sorted(shown) == sorted(wanted)
        assert len(places) <= rows
        if len(before) <= rows:  # the terminal has not been made lower
            assert all(places[before.index(name)] == name for name in wanted.intersection(filter(None, before)))


def test_an_outage_is_told_from_its_beginning_to_its_end() -> None:
    board, start = Board(), datetime(2030, 1, 31, 12, tzinfo=UTC)
    outage = Outage(start=start, fault="UNAVAILABLE: Socket closed")
    assert "disconnected since 2030-01-31T12:00:00Z, trying again: UNAVAILABLE: Socket closed" in text_of(
        board, outage=outage
    )
    ended = replace(outage, end=start + timedelta(seconds=83.5))
    assert "resumed at 2030-01-31T12:01:23Z, 1m23s after the connection was lost" in text_of(board, outage=ended)


async def test_on_a_terminal(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = io.StringIO()
    session = Session(
        callbacks=api.callbacks,
        directory=api.directory,
        timeout_s=10,
        as_json=False,
        console=Console(force_terminal=True, color_system="standard", width=120, height=20, file=screen),
    )
    await api.create("sip:busy.answer@sim.example", external_task_id="42", caller_id="crm")
    request = pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
    await show_live(session, request, until=Board.all_ended)
    last = screen.getvalue().rpartition("changed")[2]
    assert "crm/42" in last
    assert "\x1b[32mcompleted" in last
    assert "0 open" in last


CELLS = st.lists(st.text("aü你…", max_size=40), max_size=3)


@given(
    st.fixed_dictionaries(dict.fromkeys(("changed", "key", "state", "target", "next"), CELLS)),
    st.integers(1, 200),
)
def test_columns_fit_or_are_left_out(cells: dict[str, list[str]], width: int) -> None:
    cells |= {"last attempt": [], "priority": []}
    headings = fitting(cells, width)
    assert "key" in headings
    for heading in set(headings) - {"key"}:
        others = sum(least_width(each, max(map(cell_len, cells[each]), default=0)) + 2 for each in headings)
        assert others - 2 <= width, heading


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 200])
def test_callbacks_without_an_external_id_can_be_told_apart(width: int) -> None:
    """Ids begin with the time, so that the beginnings of those of one minute are the same."""
    ids = [f"01a227ac-c4ca-71d2-a833-0000000000{number:02}" for number in range(10)]
    board = Board()
    board.update(pb.WatchCallbacksResponse(events=[event(SNAPSHOT, callback_id, QUEUED) for callback_id in ids]))
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(board.view(rows=10, width=width, times=Times()))
    keys = [next(word for word in row.split() if "0000" in word) for row in console.export_text().splitlines()[1:11]]
    assert len(set(keys)) == 10
    assert (keys == ids) == (width == 200)
