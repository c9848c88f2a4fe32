"""The live table: what it knows, and how it looks while it runs."""

import io

import pytest
from rich.console import Console

from ringback.cli.board import Board, show_live
from ringback.cli.session import Session
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


def text_of(board: Board, rows: int = 10) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(board.table(rows=rows, width=200))
    return console.export_text()


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


def test_rows_are_bounded_and_the_latest_come_first() -> None:
    board = Board()
    board.update(pb.WatchCallbacksResponse(events=[event(SNAPSHOT, f"id-{n}", QUEUED, at=n) for n in range(1, 1001)]))
    rows = [line for line in text_of(board, rows=3).splitlines() if "id-" in line]
    assert ["id-1000" in rows[0], "id-999" in rows[1], "id-998" in rows[2]] == [True] * 3
    assert len(rows) == 3
    assert "1000 open" in text_of(board)


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
