"""A registration at a registrar that is scripted, on a clock that skips."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import Request, Response
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.trunk.registration import Registration
from tests.world.sip_messages import response
from tests.world.sip_network import SipNetwork
from tests.world.skipping_loop import run_skipping

CREDENTIALS = SipCredentials("trunk", "secret")
Script = Callable[[Request, float], Response]


def run(
    script: Script, *, after_s: float, credentials: SipCredentials | None = CREDENTIALS
) -> list[tuple[float, Request]]:
    """Run a registration for so long, cancel it, and return what its registrar got, and when."""

    async def scenario() -> list[tuple[float, Request]]:
        network = SipNetwork()
        loop = asyncio.get_running_loop()
        endpoint, registrar = network.endpoint("10.0.0.1"), network.endpoint("10.0.0.2")
        requests: list[tuple[float, Request]] = []

        def serve(server: ServerTransaction) -> None:
            requests.append((round(loop.time()), server.request))
            server.respond(script(server.request, loop.time()))

        registrar.on_request = serve
        registration = Registration(endpoint, "sip:10.0.0.2", credentials, expires_s=600, draw=lambda: 1.0)
        task = asyncio.ensure_future(registration.run())
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert not registration.state.is_registered
        await endpoint.stop()
        await registrar.stop()
        return requests

    return run_skipping(scenario())


def accepted(request: Request, *, expires: int = 600) -> Response:
    """Return the 200 of a registrar that has somebody else's contact for this user, too."""
    ok = response(request, 200)
    ok.headers.add("Contact", "<sip:trunk@10.9.9.9>;expires=7")
    for contact in request.headers.values("Contact"):
        ok.headers.add("Contact", contact.replace("expires=600", f"expires={expires}"))
    return ok


def challenge(request: Request, *, nonce: str = "n1", stale: bool = False) -> Response:
    refused = response(request, 401)
    refused.headers.add("WWW-Authenticate", f'Digest realm="trunk, Inc.", nonce="{nonce}", stale={stale}, qop="auth"')
    return refused


def contacts(requests: list[tuple[float, Request]]) -> list[tuple[float, str]]:
    return [(at, request.headers.get("Contact") or "") for at, request in requests]


def test_it_is_renewed_before_it_lapses_and_ended_at_the_end() -> None:
    requests = run(lambda request, _: accepted(request, expires=100), after_s=90)
    contact = "<sip:trunk@10.0.0.1:5060>;expires="
    assert contacts(requests) == [(0, f"{contact}600"), (80, f"{contact}600"), (90, f"{contact}0")]
    assert {request.headers.get("Call-ID") for _, request in requests} == {requests[0][1].headers.get("Call-ID")}
    assert [request.headers.get("CSeq") for _, request in requests] == ["1 REGISTER", "2 REGISTER", "3 REGISTER"]
    assert {request.uri for _, request in requests} == {"sip:10.0.0.2"}


def test_a_challenge_is_answered_and_the_nonce_used_again() -> None:
    def script(request: Request, _: float) -> Response:
        return accepted(request) if "Authorization" in request.headers else challenge(request)

    requests = run(script, after_s=500)
    assert ["Authorization" in request.headers for _, request in requests] == [False, True, True, True]
    assert [int((request.headers.get("CSeq") or "").split()[0]) for _, request in requests] == [1, 2, 3, 4]


def test_a_wrong_password_is_tried_again_only_after_a_growing_time(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        requests = run(lambda request, at: challenge(request, nonce=f"n{at}"), after_s=120)
    assert [at for at, _ in requests] == [0, 0, 15, 15, 45, 45, 105, 105]
    assert [record.message for record in caplog.records] == [
        "SIP: not registered at sip:10.0.0.2: 401 Unauthorized",
    ]


def test_the_least_time_of_the_registrar_is_taken() -> None:
    def script(request: Request, _: float) -> Response:
        if request.headers.get("Expires") != "600":
            return accepted(request)
        brief = response(request, 423)
        brief.headers.add("Min-Expires", "1800")
        return brief

    assert [request.headers.get("Expires") for _, request in run(script, after_s=10)] == ["600", "1800", "0"]


@pytest.mark.parametrize("least", ["600", "60", "99999999", "none"])
def test_a_least_time_that_changes_nothing_is_a_refusal(least: str) -> None:
    def script(request: Request, _: float) -> Response:
        brief = response(request, 423)
        brief.headers.add("Min-Expires", least)
        return brief

    assert [at for at, _ in run(script, after_s=20)] == [0, 15]


def test_a_registrar_that_grants_no_time_is_not_asked_in_a_loop() -> None:
    requests = run(lambda request, _: accepted(request, expires=0), after_s=25)
    assert [at for at, _ in requests] == [0, 10, 20, 25]
