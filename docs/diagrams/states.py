#!/usr/bin/env python3
"""Draws the state diagram of docs/architecture.md from the one table of transitions, as Mermaid text.

    docs/diagrams/states.py                     print it
    docs/diagrams/states.py --check docs/architecture.md   fail when the page shows another one
    docs/diagrams/states.py --write docs/architecture.md   put it into the page

Between which lines it stands there, `block.py` says.
"""

import re
import sys
from collections.abc import Iterator

import block

from ringback.domain import lifecycle
from ringback.domain.callback import TERMINAL, State
from ringback.domain.events import Event, Redescribed
from ringback.domain.lifecycle import TRANSITIONS

# In the order of life, as they are declared.
_PLACES = {state: place for place, state in enumerate(State)}


def diagram() -> str:
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in _lines())])


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
    """Return from and to, in the order of life, with what leads there, without repeats, which change nothing."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (old, kind), step in TRANSITIONS.items():
        if step.take in (lifecycle._unchanged, lifecycle._note_call_ids):  # noqa: SLF001 - the marks of a repeat
            continue
        if kind is Redescribed:  # possible in every state but the last ones, and leads nowhere
            continue
        for new in step.to:
            arrows.setdefault((old, new), []).append(_in_words(kind))
    return arrows


def _in_words(kind: type[Event]) -> str:
    """Turn a name such as BecameDue into "became due"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


if __name__ == "__main__":
    sys.exit(block.main("states", diagram()))
