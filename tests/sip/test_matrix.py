"""The matrix of cases, each with an agent and a target that insist on their part, against one running server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ringback.v1 import callback_pb2 as cb
from tests.sip.cases import CASES, Case
from tests.sip.turns import PASSWORD, USER
from tests.world.sip_peers.peer import needed
from tests.world.sip_peers.sipp import Sipp, sipp
from tests.world.sip_server import SipServer, sip_server

pytestmark = pytest.mark.sip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SipServer]:
    needed("sipp")
    folder = tmp_path_factory.mktemp("server")
    async with sip_server(folder, "--sip-username", USER, RINGBACK_SIP_PASSWORD=PASSWORD) as server:
        yield server


def _parameters() -> list[object]:
    return [pytest.param(case, id=case.name, marks=[pytest.mark.long] if case.quick else []) for case in CASES]


@pytest.mark.parametrize("case", _parameters())
async def test_a_call_ends_as_the_peers_have_it(server: SipServer, tmp_path: Path, case: Case) -> None:
    async with (
        sipp("agent", tmp_path, case.agent, transport=case.transport) as agent,
        sipp("target", tmp_path, case.target, transport=case.transport) as target,
    ):
        callback_id = await server.callback(target.uri, agent.uri, ring_timeout=case.ring_timeout, **case.service)
        if case.cancelled:
            await server.until_ringing(callback_id)
            await server.cancel(callback_id)
        try:
            ended = await server.until_ended(callback_id)
        except AssertionError as standstill:
            raise AssertionError("\n".join([str(standstill), agent.account(), target.account()])) from None
        faults = [fault for peer in (target, agent) if (fault := await peer.verdict())]
    assert _seen(ended, case) == _wanted(case), _evidence(ended, server, agent, target)
    assert not faults, "\n".join(faults)


def _seen(callback: cb.Callback, case: Case) -> dict[str, object]:
    [attempt] = callback.attempts
    return {
        "state": cb.CallbackState.Name(callback.state),
        "outcome": cb.CallOutcome.Name(attempt.outcome),
        "SIP status": attempt.sip_status,
        "Q.850": attempt.q850_cause if case.q850 is not None else None,
        "rang": attempt.HasField("ring_time"),
        "answered": attempt.HasField("answer_time"),
        "detail": case.detail if case.detail in attempt.detail else attempt.detail,
        "Call-IDs": len(set(attempt.call_ids)),
    }


def _wanted(case: Case) -> dict[str, object]:
    return {
        "state": cb.CallbackState.Name(case.state),
        "outcome": cb.CallOutcome.Name(case.outcome),
        "SIP status": case.sip_status,
        "Q.850": case.q850,
        "rang": case.rang,
        "answered": case.connected,
        "detail": case.detail,
        "Call-IDs": 2,
    }


def _evidence(callback: cb.Callback, *peers: SipServer | Sipp) -> str:
    return "\n".join([str(callback), *(peer.account() for peer in peers)])
