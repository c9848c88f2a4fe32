"""When each phone was dialled of late, so that a create can be refused without a read of the store."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ringback.application.dial_policy import DialPolicy
from ringback.application.events.feed import EventFeed
from ringback.domain.callback import Callback, State
from ringback.domain.dial_rules import Broken
from ringback.domain.faults import Faults
from ringback.domain.service import Service
from ringback.domain.target import number_of_phone
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import LoggedEvent

# A local day has up to 25 hours.
SPAN: Final = timedelta(hours=25)
# Phones beyond this are forgotten, the one dialled longest ago first: their limit is then seen only at the lease.
_MAX_PHONES: Final = 100_000


class RecentDials:
    """The dial-outs of all servers within a day, by phone. The store decides at the lease; this may be behind it."""

    def __init__(self, store: Store, clock: Clock, feed: EventFeed, policy: DialPolicy) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._begun: OrderedDict[str, list[datetime]] = OrderedDict()
        feed.listen(self._on_events)

    async def start(self) -> None:
        """Read what was dialled before this server started. Raise `StorageUnavailable`."""
        for phone, at in await self._store.dialled(self._clock.now() - SPAN, _MAX_PHONES):
            self._add(phone, at)

    def used_up(self, service: Service, phone: str, at: datetime) -> Broken | None:
        """Return the rule that forbids one more dial-out to the phone on the day of `at`."""
        begun = self._begun.get(number_of_phone(phone))
        return None if begun is None else self._policy.used_up(service, begun, at)

    def begun(self, phone: str, since: datetime) -> Sequence[datetime]:
        """Return when dial-outs to the phone began after that time, as far as this server has heard of them."""
        return [at for at in self._begun.get(number_of_phone(phone), ()) if at > since]

    def check(self, service: Service, callback: Callback) -> None:
        """Raise `DialRuleBroken` when its next dial-out would be on a day on which its phone has had all of its."""
        at = callback.next_attempt_time
        if at is not None and (broken := self.used_up(service, callback.phone, at)) is not None:
            faults = Faults().under("callback_request")
            faults.add_broken("alternative_target" if callback.replaced_target else "target", broken)
            faults.refuse()

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            callback, previous = event.callback, event.previous
            if callback.state is State.DIALING and previous is not None and previous.state is State.OFFERED:
                self._add(number_of_phone(callback.phone), callback.attempts[-1].start_time)

    def _add(self, phone: str, at: datetime) -> None:
        begun = [earlier for earlier in self._begun.pop(phone, ()) if earlier > at - SPAN and earlier != at]
        self._begun[phone] = [*begun, at]
        if len(self._begun) > _MAX_PHONES:
            self._begun.popitem(last=False)
