"""`ringback sip check` against Kamailio: what an operator reads of a trunk that is right, and of one that is not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world.certificates import Authority
from tests.world.command_line import Ran, run
from tests.world.sip_peers.kamailio import PASSWORD, REALM, USERNAME, Kamailio, kamailio
from tests.world.sip_peers.peer import needed

pytestmark = pytest.mark.sip

CREDENTIALS = ("--sip-username", USERNAME, "--sip-auth-realm", REALM)


@pytest.fixture
async def trunk(tmp_path: Path) -> AsyncIterator[Kamailio]:
    """A proxy that demands a digest, and listens on TLS with a certificate of the authority in `ca.pem`."""
    needed("kamailio")
    authority = Authority("Authority of the test")
    cert, key = authority.issue("localhost").write(tmp_path)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    async with kamailio(tmp_path, challenges="first", certificate=cert, key=key) as proxy:
        yield proxy


async def check(uri: str, *options: str, password: str = PASSWORD) -> Ran:
    settings = {"RINGBACK_SIP_PASSWORD": password} if CREDENTIALS[0] in options else {}
    return await run("sip", "check", "--sip-listen", "127.0.0.1:0", "--sip-proxy", uri, *options, **settings)


def marks_of(ran: Ran, uri: str) -> dict[str, str]:
    """Return how each thing about the proxy was found to be."""
    assert PASSWORD not in ran.out
    found = [line.partition(f"  {uri}  ") for line in ran.out.splitlines()]
    return {rest.partition(":")[0]: mark.strip() for mark, _, rest in found if rest}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunk_that_is_right(trunk: Kamailio, transport: str) -> None:
    uri = trunk.uri(transport)
    ran = await check(uri, *CREDENTIALS, "--sip-register", uri)
    assert ran.code == 0
    assert "credentials: accepted: 200 OK" in ran.out
    assert f"ok     REGISTER: {uri}: 200 OK" in ran.out


async def test_a_trunk_by_tls(trunk: Kamailio, tmp_path: Path) -> None:
    uri = trunk.uri("tls", "localhost")
    ran = await check(uri, *CREDENTIALS, "--sip-tls-ca", str(tmp_path / "ca.pem"))
    assert ran.code == 0
    assert marks_of(ran, uri) == {"DNS": "ok", "TLS": "ok", "OPTIONS": "ok", "credentials": "ok"}
    assert "its certificate is for localhost, issued by Authority of the test, valid until " in ran.out


async def test_a_certificate_that_is_not_trusted(trunk: Kamailio) -> None:
    uri = trunk.uri("tls", "localhost")
    ran = await check(uri, *CREDENTIALS)
    assert ran.code == 1
    assert marks_of(ran, uri) == {"DNS": "ok", "TLS": "FAULT"}
    assert "it is not accepted: unable to get local issuer certificate" in ran.out


async def test_credentials_that_are_wrong_or_missing(trunk: Kamailio) -> None:
    wrong = await check(trunk.uri(), *CREDENTIALS, password="another")
    assert wrong.code == 1
    assert "FAULT" in wrong.out
    assert "credentials: refused: 407 Proxy Authentication Required" in wrong.out
    missing = await check(trunk.uri())
    assert missing.code == 1
    assert "credentials: they are asked for, and there are none: give --sip-username" in missing.out
