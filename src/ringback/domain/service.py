"""A contact-centre service: on whose behalf calls are made, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from ringback.domain.opening_hours import OpeningHours
from ringback.domain.outcome import Outcome

DEFAULT_MAX_CONCURRENT_CALLS = 10
MAX_CONCURRENT_CALLS = 10_000
DEFAULT_MAX_RETRIES = 3
DEFAULT_RING_TIMEOUT = timedelta(seconds=30)
DEFAULT_MAX_QUEUE_TIME = timedelta(days=7)
# The weights of HIGHEST … LOWEST; the predecessor never published its own.
DEFAULT_PRIORITY_WEIGHTS = (7, 6, 5, 4, 3, 2, 1)


class FirstLeg(IntEnum):
    """Who is called first. The numbers are those of the wire."""

    AGENT = 1
    TARGET = 2


class TargetPolicy(IntEnum):
    """What to do with a second open callback to the same target. The numbers are those of the wire."""

    ALLOW = 1
    REFUSE = 2
    RETURN_EXISTING = 3


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How this service treats one outcome. None leaves the default."""

    retry: bool | None = None
    min_delay: timedelta = timedelta(0)
    max_retries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The settings of one service, and the revision that its etag is made of."""

    service_id: str
    sip_address: str
    display_name: str = ""
    max_concurrent_calls: int = DEFAULT_MAX_CONCURRENT_CALLS
    paused: bool = False
    default_max_retries: int = DEFAULT_MAX_RETRIES
    ring_timeout: timedelta = DEFAULT_RING_TIMEOUT
    max_queue_time: timedelta = DEFAULT_MAX_QUEUE_TIME
    opening_hours: OpeningHours = field(default_factory=OpeningHours)
    retry_rules: Mapping[Outcome, RetryRule] = field(default_factory=dict)
    first_leg: FirstLeg = FirstLeg.AGENT
    priority_weights: tuple[int, ...] = DEFAULT_PRIORITY_WEIGHTS
    same_target_policy: TargetPolicy = TargetPolicy.ALLOW
    create_time: datetime
    update_time: datetime
    revision: int = 1

    @property
    def etag(self) -> str:
        return str(self.revision)

    @property
    def capacity(self) -> int:
        """How many calls may be in progress at once, now."""
        return 0 if self.paused else self.max_concurrent_calls

    def first_opening(self, at: datetime, otherwise: datetime) -> datetime:
        """The first moment from `at` on at which the service dials; `otherwise` when it never opens."""
        return self.opening_hours.next_open(at) or otherwise
