"""Two endpoints on real sockets: calls and OPTIONS by UDP, TCP and TLS."""

from pathlib import Path

import pytest

from ringback.dialers.sip.messages.message import top_via
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.tls import TlsFiles
from tests.world.certificates import Authority
from tests.world.sip_endpoints import endpoint
from tests.world.sip_messages import request, response


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    cert, key = authority.issue("localhost", addresses=["127.0.0.1"]).write(tmp_path)
    return TlsFiles(ca=tmp_path / "ca.pem", cert=cert, key=key)


def answers(server: ServerTransaction) -> None:
    if server.request.method == "INVITE":
        server.respond(response(server.request, 180))
    server.respond(response(server.request, 200))


@pytest.mark.parametrize("transport", list(Transport))
async def test_a_call_from_its_invite_to_its_bye(transport: Transport, tls: TlsFiles) -> None:
    async with (
        endpoint(transports=[transport], tls=tls) as (caller, _),
        endpoint(transports=[transport], tls=tls) as (phone, trace),
    ):
        requests: list[ServerTransaction] = []

        def serve(server: ServerTransaction) -> None:
            requests.append(server)
            answers(server)

        phone.on_request = serve
        uri = phone.contact("phone")
        invite = await caller.send(request("INVITE", uri))
        assert [(await invite.response()).status, (await invite.response()).status] == [180, 200]
        # RFC 5923: a peer behind TLS may have no other way back.
        assert ("alias" in top_via(requests[0].request).params) is (transport is not Transport.UDP)
        invite.acknowledge(response(invite.request, 200), request("ACK", uri, to_tag="theirs"))
        ack = await requests[0].acknowledged()
        assert ack is not None
        assert ack.method == "ACK"
        bye = await caller.send(request("BYE", uri, cseq=2, to_tag="theirs"))
        assert (await bye.response()).status == 200
        options = await caller.send(request("OPTIONS", uri, call_id="call-2"))
        assert (await options.response()).status == 200
        assert [line.split()[0] for line in trace.starts("received")] == ["INVITE", "ACK", "BYE", "OPTIONS"]
        assert {destination.rpartition("=")[2] for _, destination, _ in trace.messages} == {transport}
