"""What a fuzz has done, and what it has found."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

# Of a request, in a finding: enough to see what it is.
_SHOWN: Final = 2000
# One fault can make as many findings as there are steps.
_KEPT: Final = 100
_OUTCOMES_SHOWN: Final = 12


class FuzzTally:
    """Counts how calls of each kind ended, and keeps what was found, with what leads to it again."""

    def __init__(self, part: str, seed: int) -> None:
        self.findings: list[str] = []
        self.steps = 0
        self._part = part
        self._seed = seed
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self._refused = 0

    def note(self, kind: str, outcome: str, *, refused: bool) -> None:
        """Count a call that has ended; `refused` is whether it was to change nothing."""
        self._outcomes[kind][outcome] += 1
        self._refused += refused

    def find(self, step: int, what: str, sent: object) -> None:
        if len(self.findings) < _KEPT:
            again = f"python tests/fuzz/run.py --parts {self._part} --seed {self._seed} --steps {step + 1}"
            self.findings.append(f"{self._part}, step {step}: {what}\n    sent: {_shown(sent)}\n    again: {again}")

    @property
    def calls(self) -> int:
        return sum(counter.total() for counter in self._outcomes.values())

    def summary(self) -> str:
        return f"{self.calls} calls, {self._refused} refused"

    def facts(self) -> Mapping[str, object]:
        """Return the counts, by the kind of calls."""
        return dict(self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield self._part, self.summary()
        for kind, counter in sorted(self._outcomes.items()):
            ends = ", ".join(f"{count} {outcome}" for outcome, count in counter.most_common(_OUTCOMES_SHOWN))
            yield kind, ends


def _shown(sent: object) -> str:
    text = sent.hex() if isinstance(sent, bytes) else " ".join(str(sent).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
