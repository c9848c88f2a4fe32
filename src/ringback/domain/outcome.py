"""The outcomes of a dial-out, and which of them are worth another attempt."""

from enum import StrEnum


class Outcome(StrEnum):
    """How one attempt ended."""

    ANSWERED = "ANSWERED"
    BUSY = "BUSY"
    NO_ANSWER = "NO_ANSWER"
    UNREACHABLE = "UNREACHABLE"
    DECLINED = "DECLINED"
    NETWORK_FAILURE = "NETWORK_FAILURE"
    MACHINE = "MACHINE"
    ABANDONED = "ABANDONED"
    INTERRUPTED = "INTERRUPTED"
    INVALID_NUMBER = "INVALID_NUMBER"
    BLOCKED = "BLOCKED"
    NOT_AUTHORIZED = "NOT_AUTHORIZED"


# Outcomes after which no further attempt can succeed. A service may decide otherwise (`RetryRule.retry`).
PERMANENT = frozenset({Outcome.INVALID_NUMBER, Outcome.BLOCKED, Outcome.NOT_AUTHORIZED})

# Outcomes of a call that was answered without serving a person.
UNSERVED = frozenset({Outcome.MACHINE, Outcome.ABANDONED})
