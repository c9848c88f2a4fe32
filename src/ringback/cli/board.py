"""A table of callbacks that follows a watch."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import TypeAlias

from rich.live import Live
from rich.table import Table
from rich.text import Text

from ringback import client
from ringback.cli.session import Session
from ringback.cli.tables import external_key, last_attempt, plain_table, state_text, time_of_day
from ringback.cli.values import ENDED, PRIORITIES
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb

_COLUMNS: Mapping[str, Callable[[cb.Callback], str | Text]] = MappingProxyType(
    {
        "changed": lambda callback: time_of_day(callback.update_time),
        "key": lambda callback: external_key(callback.callback_request) or callback.callback_id,
        "state": lambda callback: state_text(callback.state),
        "last attempt": last_attempt,
        "priority": lambda callback: PRIORITIES.of(callback.callback_request.priority),
        "target": lambda callback: callback.dial_target,
        "next": lambda callback: time_of_day(callback.next_attempt_time),
    }
)
_NARROW_COLUMNS = ("key", "state", "last attempt", "target", "next")
_WIDE = 110

_MAX_ROWS = 40
# The lines that are no rows: title, heading, rule, caption, cursor.
_FRAME_LINES = 5


class Board:
    """Callbacks as a watch last reported them: as many as a screen shows, and the ids of all that are open."""

    def __init__(self) -> None:
        self._recent: dict[str, cb.Callback] = {}
        self._open: set[str] = set()
        self._complete = False

    def update(self, response: pb.WatchCallbacksResponse) -> None:
        if response.snapshot_started:
            self._recent.clear()
            self._open.clear()
            self._complete = False
        for event in response.events:
            self._update(event)
        self._complete = self._complete or response.snapshot_complete

    def _update(self, event: pb.CallbackEvent) -> None:
        callback = event.callback
        self._open.discard(callback.callback_id)
        if event.type == pb.CALLBACK_EVENT_TYPE_REMOVED:
            self._recent.pop(callback.callback_id, None)
            return
        self._recent[callback.callback_id] = callback
        if len(self._recent) > _MAX_ROWS:
            del self._recent[min(self._recent.values(), key=_changed).callback_id]
        if callback.state not in ENDED:
            self._open.add(callback.callback_id)

    def have_ended(self, callback_ids: Collection[str]) -> bool:
        """Return whether all of these have ended. They must be few enough to show: older ones are forgotten."""
        return all(
            (callback := self._recent.get(callback_id)) is not None and callback.state in ENDED
            for callback_id in callback_ids
        )

    def all_ended(self) -> bool:
        """Return whether the snapshot is complete and no callback is open any more."""
        return self._complete and not self._open

    def table(self, *, rows: int, width: int) -> Table:
        """Return the callbacks with the most recent changes, the latest first."""
        columns = _COLUMNS if width >= _WIDE else {heading: _COLUMNS[heading] for heading in _NARROW_COLUMNS}
        table = plain_table(*columns)
        for callback in sorted(self._recent.values(), key=_changed, reverse=True)[:rows]:
            table.add_row(*(cell(callback) for cell in columns.values()))
        table.caption = f"{len(self._open)} open"
        return table


Condition: TypeAlias = Callable[[Board], bool]


def _changed(callback: cb.Callback) -> int:
    return callback.update_time.ToNanoseconds()


async def follow(
    session: Session, request: pb.WatchCallbacksRequest, board: Board, *, until: Condition
) -> AsyncGenerator[pb.WatchCallbacksResponse, None]:
    """Watch, and yield each response once it is on the board, until the condition holds for the board."""
    async with aclosing(client.watch(session.callbacks, request)) as responses:
        async for response in responses:
            board.update(response)
            yield response
            if until(board):
                return


async def show_live(session: Session, request: pb.WatchCallbacksRequest, *, until: Condition) -> None:
    """Watch, and show the board on the terminal, until the condition holds for it."""
    board = Board()
    console = session.console
    with Live(console=console) as live:
        async with aclosing(follow(session, request, board, until=until)) as responses:
            async for _ in responses:
                rows = min(_MAX_ROWS, max(1, console.height - _FRAME_LINES))
                live.update(board.table(rows=rows, width=console.width))
