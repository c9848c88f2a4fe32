"""A contact-centre service: on whose behalf calls are made, and how."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from ringback.domain.defaults import written
from ringback.domain.dial_rules import NO_RULES, DialRules
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.outcome import Outcome

DEFAULT_MAX_CONCURRENT_CALLS = 10
MAX_CONCURRENT_CALLS = 10_000
DEFAULT_MAX_RETRIES = 3
DEFAULT_RING_TIMEOUT = timedelta(seconds=30)
LONGEST_RING_TIMEOUT = timedelta(minutes=5)
DEFAULT_MAX_QUEUE_TIME = timedelta(days=7)
# The weights of HIGHEST … LOWEST; the predecessor never published its own.
DEFAULT_PRIORITY_WEIGHTS = (7, 6, 5, 4, 3, 2, 1)


class FirstLeg(StrEnum):
    """The leg of a call that is dialled first."""

    AGENT = "AGENT"
    TARGET = "TARGET"


class TargetPolicy(StrEnum):
    """The treatment of a second open callback to the same target."""

    ALLOW = "ALLOW"
    REFUSE = "REFUSE"
    RETURN_EXISTING = "RETURN_EXISTING"


class RetryRule(Struct, frozen=True, omit_defaults=True):
    """How a service treats one outcome. None leaves the default."""

    retry: bool | None = None
    min_delay: timedelta = timedelta(0)
    max_retries: int | None = None


class Halt(Struct, frozen=True, omit_defaults=True):
    """The moment at which a setting has stopped all calls, and the identity that set it; "" where there are none."""

    halt_time: datetime
    identity: str = ""


class Service(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The settings of one service, and the revision that its etag is made of."""

    service_id: str
    sip_address: str
    display_name: str = ""
    max_concurrent_calls: int = written(DEFAULT_MAX_CONCURRENT_CALLS)
    paused: bool = False
    default_max_retries: int = written(DEFAULT_MAX_RETRIES)
    ring_timeout: timedelta = written(DEFAULT_RING_TIMEOUT)
    max_queue_time: timedelta = written(DEFAULT_MAX_QUEUE_TIME)
    opening_hours: OpeningHours = field(default_factory=OpeningHours)
    retry_rules: Mapping[Outcome, RetryRule] = field(default_factory=dict)
    first_leg: FirstLeg = written(FirstLeg.AGENT)
    priority_weights: tuple[int, ...] = written(DEFAULT_PRIORITY_WEIGHTS)
    same_target_policy: TargetPolicy = written(TargetPolicy.ALLOW)
    # The number or SIP address that a target sees, as a canonical URI; "" leaves it to the dialer.
    caller_line_identity: str = ""
    # The network withholds it from targets (CLIR).
    caller_line_restricted: bool = False
    # Where its agents are called, as a canonical URI; "" is its SIP address.
    agent_address: str = ""
    # How long a call may last once its target has answered; None leaves it to the dialer.
    max_call_duration: timedelta | None = None
    # The region of national numbers, by ISO 3166; "" refuses them.
    default_region: str = ""
    # What may be dialled on its behalf, of what the server's own rules allow.
    dial_rules: DialRules = NO_RULES
    # How long its ended callbacks are kept; None: as long as the server keeps them by default.
    keep_ended: timedelta | None = None
    create_time: datetime
    update_time: datetime
    revision: int = written(1)
    # Since when it is paused, and since when `max_concurrent_calls` is 0; None when it is not, and where an earlier
    # version has set it. Settings of their own: one may begin while the other lasts.
    pause: Halt | None = None
    zero_capacity: Halt | None = None

    @property
    def etag(self) -> str:
        return str(self.revision)

    @property
    def capacity(self) -> int:
        """The number of calls that may be in progress at once; 0 while paused."""
        return 0 if self.paused else self.max_concurrent_calls

    @property
    def halt(self) -> Halt | None:
        """Return when and by whom its calls were stopped; None when they are not, and when that is not known."""
        return self.pause if self.paused else self.zero_capacity

    def may_dial(self, at: datetime) -> bool:
        """Return whether a call may begin."""
        return self.capacity > 0 and self.opening_hours.is_open(at)

    def first_opening(self, at: datetime, otherwise: datetime) -> datetime:
        """Return the first moment from `at` on that is open; `otherwise` when there is none within 366 days.

        A machine that lacks the time zone cannot tell. It returns `at`, so that it neither stores a wrong moment nor
        lets a callback expire, and offers nothing itself, since to it the service is closed.
        """
        if self.opening_hours.lacks_zone:
            return at
        return self.opening_hours.next_open(at) or otherwise


def with_halts(service: Service, before: Service | None, at: datetime, identity: str) -> Service:
    """Return the service with what has stopped its calls: as it was before, or else by this identity at this time.

    `before` is the service as it was, None for a new one.
    """
    halt = Halt(at, identity)
    was_paused, had_none = (False, False) if before is None else (before.paused, before.max_concurrent_calls == 0)
    pause = before.pause if before is not None and was_paused else halt
    zero_capacity = before.zero_capacity if before is not None and had_none else halt
    return replace(
        service,
        pause=pause if service.paused else None,
        zero_capacity=zero_capacity if service.max_concurrent_calls == 0 else None,
    )


def common_region(services: Iterable[Service]) -> str:
    """Return the default region of all of these services that have one; "" when there is none, or more than one."""
    regions = {service.default_region for service in services} - {""}
    return regions.pop() if len(regions) == 1 else ""
