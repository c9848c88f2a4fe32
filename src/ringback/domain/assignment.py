"""The queue discipline applied to one queue: the next callbacks, as a function of what was read."""

from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime

from ringback.domain.callback import MAX_RESPONSE_BYTES, MAX_WEIGHT, Callback, weight
from ringback.domain.priority import Credits, pick
from ringback.domain.queue import Queue


def draw(
    queue: Queue,
    count: int,
    now: datetime,
    room: int = MAX_RESPONSE_BYTES,
    passed_over: Collection[str] = (),
) -> tuple[Sequence[Callback], Credits]:
    """Return the callbacks whose turn it is, for up to `count` free slots, and the credits afterwards.

    No more than fit into `room` bytes of a response, and none unless the largest would fit. Expired callbacks are
    skipped, in case the scheduler is late; so are those that are `passed_over`, by id.

    Two callbacks to one phone are never drawn together: the second waits, without holding up those behind it.
    """
    service = queue.service
    count = min(count, service.capacity - queue.in_progress)
    if count <= 0 or not service.opening_hours.is_open(now):
        return (), queue.turn.credits
    credits_ = queue.turn.credits
    lines = {
        level: deque(c for c in heads if c.expire_time > now and c.callback_id not in passed_over)
        for level, heads in queue.heads.items()
    }
    drawn: list[Callback] = []
    phones: set[str] = set()
    while len(drawn) < count and room >= MAX_WEIGHT:
        lines = {level: rest for level, line in lines.items() if (rest := _without(line, phones))}
        if not lines:
            break
        level, credits_ = pick(lines, credits_, service.priority_weights)
        drawn.append(lines[level].popleft())
        phones.add(drawn[-1].phone)
        room -= weight(drawn[-1])
    return drawn, credits_


def _without(line: deque[Callback], phones: set[str]) -> deque[Callback]:
    while line and line[0].phone in phones:
        line.popleft()
    return line
