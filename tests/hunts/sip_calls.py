"""Kills a server in the middle of telephone calls, again and again, and looks for what is left of them.

    python tests/hunts/sip_calls.py --callbacks 400 --kills 40
    python tests/hunts/sip_calls.py --callbacks 400 --kills 40 --postgres --servers 3

SIPp plays the telephones of agents and targets, which are busy, ring for ever, answer, hang up. While they are called,
servers are killed at random moments, callbacks are cancelled, and all is started again. Whatever the moment: each
callback ends once, as the contract has it; no number is called while it is in a call; and once all has ended, no
telephone is left ringing or talking.
"""

import asyncio
import random
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import click
import grpc
from google.protobuf.duration_pb2 import Duration

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.directory_service_pb2 import ListServicesRequest, Service
from tests.hunts.calls import PATIENCE_S, PAUSE_S, connect, insist
from tests.hunts.checker import Checker
from tests.hunts.report import Report, fates
from tests.hunts.server import ServerProcess, hanging, ports_of
from tests.hunts.setting import ONE_SERVER, Setting, chosen, setting_options
from tests.hunts.sip_phones import LOG, Event, Habits, doubled, events_of, faults_of, telephone
from tests.hunts.watcher import Watcher
from tests.world.api import Api, by_id
from tests.world.ports import free_ports
from tests.world.sip_peers.sipp import Sipp, sipp

_RING_S: Final = 3
_PROBE_S: Final = 10
# After the last callback has ended: 64 * T1 of RFC 3261, and what a probe takes.
_QUIET_S: Final = 32.0 + _PROBE_S
# The longest time between two kills.
_LIFE_S: Final = 2.5
# Nothing may stand still for longer than leases and rings of calls whose server was killed.
_STANDSTILL_S: Final = 60.0
_CAPACITIES: Final = (3, 20)
# How many callbacks call one of a few numbers.
_SHARED: Final = 0.2
_SHARED_NUMBERS: Final = 8

_AGENTS: Final = Habits(busy=0.05, silent=0.0, talk_ms=4000, ring_ms=200, direction="inactive")
_TARGETS: Final = Habits(busy=0.15, silent=0.15, talk_ms=700, ring_ms=500)
# SIPp takes a message only where its scenario receives one. One that is faster than its next step, such as the ACK or
# the probe after a CANCEL that has crossed the answer, makes it drop the call (a step of type 5 only jumps).
_BETWEEN_STEPS: Final = re.compile(
    r"for Call-Id '([^']+)': while (?:in message type 5|sending) \(index [0-9]+\), received"
)
# A telephone takes a BYE at any time; SIPp where its scenario has a step for it. It ends the call all the same,
# without a line in its log.
_ENDED_BY_BYE: Final = re.compile(r"Aborting call on an unexpected BYE for call: ([0-9a-f]{32})")
_PHONE_OPTIONS: Final = ("-trace_logs", "-log_file", LOG, "-timeout", "1200s")


class Hunt:
    """The servers, the telephones, and a watch of everything."""

    def __init__(
        self,
        servers: Sequence[ServerProcess],
        api: Api,
        services: Sequence[Service],
        target: Sipp,
        dice: random.Random,
    ) -> None:
        self.checker = Checker(services)
        self.watcher = Watcher(ports_of(servers), self.checker, dice, cb.CallbackFilter(), hanging(servers))
        self.findings: list[str] = []
        self.kills = 0
        self._servers = servers
        self._api = api
        self._services = services
        self._target = target
        self._dice = dice

    async def run(self, callbacks: int, kills: int) -> None:
        for _ in range(callbacks):
            await insist(self._api.callbacks.CreateCallback, self._request())
        while self.kills < kills and self._ended() < callbacks:
            await asyncio.sleep(self._dice.uniform(0.1, _LIFE_S))
            await self._cancel_one()
            await self._kill_one()
        while (before := self._ended()) < callbacks:
            try:
                async with asyncio.timeout(_STANDSTILL_S):
                    await self.watcher.until(lambda: self._ended() > before)
            except TimeoutError:
                self.findings.append(f"{callbacks - before} callbacks stand still")
                return

    async def judge(self) -> None:
        # The last server may have come up a moment ago: this waits for the channel.
        await insist(self._api.directory.ListServices, ListServicesRequest())
        self.checker.compare(await self._api.list_all())

    def all_findings(self) -> Iterator[str]:
        yield from self.checker.findings
        yield from self.watcher.findings
        yield from self.findings
        for server in self._servers:
            yield from server.complaints()

    def _ended(self) -> int:
        return len(self.checker.callbacks) - len(self.checker.open)

    async def _cancel_one(self) -> None:
        if not self.checker.open:
            return
        request = pb.CancelCallbackRequest(key=by_id(self._dice.choice(sorted(self.checker.open))), reason="mischief")
        try:
            await insist(self._api.callbacks.CancelCallback, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                self.findings.append(f"a cancel was refused: {error.code().name} {error.details()}")

    async def _kill_one(self) -> None:
        server = self._dice.choice(self._servers)
        self.kills += 1
        await server.kill()
        await server.start()

    def _request(self) -> pb.CreateCallbackRequest:
        return pb.CreateCallbackRequest(
            callback_request=self._api.request(
                self._target.uri.replace("target", self._user()),
                service_id=self._dice.choice(self._services).service_id,
                max_retries=self._dice.randint(0, 2),
                seconds_between_retries=self._dice.randint(0, 1),
            )
        )

    def _user(self) -> str:
        if self._dice.random() < _SHARED:
            return f"shared-{self._dice.randrange(_SHARED_NUMBERS)}"
        return f"phone-{self._dice.getrandbits(64):x}"


@asynccontextmanager
async def _serving(folder: Path, setting: Setting) -> AsyncIterator[Sequence[ServerProcess]]:
    """Run the servers, each with a SIP port of its own that it keeps."""
    servers = []
    for number, sip_port in enumerate(free_ports(setting.servers), start=1):
        options = (
            *("--dialer", "sip", "--sip-listen", f"127.0.0.1:{sip_port}", "--sip-calls-per-second", "1000"),
            *("--sip-max-concurrent-calls", "200", "--sip-probe-interval", f"{_PROBE_S}s"),
        )
        servers.append(ServerProcess(folder, f"server-{number}", setting.database, options))
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        await asyncio.gather(*(server.kill() for server in servers))


async def _services(api: Api, agent: Sipp) -> Sequence[Service]:
    for number, capacity in enumerate(_CAPACITIES):
        await api.add_service(
            f"sip:hunt-{number}@cc.example",
            agent_address=agent.uri,
            max_concurrent_calls=capacity,
            ring_timeout=Duration(seconds=_RING_S),
        )
    services: Sequence[Service] = (await api.directory.ListServices(ListServicesRequest())).services
    return services


async def _until_quiet(peer: Sipp, longest_s: float) -> None:
    """Wait until the telephone has no call any more, at most as long as one may last."""
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):
            while True:
                if not list(faults_of(events_of(peer.folder))):
                    return
                await asyncio.sleep(PAUSE_S)


async def hunt(folder: Path, *, callbacks: int, kills: int, seed: int, setting: Setting = ONE_SERVER) -> Report:
    dice = random.Random(seed)
    async with (
        sipp("agent", folder, telephone(_AGENTS), calls=1_000_000, options=_PHONE_OPTIONS) as agent,
        sipp("target", folder, telephone(_TARGETS), calls=1_000_000, options=_PHONE_OPTIONS) as target,
        _serving(folder, setting) as servers,
        connect(ports_of(servers)) as api,
    ):
        sought = Hunt(servers, api, await _services(api, agent), target, dice)
        watching = asyncio.create_task(sought.watcher.run())
        await sought.watcher.streaming.wait()  # it has to see the first event
        await sought.run(callbacks, kills)
        async with asyncio.timeout(PATIENCE_S):
            await sought.judge()
        watching.cancel()
        for peer in (agent, target):
            await _until_quiet(peer, _QUIET_S)
        listed = await api.list_all()
    findings = [*sought.all_findings()]
    for peer in (agent, target):
        findings += [f"{peer.name}: {fault}" for fault in faults_of(_judged(peer))]
        findings += [f"{peer.name}: {line}" for line in _errors_of(peer)]
    findings += doubled(_judged(target))
    calls = {peer.name: sum(event.what == "begins" for event in events_of(peer.folder)) for peer in (agent, target)}
    dropped = {peer.name: len(_dropped_by(peer)) for peer in (agent, target)}
    return Report({"kills": sought.kills, "calls": calls, "dropped": dropped, **fates(listed)}, findings)


def _errors_of(peer: Sipp) -> Iterator[str]:
    """Yield what the telephone had not expected at all."""
    found = re.findall(r"Aborting [^\r\n]{,200}", _errors(peer))
    # The next server probes what it has taken over, and cancels once more what is over. SIPp has no memory of calls
    # that are over, and no 481; whether the call has ended is in its log all the same.
    known = ("(index 0)", "unexpected CANCEL", "unexpected BYE")
    yield from (line for line in found if not any(map(line.__contains__, known)) and not _BETWEEN_STEPS.search(line))


def _dropped_by(peer: Sipp) -> set[str]:
    """Return the Call-IDs of what cannot be judged."""
    errors = _errors(peer)
    return {*_BETWEEN_STEPS.findall(errors), *_ENDED_BY_BYE.findall(errors)}


def _judged(peer: Sipp) -> Sequence[Event]:
    """Return what the telephone wrote down, but of calls that SIPp has dropped by itself."""
    dropped = _dropped_by(peer)
    return [event for event in events_of(peer.folder) if event.call_id not in dropped]


def _errors(peer: Sipp) -> str:
    errors = peer.folder / "errors"
    return errors.read_text(errors="replace") if errors.exists() else ""


@click.command()
@click.option("--callbacks", default=400, show_default=True)
@click.option("--kills", default=40, show_default=True)
@click.option("--seed", type=int, default=lambda: random.randrange(1 << 32), help="Repeats the same choices.")
@setting_options
def main(callbacks: int, kills: int, seed: int, servers: int, *, postgres: bool) -> None:
    """Kill servers in the middle of calls, and look for what is left of them."""
    click.echo(f"seed {seed}", err=True)
    with tempfile.TemporaryDirectory(prefix="hunt-") as folder, chosen(postgres=postgres, servers=servers) as setting:
        report = asyncio.run(hunt(Path(folder), callbacks=callbacks, kills=kills, seed=seed, setting=setting))
    report.show()


if __name__ == "__main__":
    main()
