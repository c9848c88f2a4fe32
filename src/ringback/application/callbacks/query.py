"""Queries: one callback by its key, or pages of a list."""

from collections.abc import Sequence
from dataclasses import dataclass

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.application.events.tokens import PageToken, ResumeToken, Tokens
from ringback.application.narrowing import selected_by
from ringback.application.turns import give_way
from ringback.domain.callback import TERMINAL, Callback, State
from ringback.domain.errors import CallbackNotFound
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.ports.store import Store
from ringback.ports.values import Snapshot

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
# The states in a filter for callbacks that have not ended.
OPEN_STATES = tuple(state for state in State if state not in TERMINAL)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; an empty `next_page_token` is the end."""

    callbacks: Sequence[Callback]
    next_page_token: str
    resume_token: str


class CallbackQueries:
    """The use cases that read callbacks."""

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    async def get(self, caller: Caller, key: Key, right: Right = Right.READ_CALLBACKS) -> Callback:
        """Return the callback with this key. Raise `NotAllowed`, and `CallbackNotFound` for one of others as for none.

        `right` is what the caller needs it for.
        """
        view = await self._directory.resolve(caller.view_of(right))
        key = caller.own_key(key)
        callback = await self._store.get(key)
        if callback is None or not CallbackFilter(keys=(key,), view=view).matches(callback):
            raise CallbackNotFound(key)
        return view.shown(callback)

    async def list(self, caller: Caller, wanted: CallbackFilter, page_size: int, page_token: str) -> Page:
        """Return a page, newest first, of `page_size` (0: 100; at most 1000).

        Raise `NotAllowed`, `PageTokenInvalid`.
        """
        wanted = await selected_by(caller, wanted, self._directory)
        tokens = Tokens(self._store.database_id, wanted)
        start = tokens.read_page(page_token) if page_token else None
        size = min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        found = await self._page(wanted, start.before_id if start else "", size)
        number = start.number if start else found.number
        shown = []
        for index, callback in enumerate(found.callbacks):
            await give_way(index)  # to mask one takes its time
            shown.append(wanted.view.shown(callback))
        return Page(
            callbacks=shown,
            next_page_token=(
                tokens.write_page(PageToken(number, found.callbacks[-1].callback_id)) if found.more else ""
            ),
            resume_token=tokens.write_resume(ResumeToken(number)),
        )

    async def _page(self, wanted: CallbackFilter, before_id: str, size: int) -> Snapshot:
        """Return a page of what is selected; where the store selects too much, pages are read until it is full."""
        page = await self._store.list(wanted, before_id, size)
        if not wanted.may_be_hidden:
            return page
        number, selected = page.number, await _matching(wanted, page.callbacks)
        while page.more and len(selected) <= size:
            page = await self._store.list(wanted, page.callbacks[-1].callback_id, size)
            selected += await _matching(wanted, page.callbacks)
        return Snapshot(number, selected[:size], more=len(selected) > size)


async def _matching(wanted: CallbackFilter, callbacks: Sequence[Callback]) -> list[Callback]:
    matching = []
    for index, callback in enumerate(callbacks):
        await give_way(index)
        if wanted.matches(callback):
            matching.append(callback)
    return matching
