"""Draws a call as a sequence diagram: the picture of docs/sip.md, from the messages of a call that was made.

docs/sip/ladder.py            fail when call.svg is not what the code draws from call.json
docs/sip/ladder.py --write    draw it

`make call-picture` makes the call anew, between real telephones, and draws that.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
RINGBACK = "Ringback"
LANES = ("agent", RINGBACK, "target")

_LEFT = 96
_LANE = 300
_TOP = 64
_ROW = 34
_WIDTH = _LEFT + _LANE * (len(LANES) - 1) + 110
_STYLE = """\
text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2933 }
.lane { font-weight: 600; text-anchor: middle }
.line { stroke: #cbd2d9 }
.time { fill: #616e7c; text-anchor: end; font-size: 12px }
.label { text-anchor: middle }
.request { stroke: #1f5f99 } .provisional { stroke: #9aa5b1 } .success { stroke: #2f7d4f } .failure { stroke: #b44d3a }
.state { fill: #e9eff5; stroke: #9fb6cc }
.media { stroke: #b7791f; stroke-dasharray: 2 4; stroke-width: 3 }
.media-text { fill: #7d5213; text-anchor: middle }"""


class Row(NamedTuple):
    """One thing that happened: a message (its first line), a state of the callback, or that media flows."""

    at_s: float
    sender: str
    receiver: str
    text: str

    @property
    def is_state(self) -> bool:
        return self.sender == self.receiver == RINGBACK

    @property
    def is_media(self) -> bool:
        return RINGBACK not in (self.sender, self.receiver)


def drawing(rows: Sequence[Row]) -> str:
    """Return the SVG of what happened, from the top down."""
    height = _TOP + _ROW * len(rows) + 24
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">',
        "<title>A callback, from the agent's INVITE to the last BYE</title>",
        f"<style>\n{_STYLE}\n</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_lanes(height),
    ]
    for number, row in enumerate(rows):
        lines += _row(row, _TOP + _ROW * (number + 1) - 6)
    return "\n".join([*lines, "</svg>", ""])


def _lanes(height: int) -> Iterator[str]:
    for lane in LANES:
        x = _x(lane)
        yield f'<text class="lane" x="{x}" y="32">{escape(lane)}</text>'
        yield f'<line class="line" x1="{x}" x2="{x}" y1="44" y2="{height - 16}"/>'


def _row(row: Row, y: int) -> Iterator[str]:
    yield f'<text class="time" x="{_LEFT - 50}" y="{y + 4}">{row.at_s:.2f} s</text>'
    if row.is_state:
        x = _x(RINGBACK)
        yield f'<rect class="state" x="{x - 62}" y="{y - 14}" width="124" height="24" rx="12"/>'
        yield f'<text class="label" x="{x}" y="{y + 3}">{escape(row.text)}</text>'
        return
    start, end = _x(row.sender), _x(row.receiver)
    kind = _kind(row.text)
    if row.is_media:
        yield f'<line class="media" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>'
        middle = (start + _x(RINGBACK)) // 2
        yield f'<text class="media-text" x="{middle}" y="{y - 6}">{escape(row.text)}</text>'
        return
    yield f'<text class="label" x="{(start + end) // 2}" y="{y - 6}">{escape(row.text)}</text>'
    back = 8 if end < start else -8
    yield f'<line class="{kind}" stroke-width="1.5" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>'
    yield (
        f'<path class="{kind}" stroke-width="1.5" fill="none" '
        f'd="M{end + back} {y - 4} L{end} {y} L{end + back} {y + 4}"/>'
    )


def _x(lane: str) -> int:
    return _LEFT + _LANE * LANES.index(lane)


def _kind(text: str) -> str:
    status = text.partition(" ")[0]
    if not status.isdigit():
        return "request"
    return {"1": "provisional", "2": "success"}.get(status[0], "failure")


def rows_of(text: str) -> list[Row]:
    """Read what a call has left in JSON."""
    return [Row(*values) for values in json.loads(text)]


def main(arguments: Sequence[str]) -> int:
    picture, call = HERE / "call.svg", HERE / "call.json"
    drawn = drawing(rows_of(call.read_text()))
    if "--write" in arguments:
        picture.write_text(drawn)
        return 0
    if not picture.exists() or picture.read_text() != drawn:
        print(f"{picture} is not what is drawn from {call}: run {sys.argv[0]} --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
