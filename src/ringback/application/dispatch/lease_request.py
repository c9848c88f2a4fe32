"""A poll of a dialer: what it asks for, and the leases that it gets."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ringback.domain.callback import Callback, Lease
from ringback.domain.errors import RequestIdReused
from ringback.domain.events import Leased
from ringback.domain.ids import LeaseToken
from ringback.domain.lifecycle import after
from ringback.domain.service import Service
from ringback.domain.view import EVERYTHING, View

MAX_LEASES = 100
MIN_LEASE = timedelta(seconds=5)
DEFAULT_LEASE = timedelta(seconds=30)
MAX_WAIT_S = 60.0
DEFAULT_WAIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """One poll of a dialer. None for `service_ids` means all that it may serve."""

    dialer_id: str
    # Those of the caller, which `Assigner.lease` fills in.
    identity: str = ""
    view: View = EVERYTHING
    service_ids: frozenset[str] | None = None
    max_leases: int = 1
    duration: timedelta = DEFAULT_LEASE
    wait_s: float = DEFAULT_WAIT_S
    request_id: str = ""

    def may_have(self, service: Service | None) -> bool:
        """Return whether it is for this service, and the caller has a grant for it."""
        return service is not None and self.is_for(service.service_id) and self.view.has_service(service)

    def of(self, service_ids: Collection[str]) -> "LeaseRequest":
        """Return the same poll for these services."""
        return replace(self, service_ids=frozenset(service_ids))

    def same_call(self, other: "LeaseRequest") -> bool:
        return self.identity == other.identity and (
            (self.dialer_id, self.request_id) == (other.dialer_id, other.request_id)
        )

    def is_for(self, service_id: str) -> bool:
        return self.service_ids is None or service_id in self.service_ids


def check_repeated(request: LeaseRequest, leased: Sequence[Callback]) -> None:
    """Raise `RequestIdReused` for a request that cannot be the one which these leases were granted to."""
    differing = {
        "service_ids": not all(request.is_for(c.service_id) for c in leased),
        "max_leases": len(leased) > request.max_leases,
        "lease_duration": any(c.lease is not None and c.lease.duration != request.duration for c in leased),
    }
    if any(differing.values()):
        raise RequestIdReused("", [name for name, differs in differing.items() if differs])


def lease_to(callback: Callback, request: LeaseRequest, service: Service, now: datetime) -> Callback:
    """Return the callback as it is leased to the dialer of the poll."""
    fencing_token = callback.fencing_token + 1
    lease = Lease(
        token=LeaseToken.new(callback.callback_id, fencing_token).text,
        dialer_id=request.dialer_id,
        request_id=request.request_id,
        identity=request.identity,
        fencing_token=fencing_token,
        duration=request.duration,
        expire_time=now + request.duration,
        ring_timeout=service.ring_timeout,
    )
    return after(callback, Leased(at=now, lease=lease))
