"""The time between two attempts of a callback, and what decided it."""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct


class RetryDelayReason(StrEnum):
    """Which of the minima is the longest; of those that are equal it is the first of this list."""

    REQUEST = "REQUEST"
    RETRY_RULE = "RETRY_RULE"
    DIAL_RULES = "DIAL_RULES"
    RING_TIMEOUT = "RING_TIMEOUT"
    CLOSED = "CLOSED"


class RetryDelay(Struct, frozen=True):
    """The least time from the end of an attempt to the start of the next one."""

    duration: timedelta
    reason: RetryDelayReason
