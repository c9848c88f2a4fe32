"""OPTIONS to a proxy: what became of it, and what the log says when that changes."""

import asyncio
import logging

import pytest

from ringback.dialers.sip.transport.faults import FaultKind
from ringback.dialers.sip.trunk.health import Ping, ProxyHealth, ping
from tests.world.sip_messages import response
from tests.world.sip_network import SipNetwork
from tests.world.skipping_loop import run_skipping


@pytest.mark.parametrize("status", [200, 404, 405, 503])
def test_any_final_response_is_an_answer(status: int) -> None:
    async def scenario() -> Ping:
        network = SipNetwork()
        endpoint, proxy = network.endpoint("10.0.0.1"), network.endpoint("10.0.0.2")
        proxy.on_request = lambda server: server.respond(response(server.request, status))
        return await ping(endpoint, "sip:10.0.0.2")

    became = run_skipping(scenario())
    assert (became.answered, became.status, became.takes_calls) == (True, status, status != 503)
    assert became.rtt_s == pytest.approx(0.02)


@pytest.mark.parametrize(("is_silent", "fault"), [(True, FaultKind.TIMEOUT), (False, FaultKind.REFUSED)])
def test_why_there_was_no_answer(is_silent: bool, fault: FaultKind) -> None:
    async def scenario() -> Ping:
        network = SipNetwork(is_silent=is_silent)
        return await ping(network.endpoint("10.0.0.1"), "sip:10.0.0.2")

    became = run_skipping(scenario())
    assert (became.answered, became.takes_calls, became.fault) == (False, False, fault)


def test_a_proxy_is_logged_when_something_changes(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        network = SipNetwork()
        endpoint, proxy = network.endpoint("10.0.0.1"), network.endpoint("10.0.0.2")
        statuses = [200, 200, 503, 503, 200]
        proxy.on_request = lambda server: server.respond(response(server.request, statuses.pop(0)))
        health = ProxyHealth(endpoint, "sip:10.0.0.2", interval_s=60)
        task = asyncio.ensure_future(health.run())
        await asyncio.sleep(241)
        network.close("10.0.0.2")
        await asyncio.sleep(60)
        task.cancel()
        assert health.last is not None
        assert health.last.fault is FaultKind.REFUSED

    with caplog.at_level(logging.INFO):
        run_skipping(scenario())
    assert [record.message for record in caplog.records] == [
        "SIP: the proxy sip:10.0.0.2 responds to OPTIONS: 200 OK",
        "SIP: the proxy sip:10.0.0.2 takes no calls: 503 Service Unavailable",
        "SIP: the proxy sip:10.0.0.2 responds to OPTIONS: 200 OK",
        "SIP: the proxy sip:10.0.0.2 takes no calls: connection refused",
    ]
