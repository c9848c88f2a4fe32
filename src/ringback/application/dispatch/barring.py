"""What is next in line, and may not be dialled after all: rules, or a service, have changed since it was accepted.

Or it has become quiet for its target, or its number has been dialled too often meanwhile.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ringback.application.dial_policy import DialPolicy
from ringback.domain.callback import Callback
from ringback.domain.closing import attempt_time
from ringback.domain.events import Blocked, Event, OpeningMoved
from ringback.domain.lifecycle import after
from ringback.domain.queue import Queue
from ringback.ports.values import Change


def barred(policy: DialPolicy, queue: Queue, waiting: Iterable[Callback], now: datetime) -> Sequence[Change]:
    """Return the changes that take those out of the queue which may not be dialled now, or at all."""
    return [
        Change(callback, after(callback, event), settings=queue.service)
        for callback in waiting
        if (event := _bar_to(policy, queue, callback, now)) is not None
    ]


def _bar_to(policy: DialPolicy, queue: Queue, callback: Callback, now: datetime) -> Event | None:
    service = queue.service
    broken = policy.broken(service, callback.dial_target)
    if broken is None and (dialled := queue.dialled.get(callback.callback_id)):
        broken = policy.used_up(service, dialled, now)
    if broken is not None:
        return Blocked(at=now, detail=str(broken))
    moment = attempt_time(callback, service, now, policy.rules)
    return OpeningMoved(at=now, next_attempt_time=moment) if moment > now else None
