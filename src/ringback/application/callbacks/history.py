"""The history of one callback: its events, as far as the log has them, as its watchers have seen them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ringback.application.access import Caller, Right
from ringback.application.callbacks.query import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, CallbackQueries
from ringback.application.directory import Directory
from ringback.application.events.tokens import Tokens
from ringback.application.events.watch_batches import WatchEvent, as_seen
from ringback.application.turns import give_way
from ringback.domain.errors import CallbackNotFound
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.ports.store import Store
from ringback.ports.values import EventKind


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A part of a history; an empty `next_page_token` is the end."""

    events: Sequence[WatchEvent]
    next_page_token: str
    # The log still has the creation.
    complete: bool


class Histories:
    """The use case that reads the history of a callback."""

    def __init__(self, store: Store, directory: Directory, queries: CallbackQueries) -> None:
        self._store = store
        self._directory = directory
        self._queries = queries

    async def events(self, caller: Caller, key: Key, page_size: int, page_token: str) -> HistoryPage:
        """Return a page, the oldest first, of `page_size` (0: 100; at most 1000).

        Raise `NotAllowed`, `CallbackNotFound`, `PageTokenInvalid`.
        """
        callback_id = (await self._queries.get(caller, key)).callback_id
        wanted = CallbackFilter(view=await self._directory.resolve(caller.view_of(Right.READ_CALLBACKS)))
        tokens = Tokens(self._store.database_id, wanted)
        after = tokens.read_history(page_token, callback_id) if page_token else 0
        page = await self._store.events_of(callback_id, after, min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE))
        # It may have been erased since it was found: the log is redacted first.
        if any(event.kind is EventKind.PURGED or event.callback.erased for event in page.events):
            raise CallbackNotFound(caller.own_key(key))
        first = page.events[:1] if after == 0 else (await self._store.events_of(callback_id, 0, 1)).events
        events = []
        for index, event in enumerate(page.events):
            await give_way(index)  # to mask one takes its time
            if (seen := as_seen(event, wanted)) is not None:
                events.append(seen)
        return HistoryPage(
            events=events,
            next_page_token=tokens.write_history(page.events[-1].number, callback_id) if page.more else "",
            complete=bool(first) and first[0].kind is EventKind.CREATED,
        )
