"""Queries: one callback by its key, or pages of a list."""

from collections.abc import Sequence
from dataclasses import dataclass

from ringback.application.events.tokens import PageToken, ResumeToken, Tokens
from ringback.domain.callback import TERMINAL, Callback, State
from ringback.domain.errors import CallbackNotFound
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.ports.store import Store

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

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, key: Key) -> Callback:
        """Return the callback with this key. Raise `CallbackNotFound`."""
        callback = await self._store.get(key)
        if callback is None:
            raise CallbackNotFound(key)
        return callback

    async def list(self, wanted: CallbackFilter, page_size: int, page_token: str) -> Page:
        """Return a page, newest first, of `page_size` (0: 100; at most 1000). Raise `PageTokenInvalid`."""
        tokens = Tokens(self._store.database_id, wanted)
        start = tokens.read_page(page_token) if page_token else None
        size = min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        found = await self._store.list(wanted, start.before_id if start else "", size)
        number = start.number if start else found.number
        return Page(
            callbacks=found.callbacks,
            next_page_token=(
                tokens.write_page(PageToken(number, found.callbacks[-1].callback_id)) if found.more else ""
            ),
            resume_token=tokens.write_resume(ResumeToken(number)),
        )
