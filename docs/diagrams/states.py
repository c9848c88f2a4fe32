#!/usr/bin/env python3
"""Draws the state diagram of the README from the one table of transitions, as Mermaid text.

    docs/diagrams/states.py                     print it
    docs/diagrams/states.py --check README.md   fail when the file shows another one
    docs/diagrams/states.py --write README.md   put it into the file

In the file it stands between the lines `<!-- states:begin -->` and `<!-- states:end -->`.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ringback.domain import lifecycle
from ringback.domain.callback import TERMINAL, State
from ringback.domain.events import Event
from ringback.domain.lifecycle import TRANSITIONS

# In the order of life, as they are declared.
_PLACES = {state: place for place, state in enumerate(State)}
_BEGIN, _END = "<!-- states:begin -->", "<!-- states:end -->"
_BLOCK = re.compile(f"^{_BEGIN}\n.*?^{_END}$", re.DOTALL | re.MULTILINE)


def diagram() -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in _lines()), "```"])


def _lines() -> Iterator[str]:
    # Where `planning.plan` puts a new callback.
    yield f"[*] --> {State.SCHEDULED.name}: due later"
    yield f"[*] --> {State.QUEUED.name}: due now"
    for (old, new), events in sorted(_arrows().items(), key=lambda arrow: [_PLACES[state] for state in arrow[0]]):
        yield f"{old.name} --> {new.name}: {', '.join(events)}"
    for state in _ends():
        yield f"{state.name} --> [*]"
    yield "classDef terminal font-weight:bold,stroke-width:3px"
    yield f"class {','.join(state.name for state in _ends())} terminal"


def _ends() -> list[State]:
    return [state for state in State if state in TERMINAL]


def _arrows() -> dict[tuple[State, State], list[str]]:
    """Return from and to, in the order of life, with what leads there; repeats, which change nothing, are left out."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (old, kind), step in TRANSITIONS.items():
        if step.take is lifecycle._unchanged:  # noqa: SLF001 - the one mark of a repeat
            continue
        for new in step.to:
            arrows.setdefault((old, new), []).append(_in_words(kind))
    return arrows


def _in_words(kind: type[Event]) -> str:
    """Turn a name such as BecameDue into "became due"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


def main() -> int:
    arguments = argparse.ArgumentParser(description="The state diagram, drawn from the table of transitions.")
    what = arguments.add_mutually_exclusive_group()
    what.add_argument("--check", metavar="FILE", type=Path, help="fail when FILE shows another diagram")
    what.add_argument("--write", metavar="FILE", type=Path, help="put the diagram into FILE")
    options = arguments.parse_args()
    file: Path | None = options.check or options.write
    if file is None:
        sys.stdout.write(f"{diagram()}\n")
        return 0
    shown = file.read_text(encoding="utf-8")
    wanted, blocks = _BLOCK.subn(lambda _: f"{_BEGIN}\n{diagram()}\n{_END}", shown)
    if blocks != 1:
        sys.stderr.write(f"{file}: one line {_BEGIN} and one {_END} after it are needed, found {blocks} pairs\n")
        return 1
    if options.write:
        file.write_text(wanted, encoding="utf-8")
    elif wanted != shown:
        sys.stderr.write(f"{file}: the state diagram is out of date; run {sys.argv[0]} --write {file}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
