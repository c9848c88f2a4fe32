"""A dialer that orders each call from a gateway over HTTP, and takes reports back: `docs/http-dialer.md`.

The gateway has the call, this process only its promise: a server that stops or dies leaves the call where it is, and
the next one requests its status. An order has a key, one for each lease; an order and a report may come twice.
"""

import asyncio
import logging
import ssl
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self
from urllib.parse import urlsplit

import h11

from ringback.dialers.http_call import GatewayCall, ended_already
from ringback.dialers.http_messages import (
    SIGNATURE_HEADER,
    TRACE_HEADER,
    GatewayEvent,
    Report,
    call_order,
    is_signed,
    order_key,
    other_order,
    parse_report,
    sign,
)
from ringback.dialers.http_settings import HttpDialerSettings
from ringback.dialers.http_transport import ReportListener, post
from ringback.domain.callback import Callback, State
from ringback.domain.errors import LeaseRefused
from ringback.domain.masking import mask_secrets
from ringback.domain.outcome import Outcome
from ringback.domain.service import Service
from ringback.ports.dialer import Call, HandedOver, NotDialled, OutcomeReport

_log = logging.getLogger(__name__)

# The gateway could not take the order now.
_TRY_AGAIN: Final = frozenset({0, 408, 425, 429, *range(500, 600)})
# It cannot take any order: the settings of one of the two are wrong.
_MISCONFIGURED: Final = frozenset({401, 403, 404, 405})
_GONE: Final = frozenset({404, 410})
# Of ended calls so many are remembered, for reports that come twice.
_MAX_ENDED: Final = 1000
_MAX_FAULT: Final = 200
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_CALL: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the dialer waits for what."""

    # For the gateway to take an order, or a cancel.
    order_s: float = 60.0
    first_retry_s: float = 0.5
    longest_retry_s: float = 10.0
    # Without a report, until the status is requested.
    silence_s: float = 60.0
    # Longer than a phone may ring and a call may last, and for the end after a cancel.
    grace_s: float = 60.0


class HttpDialer:
    """A `Dialer` whose calls are placed by a gateway. Made by `start`."""

    name = "http"
    drain_timeout_s = 3.0

    def __init__(self, settings: HttpDialerSettings, patience: Patience) -> None:
        assert settings.url is not None
        assert settings.secret is not None
        self._url = urlsplit(settings.url)
        self._secret = settings.secret.encode()
        self._timeout_s = settings.timeout.total_seconds()
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._patience = patience
        self._listener = ReportListener(self._take)
        self._orders: dict[str, GatewayCall] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._draining = asyncio.Event()
        # Until then calls of an earlier process may not have been taken over yet.
        self._complete_at = asyncio.get_running_loop().time() + patience.order_s
        self.report_url = ""

    @classmethod
    async def start(cls, settings: HttpDialerSettings, patience: Patience | None = None) -> Self:
        """Listen for reports. Raise `OSError`."""
        dialer = cls(settings, patience or Patience())
        if dialer._tls is None and dialer._url.hostname not in _THIS_MACHINE:
            _log.warning("orders go to %s in plain text, with numbers in them: give an https URL", dialer._url.hostname)
        host, port = settings.listen
        bound = await dialer._listener.start(host, port)
        dialer.report_url = settings.report_url or f"http://{f'[{host}]' if ':' in host else host}:{bound}/"
        return dialer

    @property
    def owner(self) -> str:
        return self.report_url

    def drain(self) -> None:
        self._draining.set()

    def stop(self) -> None:
        self._listener.stop()

    # --- Calls ---------------------------------------------------------------------------------------------------

    async def place(self, callback: Callback, service: Service, call: Call) -> OutcomeReport | NotDialled | HandedOver:
        assert callback.lease is not None
        key = order_key(callback.lease.token)
        await call.keep(key.encode())
        order = self._orders[key] = GatewayCall(call, trace_parent=callback.trace_parent)
        return await self._follow(key, order, service, call_order(key, callback, service, self.report_url))

    async def resume(
        self, callback: Callback | None, service: Service | None, call: Call, body: bytes
    ) -> OutcomeReport | HandedOver:
        key = body.decode()
        if callback is None or service is None:  # nothing more is recorded, so nobody may be called
            await self._deliver(self._other(key, "cancel"), None)
            return OutcomeReport(outcome=Outcome.INTERRUPTED)
        connected = callback.state is State.CONNECTED
        order = GatewayCall(call, dialled=True, connected=connected, trace_parent=callback.trace_parent)
        self._orders[key] = order
        result = await self._follow(key, order, service, self._other(key, "status"))
        assert not isinstance(result, NotDialled)  # it was dialled before
        return result

    async def _follow(
        self, key: str, order: GatewayCall, service: Service, first: bytes
    ) -> OutcomeReport | NotDialled | HandedOver:
        """Order a call, and wait for its end, for the signal to hang up, or for the stop of the server."""
        signals = [asyncio.ensure_future(each) for each in (order.call.hang_up.wait(), self._draining.wait())]
        following = asyncio.ensure_future(self._until_end(key, order, service, first))
        try:
            await asyncio.wait([following, *signals], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                if isinstance(following.exception(), LeaseRefused):
                    # Its report came before the signal to hang up. It has 409 for it, and the order that it waits for.
                    await self._deliver(self._other(key, "cancel"), order.trace_parent)
                return following.result()
            if order.dialled and not order.call.hang_up.is_set():
                return HandedOver()
            await _cancelled(following)  # or the order could come after its cancel
            await self._deliver(self._other(key, "cancel"), order.trace_parent)
            if order.dialled:
                await asyncio.wait([order.end], timeout=self._patience.grace_s)
            # Nothing is known of the agents: this server stops, or the callback was cancelled.
            return await order.result("hung up, and no end was reported", agents_unavailable=False)
        finally:
            for task in (following, *signals):
                task.cancel()
            del self._orders[key]
            if order.end.done():
                self._ended[key] = None
                if len(self._ended) > _MAX_ENDED:
                    self._ended.popitem(last=False)

    async def _until_end(
        self, key: str, order: GatewayCall, service: Service, first: bytes
    ) -> OutcomeReport | NotDialled:
        if refusal := await self._refusal_of(key, order, first):
            return await order.result(refusal)
        loop = asyncio.get_running_loop()
        since, seen = loop.time(), (order.dialled, order.connected)
        while not (await asyncio.wait([order.end], timeout=self._patience.silence_s))[0]:
            if seen != (order.dialled, order.connected):
                since, seen = loop.time(), (order.dialled, order.connected)
            if loop.time() - since > self._limit_s(order, service):
                await self._deliver(self._other(key, "cancel"), order.trace_parent)
                return await order.result("the gateway has not reported an end in time")
            if not order.reported.is_set():
                status = await self._deliver(self._other(key, "status"), order.trace_parent)
                if status in _GONE:
                    return await order.result("the gateway has lost the call")
            order.reported.clear()
        return await order.result()

    async def _refusal_of(self, key: str, order: GatewayCall, body: bytes) -> str:
        """Have the gateway take the first order of a call; return why it does not, "" when it does."""
        status = await self._deliver(body, order.trace_parent)
        if 200 <= status < 300 or order.end.done():
            return ""
        refusal = f"the gateway did not take the order: {status or 'no response'}"
        if not order.dialled and status not in _TRY_AGAIN | _MISCONFIGURED:
            # This one order is refused. It uses an attempt, or it would come again for ever.
            report = Report(order=key, event=GatewayEvent.ENDED, outcome=Outcome.NETWORK_FAILURE, detail=refusal)
            await asyncio.shield(order.take(report))
            return ""
        if order.dialled and status in _TRY_AGAIN:  # a call that goes on may still be reported
            return ""
        _log.error("%s", refusal)
        return refusal

    def _limit_s(self, order: GatewayCall, service: Service) -> float:
        """Return how long a call may stay as it is."""
        if order.connected:
            return (service.max_call_duration or _LONGEST_CALL).total_seconds() + self._patience.grace_s
        # Before DIALING it is the agent who is called.
        return (1 if order.dialled else 2) * service.ring_timeout.total_seconds() + self._patience.grace_s

    # --- Orders and reports ----------------------------------------------------------------------------------------

    def _other(self, key: str, kind: str) -> bytes:
        return other_order(key, kind, self.report_url)

    async def _deliver(self, body: bytes, trace_parent: str | None) -> int:
        """Post an order until the gateway responds for good; return the status, 0 for no response at all."""
        loop = asyncio.get_running_loop()
        until, delay_s = loop.time() + self._patience.order_s, self._patience.first_retry_s
        while True:
            status = await self._post(body, trace_parent)
            if status not in _TRY_AGAIN or loop.time() + delay_s > until:
                return status
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, self._patience.longest_retry_s)

    async def _post(self, body: bytes, trace_parent: str | None) -> int:
        headers = {SIGNATURE_HEADER: sign(self._secret, body, int(time.time()))}
        if trace_parent is not None:
            headers[TRACE_HEADER] = trace_parent
        try:
            async with asyncio.timeout(self._timeout_s):
                return await post(self._url, headers, body, self._tls)
        except (OSError, TimeoutError, h11.RemoteProtocolError) as fault:
            why = getattr(fault, "strerror", None) or str(fault) or "none in time"
            _log.warning("no response of the gateway: %s", why)
            return 0

    async def _take(self, body: bytes, signature: str) -> tuple[int, str]:
        """Take a report, and return the status and a word for the gateway."""
        if not is_signed(self._secret, body, signature, time.time()):
            return 401, "the signature is missing, wrong or too old"
        try:
            report = parse_report(body)
        except ValueError as fault:
            _log.warning("a report of the gateway cannot be read: %s", mask_secrets(str(fault))[:_MAX_FAULT])
            return 400, "the report cannot be read, the log says why"
        if (order := self._orders.get(report.order)) is not None:
            return await order.take(report)
        if report.order in self._ended:
            return ended_already(report)
        if self._draining.is_set() or asyncio.get_running_loop().time() < self._complete_at:
            return 503, "this may be a call of another process, report it again"
        return 404, "there is no such order"


async def _cancelled(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])
