"""What stands in the way of a service's calls, in one word."""

from enum import IntEnum

from ringback.domain.service import Service


class QueueState(IntEnum):
    """The states in the order in which they count. The numbers are those of the wire."""

    NO_DIALER = 1
    PAUSED = 2
    DIALING_OFF = 3
    AGENTS_DO_NOT_ANSWER = 4
    BEHIND = 5
    CLOSED = 6
    OPEN = 7


def queue_state(service: Service, *, has_dialer: bool, rests: bool, expiring: int, is_open: bool) -> QueueState:
    """Return the first state that applies."""
    applies = {
        QueueState.NO_DIALER: not has_dialer,
        QueueState.PAUSED: service.paused,
        QueueState.DIALING_OFF: service.max_concurrent_calls == 0,
        QueueState.AGENTS_DO_NOT_ANSWER: rests,
        QueueState.BEHIND: expiring > 0,
        QueueState.CLOSED: not is_open,
        QueueState.OPEN: True,
    }
    return next(state for state in QueueState if applies[state])
