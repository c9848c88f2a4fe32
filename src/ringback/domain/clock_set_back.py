"""What stored times mean after the clock was set back: some of them lie further ahead than they ever could.

No server saw by how much, so each time is judged by itself, and doing so again changes nothing.
"""

from datetime import datetime
from typing import Final

from ringback.domain.callback import LONGEST_LEASE, Lease
from ringback.domain.service import LONGEST_RING_TIMEOUT

# A phone is kept for no longer: a lost dialer's ring has ended by then.
LONGEST_KEPT_PHONE: Final = LONGEST_RING_TIMEOUT


def lease_end(lease: Lease, now: datetime) -> datetime:
    """Return when a lease ends. One that outlives every lease that could be granted now begins anew instead."""
    return now + lease.duration if lease.expire_time > now + LONGEST_LEASE else lease.expire_time
