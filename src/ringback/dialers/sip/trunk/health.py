"""Whether a proxy responds: OPTIONS as trunks exchange it (RFC 3261 section 11)."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ringback.dialers.sip.messages.digest import DigestClient, SipCredentials, realms_of
from ringback.dialers.sip.messages.header_values import printable
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed
from ringback.dialers.sip.trunk.standalone import final_response, standalone_request
from ringback.domain.masking import mask_numbers

_log = logging.getLogger(__name__)

PING_S: Final = 10.0
# What a proxy says that is alive and takes no calls.
_UNAVAILABLE: Final = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """What became of an OPTIONS."""

    answered: bool
    """There was a final response, whatever it said."""
    status: int = 0
    text: str = ""
    """The phrase of the response, or why there was none."""
    realms: tuple[str, ...] = ()
    """Those of the challenges in the response."""
    fault: FaultKind | None = None
    rtt_s: float = 0.0
    """From the request to the response, a challenge in between included."""

    @property
    def takes_calls(self) -> bool:
        return self.answered and self.status not in _UNAVAILABLE

    def __str__(self) -> str:
        return f"{self.status} {self.text}" if self.answered else self.text


async def ping(
    endpoint: Endpoint,
    uri: str,
    *,
    routes: Sequence[str] = (),
    credentials: SipCredentials | None = None,
    timeout_s: float = PING_S,
) -> Ping:
    """Send OPTIONS and wait for the response. Challenges are answered where there are credentials."""
    loop = asyncio.get_running_loop()
    digest = DigestClient(credentials, lambda: secrets.token_hex(8))
    request = standalone_request("OPTIONS", uri, from_uri=endpoint.contact(""), routes=routes)
    request.headers.add("Contact", f"<{endpoint.contact('')}>")
    request.headers.add("Accept", "application/sdp")
    began = loop.time()
    try:
        async with asyncio.timeout(timeout_s):
            response = await final_response(endpoint, request, digest)
    except TransactionFailed as failure:
        return Ping(answered=False, text=failure.text, fault=failure.kind)
    except TimeoutError:
        return Ping(answered=False, text=f"no response within {timeout_s:g} s", fault=FaultKind.TIMEOUT)
    return Ping(
        answered=True,
        status=response.status,
        text=printable(response.reason),
        realms=realms_of(response),
        rtt_s=loop.time() - began,
    )


class ProxyHealth:
    """Pings a proxy at intervals, and logs when something changes."""

    def __init__(self, endpoint: Endpoint, proxy: str, *, interval_s: float) -> None:
        self.last: Ping | None = None
        self._endpoint = endpoint
        self._proxy = proxy
        self._name = mask_numbers(proxy)
        self._interval_s = interval_s

    async def run(self) -> None:
        """Ping until cancelled."""
        while True:
            self._take(await ping(self._endpoint, self._proxy))
            await asyncio.sleep(self._interval_s)

    def _take(self, now: Ping) -> None:
        before, self.last = self.last, now
        if before is not None and (before.takes_calls, before.status) == (now.takes_calls, now.status):
            return
        if now.takes_calls:
            _log.info("SIP: the proxy %s responds to OPTIONS: %s", self._name, now)
        else:
            _log.warning("SIP: the proxy %s takes no calls: %s", self._name, now)
