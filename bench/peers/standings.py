"""The figures of a contestant's rounds, by themselves and against Ringback's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.peers.peer import Peer, Setup, Work
from bench.rounds import Spread

_RINGBACK_ON: Final = {"postgres": "ringback-postgres", "ringback-postgres": "ringback-postgres"}
_RINGBACK: Final = "ringback"
_RINGBACKS: Final = {_RINGBACK, *_RINGBACK_ON.values()}

Round = Mapping[str, Any]
# A figure of a round, and how many jobs the round had.
Figure = Callable[[Round, int], float]


def per_s(measured: Round, jobs: int) -> float:
    return jobs / float(measured["seconds"])


def p50_ms(measured: Round, _: int) -> float:
    return float(measured["latencies_ms"]["p50"])


def p99_ms(measured: Round, _: int) -> float:
    return float(measured["latencies_ms"]["p99"])


@dataclass(frozen=True, slots=True)
class Entry:
    """One contestant at one work, in one set-up; `rounds` has None where it failed, and `failures` says how."""

    peer: str
    work: str
    setup: str
    jobs: int
    # For ENQUEUE: how many at a time.
    in_flight: int | None
    rounds: Sequence[Round | None]
    failures: Sequence[str]

    def spread(self, figure: Figure) -> Spread | None:
        values = [figure(measured, self.jobs) for measured in self.rounds if measured is not None]
        return Spread.of(values) if values else None

    def ratio(self, other: "Entry", figure: Figure) -> Spread | None:
        """Return how many times the other one's figure this is, round by round."""
        pairs = [
            (figure(mine, self.jobs), figure(others, other.jobs))
            for mine, others in zip(self.rounds, other.rounds, strict=True)
            if mine is not None and others is not None
        ]
        return Spread.of_ratio([mine for mine, _ in pairs], [others for _, others in pairs]) if pairs else None


@dataclass(frozen=True, slots=True)
class Standing:
    """A contestant in one set-up at one work, under each load, and Ringback on the same kind of database.

    Of Ringback's set-ups the first that was measured counts.
    """

    peer: Peer
    setup: Setup
    entries: Sequence[Entry]
    ringback: Sequence[Entry]

    @property
    def name(self) -> str:
        return f"{self.peer.title}, {self.setup.setup}"

    @property
    def is_ringback(self) -> bool:
        return self.peer.name in _RINGBACKS

    def ratios(self, figure: Figure) -> Sequence[Spread | None]:
        """Return the ratios to Ringback under the same load; None where one of them has no figures."""
        if not self.ringback:
            return [None] * len(self.entries)
        return [mine.ratio(ours, figure) for mine, ours in zip(self.entries, self.ringback, strict=True)]


def standings(entries: Sequence[Entry], peers: Sequence[Peer], work: Work) -> Sequence[Standing]:
    """Return a standing for each that was measured, in the order of `peers`."""

    def of(peer: str, setup: str) -> Sequence[Entry]:
        wanted = (peer, work.value, setup)
        return [entry for entry in entries if (entry.peer, entry.work, entry.setup) == wanted]

    ringback = {
        peer.name: next((found for setup in peer.setups[work] if (found := of(peer.name, setup.setup))), [])
        for peer in peers
        if peer.name in _RINGBACKS
    }
    return [
        Standing(peer, setup, mine, ringback[_RINGBACK_ON.get(peer.infrastructure, _RINGBACK)])
        for peer in peers
        for setup in peer.setups[work]
        if (mine := of(peer.name, setup.setup))
    ]
