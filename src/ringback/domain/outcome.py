"""How a dial-out ended, and which ends are worth another try."""

from enum import IntEnum


class Outcome(IntEnum):
    """How one attempt ended. The numbers are those of the wire."""

    ANSWERED = 1
    BUSY = 2
    NO_ANSWER = 3
    UNREACHABLE = 4
    DECLINED = 5
    NETWORK_FAILURE = 6
    MACHINE = 7
    ABANDONED = 8
    INTERRUPTED = 9
    INVALID_NUMBER = 10
    BLOCKED = 11
    NOT_AUTHORIZED = 12


# Outcomes that cannot succeed however often one tries. A service may decide otherwise (`RetryRule.retry`).
PERMANENT = frozenset({Outcome.INVALID_NUMBER, Outcome.BLOCKED, Outcome.NOT_AUTHORIZED})

# Outcomes of a call that was answered, though not by somebody who could be served.
UNSERVED = frozenset({Outcome.MACHINE, Outcome.ABANDONED})
