"""Many reports of a dialer in one call: each is taken or refused for itself, and what is taken is stored together."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.application.dispatch.decisions import (
    CallsInProgress,
    Decisions,
    not_dialled,
    parse_token,
    unknown,
)
from ringback.application.portions import portions
from ringback.application.recent_dials import SPAN
from ringback.application.turns import give_way
from ringback.domain.callback import Callback, State, weight
from ringback.domain.errors import LeaseExpired, RingbackError
from ringback.domain.ids import LeaseToken
from ringback.domain.target import number_of_phone
from ringback.ports.clock import Clock
from ringback.ports.dialer import OutcomeReport, ProgressReport
from ringback.ports.store import Store
from ringback.ports.values import Change

MAX_REPORTS = 1000


class AttemptReport(NamedTuple):
    """What a dialer reports of the call of one lease."""

    token: str
    report: ProgressReport | OutcomeReport


class Reported(NamedTuple):
    """The callback after a report; `replayed`: this very outcome was recorded before."""

    callback: Callback
    replayed: bool = False


class _Entry(NamedTuple):
    """One report, and where it stands in the call."""

    place: int
    token: LeaseToken
    report: ProgressReport | OutcomeReport


class _Chain(NamedTuple):
    """What the reports of one callback make of it, one after the other."""

    callback_id: str
    changes: Sequence[Change]
    # By place.
    results: Sequence[tuple[int, Reported | RingbackError]]
    # Nothing is refused, and the store compares what it is decided by.
    is_sure: bool


class Reports:
    """Takes many reports at once.

    Those of one callback are a chain, which is stored whole or not at all. It is decided by what is remembered of the
    callback, as a single report is (`optimistic.py`): that may be out of date, so nothing is refused by it, and the
    store compares revisions. Where that does not do, the callback is read, and the chain is decided anew.
    """

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        decisions: Decisions,
        calls: CallsInProgress,
        portion: Callable[[], int] = lambda: MAX_REPORTS,
    ) -> None:
        """`portion` returns how many changes are to be stored at a time."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._decisions = decisions
        self._calls = calls
        self._portion = portion

    async def report(self, caller: Caller, reports: Sequence[AttemptReport]) -> Sequence[Reported | RingbackError]:
        """Take each for itself, those of one callback in the order given. Raise `NotAllowed`."""
        results, left = _sorted_out(caller, reports)
        found, dialled = self._remembered(left), dict[str, Sequence[datetime]]()
        is_read = False
        while left:
            decided = [chain for chain in await self._chains(caller, left, found, dialled) if is_read or chain.is_sure]
            for chain in await self._stored(decided):
                results.update(chain.results)
                del left[chain.callback_id]
            if left:
                found, dialled = await self._read(left)
                is_read = True
        return [results[index] for index in range(len(reports))]

    async def preview(self, caller: Caller, reports: Sequence[AttemptReport]) -> Sequence[Reported | RingbackError]:
        """Return what `report` would return by what is known now, and store nothing. Raise `NotAllowed`."""
        results, left = _sorted_out(caller, reports)
        found = self._remembered(left)
        if missing := [callback_id for callback_id in left if callback_id not in found]:
            found |= {callback.callback_id: callback for callback in await self._store.get_many(missing)}
        for chain in await self._chains(caller, left, found, {}):
            results.update(chain.results)
        return [results[index] for index in range(len(reports))]

    def _remembered(self, left: Mapping[str, Sequence[_Entry]]) -> dict[str, Callback]:
        found = ((callback_id, self._calls.get(callback_id)) for callback_id in left)
        return {callback_id: callback for callback_id, callback in found if callback is not None}

    async def _read(
        self, left: Mapping[str, Sequence[_Entry]]
    ) -> tuple[dict[str, Callback], dict[str, Sequence[datetime]]]:
        """Return the callbacks as they are stored, and when the phones of those to be dialled were dialled of late."""
        await self._directory.refresh()
        found = {callback.callback_id: callback for callback in await self._store.get_many(list(left))}
        since = self._clock.now() - SPAN
        dialled = {
            callback.callback_id: await self._store.dialled_of(number_of_phone(callback.phone), since)
            for callback in found.values()
            if callback.state is State.OFFERED
        }
        return found, dialled

    async def _chains(
        self,
        caller: Caller,
        left: Mapping[str, Sequence[_Entry]],
        found: Mapping[str, Callback],
        dialled: Mapping[str, Sequence[datetime]],
    ) -> Sequence[_Chain]:
        chains: list[_Chain] = []
        for index, (callback_id, entries) in enumerate(left.items()):
            await give_way(index)
            chains.append(self._chain(caller, callback_id, entries, found.get(callback_id), dialled.get(callback_id)))
        return chains

    def _chain(
        self,
        caller: Caller,
        callback_id: str,
        entries: Sequence[_Entry],
        callback: Callback | None,
        dialled: Sequence[datetime] | None,
    ) -> _Chain:
        # Not one time for all: two dial-outs to one number at the same moment would count as one.
        now = self._clock.now()
        changes: list[Change] = []
        results: list[tuple[int, Reported | RingbackError]] = []
        is_refused = False
        for place, token, report in entries:
            try:
                if callback is None:
                    raise unknown()
                decision = self._decisions.decide(caller, token, report, callback, now, dialled)
                if decision.versions:
                    changes += decision.changes(callback, caller.identity)
                    callback = decision.versions[-1]
                if callback.lease is None and isinstance(report, ProgressReport):
                    results.append((place, not_dialled(callback)))
                else:
                    results.append((place, Reported(callback, decision.replayed)))
            except RingbackError as refusal:
                results.append((place, refusal))
                is_refused = True
        return _Chain(callback_id, changes, results, bool(changes) and not is_refused)

    async def _stored(self, chains: Sequence[_Chain]) -> Sequence[_Chain]:
        """Store the chains; return those with which no other writer was faster, or that change nothing."""
        kept = [chain for chain in chains if not chain.changes]
        changing = [chain for chain in chains if chain.changes]
        for portion in portions(changing, _rows, _size, self._portion):
            refusals = await self._store.apply_many([chain.changes for chain in portion])
            kept += [chain for chain, refusal in zip(portion, refusals, strict=True) if refusal is None]
        return kept


def _sorted_out(
    caller: Caller, reports: Sequence[AttemptReport]
) -> tuple[dict[int, Reported | RingbackError], dict[str, list[_Entry]]]:
    """Return the reports by callback, and the results of those that name none. Raise `NotAllowed`."""
    caller.view_of(Right.DIAL)
    results: dict[int, Reported | RingbackError] = {}
    left: dict[str, list[_Entry]] = {}
    for index, (text, report) in enumerate(reports):
        try:
            token = parse_token(text)
        except LeaseExpired as refusal:
            results[index] = refusal
        else:
            left.setdefault(token.callback_id, []).append(_Entry(index, token, report))
    return results, left


def _rows(chain: _Chain) -> int:
    return len(chain.changes)


def _size(chain: _Chain) -> int:
    return sum(weight(change.after) for change in chain.changes)
