"""The signalling of one attempt, as far as this server has placed its call and still has it in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ringback.application.access import Caller, Right
from ringback.application.callbacks.query import CallbackQueries
from ringback.domain.callback import Attempt, Callback
from ringback.domain.errors import Fault, InvalidRequest
from ringback.domain.key import Key
from ringback.domain.masked_callback import without_numbers
from ringback.ports.dialer import CallMessage, Signalling


class CallTraces:
    """The use case that reads the trace of a call."""

    def __init__(self, queries: CallbackQueries) -> None:
        self._queries = queries
        # Of the dialer of this server, which is opened later, if it has one.
        self._signalling: Signalling | None = None

    def attach(self, signalling: Signalling | None) -> None:
        """Take what the dialer of this server sends and receives."""
        self._signalling = signalling

    async def messages(self, caller: Caller, key: Key, number: int) -> Iterator[CallMessage]:
        """Return what yields the messages of an attempt, none where this server has none.

        Raise `NotAllowed`, `CallbackNotFound`, and `InvalidRequest` for an attempt that the callback does not have.
        """
        callback = await self._queries.get(caller, key, Right.ADMINISTER)
        attempt = _attempt(callback, number)
        if self._signalling is None or not attempt.call_ids:
            return iter(())
        # What a peer puts where no number is expected, too.
        hide = without_numbers(callback)
        return (replace(one, text=hide(one.text)) for one in self._signalling.messages(attempt.call_ids))

    def forget(self, callbacks: Iterable[Callback]) -> None:
        """Drop what is in memory of the calls of these callbacks."""
        if self._signalling is not None:
            attempts = (attempt for callback in callbacks for attempt in callback.attempts)
            self._signalling.forget([call_id for attempt in attempts for call_id in attempt.call_ids])


def _attempt(callback: Callback, number: int) -> Attempt:
    for attempt in callback.attempts:
        if attempt.number == number:
            return attempt
    count = len(callback.attempts)
    raise InvalidRequest([Fault("attempt", f"{number} is none of the {count} attempts" if count else "there was none")])
