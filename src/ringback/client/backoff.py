"""How long the client waits. All in one place, for tests that shorten it."""

import random
from typing import Final

# A try that failed is repeated after the first delay, and then after twice as long each time, up to the maximum.
FIRST_DELAY_S: Final = 0.1
MAX_DELAY_S: Final = 5.0
# One try of a create.
TRY_S: Final = 10.0
# What the server makes of a `heartbeat_interval` that is shorter, as callbacks_service.proto says.
MIN_HEARTBEAT_S: Final = 1.0
# The longest wait that a server may impose; after it, another refusal costs little.
MAX_RETRY_AFTER_S: Final = 60.0
# A stream that lived as long began with a valid credential. When that ends, a token file may have the next one.
RENEWABLE_AFTER_S: Final = 60.0


def delay_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row, jittered so that clients don't return in step."""
    # The exponent is bounded too: an outage of some days would overflow a float.
    limit_s = min(FIRST_DELAY_S * 2 ** min(failures - 1, 16), MAX_DELAY_S)
    return random.uniform(limit_s / 2, limit_s)  # noqa: S311 - no secret
