"""CountCallbacks: how many callbacks a filter matches, by state."""

from collections.abc import Mapping, Sequence
from typing import Final

from ringback.application.access import Caller
from ringback.application.directory import Directory
from ringback.application.narrowing import selected_by
from ringback.application.queue_figures import QueueFigures
from ringback.application.turns import give_way
from ringback.domain.callback import TERMINAL, State
from ringback.domain.filter import CallbackFilter
from ringback.domain.priority import Priority
from ringback.ports.store import Store
from ringback.ports.values import StateCount

# Callbacks that are read to be counted, where a filter names texts that the caller sees masked.
_READ: Final = 10_000
_PAGE: Final = 1_000


class CallbackCounts:
    """The use case behind CountCallbacks."""

    def __init__(self, store: Store, directory: Directory, figures: QueueFigures) -> None:
        self._store = store
        self._directory = directory
        self._figures = figures

    async def count(self, caller: Caller, wanted: CallbackFilter) -> Mapping[State, StateCount]:
        """Return the counts of all states, in the order of the enum. Raise `NotAllowed`, `StorageUnavailable`."""
        wanted = await selected_by(caller, wanted, self._directory)
        if wanted.may_be_hidden:
            return await self._read(wanted)
        counts = await self._store.count(wanted)
        cut = [state for state, counted in counts.items() if counted.at_least and state not in TERMINAL]
        if cut and _is_kept(wanted) and self._figures.counted:
            await self._figures.catch_up()
            counts = {**counts, **{state: self._kept(wanted, state) for state in cut if _has_level(state, wanted)}}
        return counts

    async def _read(self, wanted: CallbackFilter) -> Mapping[State, StateCount]:
        """Count what matches as the caller sees it: the store selects too much."""
        counts = dict.fromkeys(State, 0)
        last_id, read, more = "", 0, True
        while more and read < _READ:
            page = await self._store.list(wanted, last_id, _PAGE)
            for index, callback in enumerate(page.callbacks):
                await give_way(index)
                counts[callback.state] += wanted.matches(callback)
            read, more = read + len(page.callbacks), page.more
            last_id = page.callbacks[-1].callback_id if page.callbacks else ""
        cut = set(wanted.states or State) if more else ()
        return {state: StateCount(count, at_least=state in cut) for state, count in counts.items()}

    def _kept(self, wanted: CallbackFilter, state: State) -> StateCount:
        """Return what is kept of the queues, which is exact."""
        services = self._figures.all()
        names: Sequence[str] = wanted.services or list(services)
        count = 0
        for name in dict.fromkeys(names):
            if (figures := services.get(name)) is None or not _shows(wanted, name):
                continue
            if state is State.SCHEDULED:
                count += figures.scheduled
            else:
                levels = wanted.priorities or tuple(Priority)
                count += sum(figures.counts.get((level, state), 0) for level in dict.fromkeys(levels))
        return StateCount(count)


def _is_kept(wanted: CallbackFilter) -> bool:
    """Return whether the filter has nothing by which the figures of the queues are not told apart."""
    whole = CallbackFilter(
        service_ids=wanted.service_ids,
        service_sips=wanted.service_sips,
        ids_of_sips=wanted.ids_of_sips,
        states=wanted.states,
        priorities=wanted.priorities,
        view=wanted.view,
    )
    return wanted == whole and all(area.caller_ids is None for area in wanted.view.areas)


def _has_level(state: State, wanted: CallbackFilter) -> bool:
    """Return whether the state is counted by level, if levels are wanted."""
    return state is not State.SCHEDULED or not wanted.priorities


def _shows(wanted: CallbackFilter, service_id: str) -> bool:
    return any(area.within is None or service_id in area.within for area in wanted.view.areas)
