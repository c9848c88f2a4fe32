"""A table of callbacks that follows a watch: rows keep their place."""

import asyncio
import heapq
import signal
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ringback import client
from ringback.cli.outage import Outage
from ringback.cli.session import Session
from ringback.cli.tables import last_attempt, least_width, plain_table, state_text
from ringback.cli.times import Times
from ringback.cli.values import ENDED, PRIORITIES, format_key
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb

_COLUMNS: Mapping[str, Callable[[cb.Callback, Times], str | Text]] = MappingProxyType(
    {
        "changed": lambda callback, times: times.write(callback.update_time),
        "key": lambda callback, _: format_key(callback.callback_request) or callback.callback_id,
        "state": lambda callback, _: state_text(callback.state),
        "last attempt": lambda callback, _: last_attempt(callback),
        "priority": lambda callback, _: PRIORITIES.of(callback.callback_request.priority),
        "target": lambda callback, _: callback.dial_target,
        "next": lambda callback, times: times.write(callback.next_attempt_time),
    }
)
# Which columns a screen has where there is no room for all.
_IMPORTANCE: Final = ("key", "state", "target", "next", "last attempt", "changed", "priority")
_GAP: Final = 2
# An id begins with the time: those of one minute would look alike if that were all that is shown of them.
_ID_LENGTH: Final = 36
_TAIL: Final = 11

# What is kept for the highest terminal. Of all others only the ids of those that are open.
_MAX_ROWS: Final = 100
# The lines that are no rows: heading, counts, connection, cursor.
_FRAME_LINES: Final = 4


class Board:
    """Callbacks as a watch last reported them: those that changed last, and the ids of all that are open."""

    def __init__(self) -> None:
        self._recent: dict[str, cb.Callback] = {}
        self._open: set[str] = set()
        # How many that have ended are no more among the recent ones. They never change again, so none is counted twice.
        self._ended_before = 0
        self._places: list[str | None] = []
        self._complete = False

    def update(self, response: pb.WatchCallbacksResponse) -> None:
        if response.snapshot_started:
            self._recent.clear()
            self._open.clear()
            self._ended_before = 0
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
        if callback.state not in ENDED:
            self._open.add(callback.callback_id)
        if len(self._recent) > _MAX_ROWS:
            oldest = min(self._recent.values(), key=_changed)
            del self._recent[oldest.callback_id]
            self._ended_before += oldest.state in ENDED

    def have_ended(self, callback_ids: Collection[str]) -> bool:
        """Return whether all of these have ended. They must be few enough to show: older ones are forgotten."""
        return all(
            (callback := self._recent.get(callback_id)) is not None and callback.state in ENDED
            for callback_id in callback_ids
        )

    def all_ended(self) -> bool:
        """Return whether the snapshot is complete and no callback is open any more."""
        return self._complete and not self._open

    def view(self, *, rows: int, width: int, times: Times, outage: Outage | None = None) -> RenderableType:
        """Return the callbacks that changed last, how many more there are, and whether the watch is connected."""
        latest = heapq.nlargest(min(rows, _MAX_ROWS), self._recent.values(), key=_changed)
        self._places = arranged(self._places, {callback.callback_id for callback in latest}, rows)
        callbacks = [self._recent[callback_id] if callback_id else None for callback_id in self._places]
        cells = {
            heading: [cell(callback, times) if callback else "" for callback in callbacks]
            for heading, cell in _COLUMNS.items()
        }
        headings = fitting(cells, width)
        if width - sum(_least(heading, cells[heading]) + _GAP for heading in headings if heading != "key") < _ID_LENGTH:
            cells["key"] = [f"…{key[-_TAIL:]}" if key in self._recent else key for key in map(str, cells["key"])]
        table = plain_table(*headings)
        for row in zip(*(cells[heading] for heading in headings), strict=True):
            table.add_row(*row)
        return Group(table, self._counts(len(latest)), _connection(outage, times))

    def _counts(self, shown: int) -> Text:
        ended = self._ended_before + sum(callback.state in ENDED for callback in self._recent.values())
        count = len(self._open) + ended
        counts = Text(
            f"{count} callbacks, {len(self._open)} open", style="bright_black", no_wrap=True, overflow="ellipsis"
        )
        if count > shown:
            counts.append(f"; {count - shown} hidden, which changed longer ago than these {shown}", style="yellow")
        return counts


def fitting(cells: Mapping[str, Sequence[str | Text]], width: int) -> list[str]:
    """Return the headings of the columns that fit side by side, none of them cut to where it says nothing."""
    left, chosen = width + _GAP, set[str]()
    for heading in _IMPORTANCE:
        left -= _least(heading, cells[heading]) + _GAP
        if left < 0 and chosen:
            break
        chosen.add(heading)
    return [heading for heading in cells if heading in chosen]


def _least(heading: str, cells: Sequence[str | Text]) -> int:
    return least_width(heading, max((cell_len(str(cell)) for cell in cells), default=0))


def arranged(places: Sequence[str | None], wanted: Collection[str], rows: int) -> list[str | None]:
    """Return the ids that are wanted, each in the place that it has; new ones fill gaps, then go below, oldest first.

    A gap stays until then, and closes only where the rows would not fit otherwise.
    """
    new = iter(sorted(set(wanted).difference(places)))
    arrangement = [place if place in wanted else next(new, None) for place in places]
    arrangement.extend(new)
    while arrangement and arrangement[-1] is None:
        arrangement.pop()
    while len(arrangement) > rows:
        lowest_gap = len(arrangement) - 1 - arrangement[::-1].index(None)
        del arrangement[lowest_gap]
    return arrangement


def _changed(callback: cb.Callback) -> tuple[int, str]:
    return callback.update_time.ToNanoseconds(), callback.callback_id


def _connection(outage: Outage | None, times: Times) -> Text:
    style = "green" if outage is None or outage.end else "bold red"
    text = "" if outage is None else outage.text(times)
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


Condition: TypeAlias = Callable[[Board], bool]


async def follow(
    session: Session,
    request: pb.WatchCallbacksRequest,
    board: Board,
    *,
    until: Condition,
    tell: Callable[[Outage], None],
) -> AsyncGenerator[pb.WatchCallbacksResponse, None]:
    """Watch, and yield each response once it is on the board, until the condition holds for the board.

    Tell of each outage twice: when it begins, and when it has ended.
    """
    outage: Outage | None = None

    def interrupted(fault: str) -> None:
        nonlocal outage
        outage = Outage(start=datetime.now(UTC), fault=fault)
        tell(outage)

    async with aclosing(client.watch(session.callbacks, request, interrupted=interrupted)) as responses:
        async for response in responses:
            board.update(response)
            if outage is not None:
                tell(replace(outage, end=datetime.now(UTC)))
                outage = None
            yield response
            if until(board):
                return


async def show_live(session: Session, request: pb.WatchCallbacksRequest, *, until: Condition) -> None:
    """Watch, and show the board on the terminal, until the condition holds for it."""
    board = Board()
    with Live(console=session.console) as live:
        screen = _Screen(board, live, session.console)
        with _on_resize(screen.draw):
            async with aclosing(follow(session, request, board, until=until, tell=screen.tell)) as responses:
                async for _ in responses:
                    screen.draw()


@contextmanager
def _on_resize(draw: Callable[[], None]) -> Iterator[None]:
    """Draw when the terminal has another size: the next response may be 15 s away."""
    if not hasattr(signal, "SIGWINCH"):  # Windows has no such signal
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, draw)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)


class _Screen:
    """The board as it is drawn on one terminal."""

    def __init__(self, board: Board, live: Live, console: Console) -> None:
        self._board = board
        self._live = live
        self._console = console
        self._outage: Outage | None = None

    def tell(self, outage: Outage) -> None:
        self._outage = outage
        self.draw()

    def draw(self) -> None:
        rows = max(1, self._console.height - _FRAME_LINES)
        times = Times.on(self._console)
        self._live.update(self._board.view(rows=rows, width=self._console.width, times=times, outage=self._outage))
