"""What the log tells about the leases of built-in dialers: that a call was cancelled, or that a lease is over."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from ringback.application.events.feed import EventFeed
from ringback.domain.callback import State
from ringback.domain.ids import LeaseToken
from ringback.ports.values import LoggedEvent

# A lease may be over before its dialer has heard that it was granted: the news of so many callbacks are remembered.
_REMEMBERED: Final = 4096


class LeaseNews(NamedTuple):
    """The last lease of a callback, as the log has it."""

    fencing_token: int
    is_held: bool
    is_cancelling: bool


class LeaseWatch:
    """One listener of the log, for all calls of this process."""

    def __init__(self, feed: EventFeed) -> None:
        self._last: OrderedDict[str, LeaseNews] = OrderedDict()
        # By callback: several calls of one are possible, when one is left of an earlier attempt.
        self._watched: dict[str, list[Callable[[LeaseNews], None]]] = {}
        feed.listen(self._on_events)

    @contextmanager
    def watch(self, token: LeaseToken, listener: Callable[[LeaseNews], None]) -> Iterator[None]:
        """Call `listener` with all news of the callback since this lease was granted, those before the call, too."""
        listeners = self._watched.setdefault(token.callback_id, [])
        listeners.append(listener)
        last = self._last.get(token.callback_id)
        if last is not None and last.fencing_token >= token.fencing_token:
            listener(last)
        try:
            yield
        finally:
            listeners.remove(listener)
            if not listeners:
                del self._watched[token.callback_id]

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            callback = event.callback
            if callback.fencing_token == 0:
                continue
            news = LeaseNews(
                callback.fencing_token,
                is_held=callback.lease is not None,
                is_cancelling=callback.state is State.CANCELLING,
            )
            self._last[callback.callback_id] = news
            self._last.move_to_end(callback.callback_id)
            for listener in self._watched.get(callback.callback_id, ()):
                listener(news)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
