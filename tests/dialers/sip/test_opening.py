"""What the SIP dialer has open: files, registration, a look at each proxy, the log of messages."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ringback.dialers.sip.messages.message import Request, response_to
from ringback.dialers.sip.messages.trace import Trace
from ringback.dialers.sip.opening import SipCannotOpen, fault_of_files, open_endpoint, open_sip, transports_of
from ringback.dialers.sip.settings import TRACE_LOG, SipSettings
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.trunk.health import ProxyHealth
from ringback.dialers.sip.trunk.registration import Registration
from tests.world.certificates import Authority
from tests.world.dialer import until
from tests.world.ports import free_ports
from tests.world.sip_endpoints import endpoint

SETTINGS = SipSettings(listen=("127.0.0.1", 0))


@asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, "asyncio.Queue[Request]"]]:
    """Open a peer that accepts everything, and notes it."""
    received: asyncio.Queue[Request] = asyncio.Queue()

    def accept(server: ServerTransaction) -> None:
        received.put_nowait(server.request)
        server.respond(response_to(server.request, 200, to_tag="proxy"))

    async with endpoint() as (started, _):
        started.on_request = accept
        yield f"sip:127.0.0.1:{started.port}", received


async def next_of(received: "asyncio.Queue[Request]", method: str) -> Request:
    async with asyncio.timeout(10):
        while (request := await received.get()).method != method:
            pass
        return request


async def registered(caplog: pytest.LogCaptureFixture) -> None:
    await until(lambda: any("SIP: registered " in record.getMessage() for record in caplog.records))


async def test_the_proxy_is_looked_at_and_the_trunk_registered_at(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with proxy() as (uri, received):
        settings = replace(
            SETTINGS,
            proxy=uri,
            customer_proxy=uri,
            register=uri,
            identity="sip:callbacks@cc.example",
            register_expires=timedelta(minutes=10),
        )
        async with open_sip(settings) as (_, loops, _):
            assert [type(loop) for loop in loops] == [ProxyHealth, Registration]
            tasks = [asyncio.create_task(loop.run()) for loop in loops]
            register = await next_of(received, "REGISTER")
            assert register.headers.get("To") == "<sip:callbacks@127.0.0.1>"
            assert register.headers.get("Expires") == "600"
            await registered(caplog)
            for task in tasks:
                task.cancel()
            end = await next_of(received, "REGISTER")
            await asyncio.gather(*tasks, return_exceptions=True)
        assert end.headers.get("Expires") == "0"


async def test_options_go_to_each_proxy() -> None:
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(proxy()) for _ in range(3)]
        uris = [uri for uri, _ in proxies]
        settings = replace(SETTINGS, proxy=uris[0], service_proxy=uris[1], customer_proxy=uris[2])
        _, loops, _ = await stack.enter_async_context(open_sip(settings))
        tasks = [asyncio.create_task(loop.run()) for loop in loops]
        for _, received in proxies:
            await next_of(received, "OPTIONS")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("redact", [True, False])
async def test_messages_are_logged_where_they_are_wanted(caplog: pytest.LogCaptureFixture, *, redact: bool) -> None:
    """Indented, so that nothing that a peer sends can pass for a line of the log."""
    caplog.set_level(logging.INFO, TRACE_LOG)
    async with proxy() as (uri, received), open_sip(replace(SETTINGS, proxy=uri)) as (_, loops, _):
        task = asyncio.create_task(loops[0].run())
        await next_of(received, "OPTIONS")
        task.cancel()
    assert [record for record in caplog.records if record.name == TRACE_LOG] == []
    async with proxy() as (uri, received):
        settings = replace(SETTINGS, proxy=uri, trace=True, trace_redact=redact)
        async with open_sip(settings) as (_, loops, _):
            task = asyncio.create_task(loops[0].run())
            await next_of(received, "OPTIONS")
            task.cancel()
    [line, *_] = [record.message for record in caplog.records if record.name == TRACE_LOG]
    first, *others = line.split("\n")
    assert first.startswith("SIP sent ")
    assert others[0] == f"    OPTIONS {uri} SIP/2.0"
    assert all(other.startswith("    ") for other in others)


@pytest.mark.parametrize(
    ("settings", "transports"),
    [
        (SETTINGS, {Transport.UDP, Transport.TCP, Transport.TLS}),
        (replace(SETTINGS, transport="tcp"), {Transport.TCP}),
        (replace(SETTINGS, transport="tls", proxy="sip:a.example"), {Transport.TLS}),
        (replace(SETTINGS, transport="tcp", proxy="sips:a.example"), {Transport.TCP, Transport.TLS}),
        (
            replace(SETTINGS, transport="tls", service_proxy="sip:a.example;transport=udp"),
            {Transport.TLS, Transport.UDP},
        ),
    ],
)
def test_the_transports_are_those_of_the_settings_and_of_the_proxies(
    settings: SipSettings, transports: set[Transport]
) -> None:
    assert transports_of(settings) == transports


# --- Files -----------------------------------------------------------------------------------------------------------


def test_files_that_can_be_used(tmp_path: Path) -> None:
    authority = Authority()
    cert, key = authority.issue("ringback.example").write(tmp_path)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    assert fault_of_files(replace(SETTINGS, tls_ca=ca, tls_cert=cert, tls_key=key)) == ""
    assert fault_of_files(SETTINGS) == ""


async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    authority = Authority()
    cert, key = authority.issue("ringback.example").write(tmp_path)
    _, other = authority.issue("other.example").write(tmp_path, "other")
    empty = tmp_path / "empty"
    empty.write_text("SECRET")
    nowhere = tmp_path / "nowhere"
    pair = f"{cert} and {other}: are no certificate and its key, in PEM and without a password"
    for settings, fault in (
        (replace(SETTINGS, tls_ca=nowhere), f"{nowhere}: cannot be read: No such file or directory"),
        (replace(SETTINGS, tls_ca=empty), f"{empty}: has no certificate in PEM, or one that cannot be read"),
        (replace(SETTINGS, tls_cert=nowhere, tls_key=key), f"{nowhere}: cannot be read: No such file or directory"),
        (replace(SETTINGS, tls_cert=cert, tls_key=other), pair),
    ):
        assert fault_of_files(settings) == fault
        with pytest.raises(SipCannotOpen) as refusal:
            async with open_endpoint(settings, Trace()):
                pass
        assert (str(refusal.value), refusal.value.port_in_use) == (fault, 0)


async def test_a_port_that_is_in_use() -> None:
    async with endpoint() as (started, _):
        settings = replace(SETTINGS, listen=("127.0.0.1", started.port))
        with pytest.raises(SipCannotOpen, match=r"^cannot listen on 127\.0\.0\.1:[0-9]+: Address") as refusal:
            async with open_endpoint(settings, Trace()):
                pass
    assert refusal.value.port_in_use == started.port


async def test_the_port_of_tls_is_in_use(tmp_path: Path) -> None:
    """It is another one than the port of the settings, and the one to be named."""
    cert, key = Authority("Authority of the test").issue("localhost").write(tmp_path)
    port, next_port = free_ports(2)
    settings = replace(SETTINGS, listen=("127.0.0.1", port), tls_cert=cert, tls_key=key)
    with socket.create_server(("127.0.0.1", next_port)), pytest.raises(SipCannotOpen) as refusal:
        async with open_endpoint(settings, Trace()):
            pass
    assert str(refusal.value) == f"cannot listen on 127.0.0.1:{next_port}: Address already in use"
    assert refusal.value.port_in_use == next_port
