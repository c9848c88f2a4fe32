"""`ringback sip`, and `serve` with the dialers that call: as processes, against phones and gateways of the test."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world.command_line import Ran, run, start
from tests.world.sip_endpoints import endpoint
from tests.world.sip_phone import Phone
from tests.world.sip_script import sdp

pytestmark = pytest.mark.long

HERE = ("--sip-listen", "127.0.0.1:0")


@pytest.fixture
def rules(tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "rules.yaml"
    path.write_text('sip: {allow_hosts: ["127.0.0.0/8"]}')
    return "--dial-rules", str(path)


@pytest.fixture
async def agent() -> AsyncIterator[Phone]:
    async with endpoint() as (started, _):
        yield Phone(started, "agent", sdp(4000, direction="inactive"))


@pytest.fixture
async def target() -> AsyncIterator[Phone]:
    async with endpoint() as (started, _):
        yield Phone(started, "target", sdp(5000))


async def called(target: str, agent: str, *options: str) -> asyncio.subprocess.Process:
    return await start("sip", "call", target, "--service", "sip:support@cc.example", "--agent", agent, *HERE, *options)


async def ended(process: asyncio.subprocess.Process) -> Ran:
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def steps(out: str) -> list[str]:
    """Return the messages of the ladder, with the side they are of, and the notes: each once, as some come again."""
    found = []
    for line in out.splitlines()[1:]:
        _, _, rest = line[10:].partition("|")
        if not rest:
            found.append(line[11:].strip(" -"))
            continue
        left, right, _ = rest.split("|")
        lane = left if left.strip() else right
        found.append(("agent " if left.strip() else "target ") + lane.strip("<>- "))
    return [*dict.fromkeys(found)]


async def test_a_call_is_shown_as_it_is_placed(agent: Phone, target: Phone, rules: tuple[str, str]) -> None:
    process = await called(target.uri, agent.uri, *rules)
    first = await agent.answered()
    second = await target.answered()
    await first.reinvited.wait()
    await second.hang_up()
    await first.ended.wait()
    ran = await ended(process)
    assert (ran.code, ran.err) == (0, "")
    shown = steps(ran.out)
    assert shown[:6] == [
        "agent INVITE sdp",
        "agent 180 Ringing",
        "agent 200 OK sdp",
        "agent ACK",
        "the target is called",
        "target INVITE sdp",
    ]
    assert shown[-6:-2] == ["target BYE", "target 200 BYE", "agent BYE", "agent 200 BYE"]
    assert shown[-2].startswith("answered, SIP 200")


async def test_the_target_is_busy(agent: Phone, target: Phone, rules: tuple[str, str]) -> None:
    process = await called(target.uri, agent.uri, *rules)
    await agent.answered()
    (await target.call()).respond(486)
    ran = await ended(process)
    assert ran.code == 3
    assert steps(ran.out)[-2].startswith("busy, SIP 486")
    (first,), (second,) = agent.calls, target.calls
    assert steps(ran.out)[-1] == f"Call-IDs: agent {first}, target {second}"


async def test_messages_are_shown_whole_and_without_numbers(
    agent: Phone, target: Phone, rules: tuple[str, str]
) -> None:
    number = target.uri.replace("target@", "0785556677@")
    process = await called(number, agent.uri, "--messages", *rules)
    await agent.answered()
    (await target.call()).respond(486)
    ran = await ended(process)
    ladder, _, messages = ran.out.partition("busy, SIP 486")
    assert "INVITE sip:" not in ladder
    assert "    INVITE sip:** ** ** ** 77@127.0.0.1:" in messages
    assert "    SIP/2.0 486 Busy Here\n" in messages
    assert messages.index(" sent UDP 127.0.0.1:") < messages.index(" received UDP 127.0.0.1:")
    assert "0785556677" not in ran.out


async def test_the_agents_do_not_answer(agent: Phone, target: Phone, rules: tuple[str, str]) -> None:
    process = await called(target.uri, agent.uri, *rules)
    (await agent.call()).respond(480)
    ran = await ended(process)
    assert ran.code == 5
    assert steps(ran.out)[-2].startswith("the target was not called: ")
    assert target.methods == []


async def test_ctrl_c_hangs_up_both_sides(agent: Phone, target: Phone, rules: tuple[str, str]) -> None:
    process = await called(target.uri, agent.uri, *rules)
    first, second = await agent.answered(), await target.answered()
    await first.reinvited.wait()
    process.send_signal(signal.SIGINT)
    await first.ended.wait()
    await second.ended.wait()
    ran = await ended(process)
    assert ran.code == 0  # it was answered
    assert "callback" not in ran.out


async def test_ctrl_c_while_the_target_rings(agent: Phone, target: Phone, rules: tuple[str, str]) -> None:
    process = await called(target.uri, agent.uri, *rules)
    first = await agent.answered()
    second = await target.call()
    second.respond(180)
    process.send_signal(signal.SIGINT)
    await second.invite.cancelled.wait()
    await first.ended.wait()
    ran = await ended(process)
    assert ran.code == 130
    assert steps(ran.out).count("hung up here") == 1
    assert "callback" not in ran.out  # there is none


async def test_output_that_nobody_reads_any_more_hangs_up(agent: Phone, target: Phone, rules: tuple[str, str]) -> None:
    """As with `| head`."""
    process = await called(target.uri, agent.uri, *rules)
    first = await agent.call()
    first.respond(180)
    assert process.stdout is not None
    await process.stdout.readuntil(b"180 Ringing")
    pipe = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    pipe.close()
    await first.answer()
    await first.ended.wait()
    assert (await ended(process)).code == 141


async def test_a_terminal_that_is_closed_hangs_up(agent: Phone, target: Phone, rules: tuple[str, str]) -> None:
    process = await called(target.uri, agent.uri, *rules)
    first, second = await agent.answered(), await target.answered()
    await first.reinvited.wait()
    process.send_signal(signal.SIGHUP)
    await first.ended.wait()
    await second.ended.wait()
    assert (await ended(process)).code == 0


async def test_what_must_not_be_dialled_is_not(agent: Phone, rules: tuple[str, str]) -> None:
    premium = await run("sip", "call", "tel:+41900123456", "--service", "sip:a@cc.example", *HERE, *rules)
    assert (premium.code, premium.out) == (4, "")
    assert premium.err.startswith("Error: the target must not be dialled: ")
    private = await run("sip", "call", agent.uri, "--service", "sip:a@cc.example", *HERE)
    assert private.code == 4
    assert agent.methods == []


async def test_a_number_without_a_proxy(agent: Phone, rules: tuple[str, str]) -> None:
    """No phone rings for it, that of the agent neither."""
    process = await called("tel:+41445556677", agent.uri, *rules)
    ran = await ended(process)
    assert ran.code == 4
    assert "needs a SIP proxy" in ran.out
    assert agent.methods == []


# --- check -----------------------------------------------------------------------------------------------------------


async def test_check(agent: Phone) -> None:
    proxy = f"sip:127.0.0.1:{agent.endpoint.port}"
    good = await run("sip", "check", *HERE, "--sip-proxy", proxy)
    assert (good.code, good.err) == (0, "")
    assert f"ok     {proxy}  OPTIONS: 200 OK, after " in good.out
    bad = await run("sip", "check", "sip:127.0.0.1:1;transport=tcp", proxy, *HERE)
    assert bad.code == 1
    assert "FAULT  sip:127.0.0.1:1;transport=tcp  OPTIONS: no response: connection refused" in bad.out
    assert "note   proxy: none for targets: " in bad.out


async def test_check_beside_a_server_that_has_the_port(agent: Phone) -> None:
    port = agent.endpoint.port
    ran = await run("sip", "check", "--sip-listen", f"127.0.0.1:{port}", f"sip:127.0.0.1:{port}")
    assert ran.code == 0
    assert ran.err.startswith(f"port {port} is in use, perhaps by a server: port ")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--sip-proxy", "sbc"), "--sip-proxy: 'sbc' must start with sip: or sips:"),
        (("--sip-username", "u"), "--sip-username: a user needs a password: "),
        (("--sip-tls-ca", "/nowhere/ca.pem"), "Error: /nowhere/ca.pem: cannot be read: No such file or directory"),
        (("--sip-listen", "192.0.2.1:5060"), "Error: cannot listen on 192.0.2.1:5060: Cannot assign requested address"),
        (("mailto:a@b",), "Usage: "),
    ],
)
async def test_settings_that_cannot_be_used(arguments: tuple[str, ...], fault: str) -> None:
    ran = await run("sip", "check", *HERE, *arguments)
    assert ran.code in (1, 2)
    assert ran.err.startswith(fault)
    assert "Traceback" not in ran.err


# --- serve -----------------------------------------------------------------------------------------------------------


async def test_without_a_file_of_tls_nothing_is_opened(tmp_path: Path) -> None:
    database = tmp_path / "ringback.db"
    server = ("serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:///{database}", "--dialer", "sip", *HERE)
    ran = await run(*server, "--sip-tls-ca", "/nowhere/ca.pem")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("Error: SIP: /nowhere/ca.pem: cannot be read: No such file or directory\n")
    assert not database.exists()


async def test_a_port_of_the_dialer_that_is_in_use_is_a_plain_error(agent: Phone, tmp_path: Path) -> None:
    def server(name: str) -> tuple[str, ...]:
        return "serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:///{tmp_path}/{name}.db", "--dialer", name

    port = f"127.0.0.1:{agent.endpoint.port}"
    secret = tmp_path / "secret"
    secret.write_text("a secret of the tests\n")
    secret.chmod(0o600)
    gateway = ("--http-dialer-url", "http://127.0.0.1:1/", "--http-dialer-secret-file", str(secret))
    sip, http = await asyncio.gather(
        run(*server("sip"), "--sip-listen", port),
        run(*server("http"), "--http-dialer-listen", port, *gateway),
    )
    assert (sip.code, sip.out) == (1, "")
    assert sip.err.endswith(f"Error: SIP: cannot listen on {port}: Address already in use\n")
    assert http.code == 1
    assert f"Error: reports: cannot listen on {port}: " in http.err
