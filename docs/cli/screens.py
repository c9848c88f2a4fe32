"""The terminals that docs/cli.md shows: what the command line draws for callbacks that stand here.

python docs/cli/screens.py            fail when a picture is not what the code draws
python docs/cli/screens.py --write    draw them
"""

import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.text import Text

from ringback.cli.board import Board
from ringback.cli.explanation import explanation, outcome_of
from ringback.cli.outage import Outage
from ringback.cli.page import attempts_table, callback_page
from ringback.cli.tables import state_text
from ringback.cli.times import Times
from ringback.cli.values import timestamp
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb

HERE = Path(__file__).parent
NOW = datetime(2030, 1, 31, 13, 2, 11, tzinfo=UTC)
TIMES = Times(now=NOW, zone=timezone(timedelta(hours=1)))
COLUMNS = 112
# Pictures load nothing from elsewhere, and whoever looks has a monospaced font.
FORM = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def attempt(number: int, outcome: cb.CallOutcome.ValueType, start: float, end: float, sip: int) -> cb.Attempt:
    return cb.Attempt(
        number=number,
        outcome=outcome,
        dialer_id="dialer-3",
        start_time=timestamp(at(start)),
        ring_time=timestamp(at(start + 0.8)),
        end_time=timestamp(at(end)),
        sip_status=sip,
    )


def callback(number: int, state: str, changed: float, *attempts: cb.Attempt) -> cb.Callback:
    found = cb.Callback(
        callback_id=f"0194bc4f-2d00-7000-8000-{number:012}",
        state=cb.CallbackState.Value(f"CALLBACK_STATE_{state}"),
        dial_target=f"tel:+417855566{number % 100:02}",
        attempts=attempts,
        update_time=timestamp(at(changed)),
    )
    found.callback_request.MergeFrom(
        cb.CallbackRequest(
            target=found.dial_target,
            external_task_id=str(4700 + number),
            caller_id="crm",
            priority=cb.PRIORITY_NORMAL,
            seconds_between_retries=300,
        )
    )
    return found


def failed() -> cb.Callback:
    busy, no_answer = cb.CALL_OUTCOME_BUSY, cb.CALL_OUTCOME_NO_ANSWER
    attempts = (
        attempt(1, busy, -1400, -1398.2, 486),
        attempt(2, busy, -800, -799, 486),
        attempt(3, no_answer, -95, -65, 487),
    )
    found = callback(11, "FAILED", -65, *attempts)
    found.dial_target = "tel:+41785556678"
    found.service_id = "6f1c2c1e-6a0e-4c5e-9d55-0c8a3d2f7b11"
    found.callback_request.MergeFrom(
        cb.CallbackRequest(
            target="tel:+41 78 555 66 77",
            alternative_target="tel:+41 78 555 66 78",
            service_sip="sip:support@cc.example",
            description="Invoice of December",
            max_retries=2,
        )
    )
    found.create_time.FromDatetime(at(-86400 - 1400))
    found.expire_time.FromDatetime(at(6 * 86400))
    found.end_time.FromDatetime(at(-65))
    return found


def watched() -> RenderableType:
    board = Board()
    states = ("COMPLETED", "FAILED", "CONNECTED", "DIALING", "QUEUED", "QUEUED", "SCHEDULED")
    events = [
        pb.CallbackEvent(
            callback=callback(number, states[number % 7], -300 + 7 * number, *failed().attempts[: number % 3])
        )
        for number in range(1, 41)
    ]
    board.update(pb.WatchCallbacksResponse(snapshot_started=True, snapshot_complete=True, events=events))
    outage = Outage(start=at(-19), fault="UNAVAILABLE: Socket closed")
    return board.view(rows=12, width=COLUMNS, times=TIMES, outage=outage)


def screens() -> Iterator[tuple[str, str, list[RenderableType]]]:
    """Yield the name of each picture, the command that it shows, and what that prints."""
    ended = failed()
    line = Text()
    line.append(state_text(ended.state)).append(f" ({outcome_of(ended)}) {explanation(ended, TIMES)}")
    yield "get", "ringback get crm/4711", [callback_page(ended, TIMES)]
    yield "explain", "ringback explain crm/4711", [line, attempts_table(ended.attempts, TIMES)]
    yield "watch", "ringback watch --caller crm", [watched()]


def drawn(command: str, printed: list[RenderableType]) -> str:
    console = Console(
        width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True, color_system="standard", markup=False
    )
    console.print(Text(f"$ {command}"), *printed)
    svg = console.export_svg(title="ringback", code_format=FORM)
    return "".join(f"{row.rstrip()}\n" for row in svg.splitlines())


def main() -> int:
    stale = []
    for name, command, printed in screens():
        picture, svg = HERE / f"{name}.svg", drawn(command, printed)
        if "--write" in sys.argv[1:]:
            picture.write_text(svg, encoding="utf-8")
        elif not picture.exists() or picture.read_text(encoding="utf-8") != svg:
            stale.append(picture.name)
    if stale:
        sys.stderr.write(f"docs/cli: {', '.join(stale)} not as the code draws: run 'make screens' and commit\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
