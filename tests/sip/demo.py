"""The main job with real telephones: `make demo-sip`.

A caller finds the agent busy and is promised a callback. Ringback calls the agent, then the number that the caller
left, and joins the two: their media flows directly between them. All of it is on loopback; it ends by itself, with
exit code 0 when both heard each other and no telephone was left in a call.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from tests.world.sip_peers.baresip import Baresip, telephone
from tests.world.sip_peers.peer import missing_packages
from tests.world.sip_peers.tones import heard_tone
from tests.world.sip_server import SipServer, sip_server

_PATIENCE_S: Final = 60.0
_CALLER_HZ, _AGENT_HZ, _TARGET_HZ = 330, 440, 880
# Of 20 ms each.
_ENOUGH_PACKETS: Final = 90


class Demo:
    """The story, and what of it was not as it has to be."""

    def __init__(self, caller: Baresip, agent: Baresip, target: Baresip, server: SipServer) -> None:
        self._caller, self._agent, self._target, self._server = caller, agent, target, server
        self.faults: list[str] = []

    async def tell(self) -> None:
        callback_id = await self._promise()
        await self._call_back(callback_id)
        await self._hang_up(callback_id)

    async def _promise(self) -> str:
        _say("caller", f"calls the service at {self._agent.uri}")
        await self._caller.command("dial", self._agent.uri)
        await self._agent.event("CALL_INCOMING")
        _say("agent", "is busy, and presses reject")
        await self._agent.command("hangup")
        closed = await self._caller.event("CALL_CLOSED")
        _say("caller", f'hears "{closed["param"]}", and leaves the number of another telephone: {self._target.uri}')
        callback_id = await self._server.callback(self._target.uri, self._agent.uri)
        _say("system", f"CreateCallback: Ringback promises callback {callback_id}")
        return callback_id

    async def _call_back(self, callback_id: str) -> None:
        await self._agent.event("CALL_INCOMING", 2)
        found = await self._server.api.get(callback_id)
        _say("Ringback", f"calls the agent; the callback is {_state(found)}, attempts: {found.attempt_count}")
        _say("agent", "answers")
        await self._agent.command("accept")
        await self._target.event("CALL_INCOMING")
        found = await self._server.until_ringing(callback_id)
        _say("Ringback", f"calls the target, whose telephone rings: {_state(found)}, attempts: {found.attempt_count}")
        _say("target", "answers")
        await self._target.command("accept")
        found = await self._server.until_connected(callback_id)
        _say("Ringback", f"joins the two: {_state(found)}")
        await self._agent.rates(sent=True, received=True)
        await self._target.rates(sent=True, received=True)

    async def _hang_up(self, callback_id: str) -> None:
        _say("target", "has heard enough, and hangs up")
        await self._target.command("hangup")
        found = await self._server.until_ended(callback_id)
        await self._agent.event("CALL_CLOSED", 2)
        [attempt] = found.attempts
        outcome = cb.CallOutcome.Name(attempt.outcome).removeprefix("CALL_OUTCOME_")
        _say("Ringback", f"ends the call of the agent: {_state(found)}, {outcome}, SIP {attempt.sip_status}")
        for call_id in attempt.call_ids:
            _say("Ringback", f"Call-ID {call_id}")
        self.faults += self._left_over()
        if found.state != cb.CALLBACK_STATE_COMPLETED:
            self.faults.append(f"the callback is {_state(found)}, and not COMPLETED")
        tone_hz = heard_tone(self._target.heard())
        _say("target", f"heard a tone of {tone_hz} Hz; the agent's telephone plays one of {_AGENT_HZ} Hz")
        if tone_hz != _AGENT_HZ:
            self.faults.append(f"the target did not hear {_AGENT_HZ} Hz")
        for name, phone in (("agent", self._agent), ("target", self._target)):
            packets = await phone.packets()
            _say(name, f"RTP packets sent {packets.sent}, received {packets.received}")
            if min(packets.sent, packets.received) < _ENOUGH_PACKETS:
                self.faults.append(f"the {name} sent or received less than {_ENOUGH_PACKETS} packets")

    def _left_over(self) -> Iterator[str]:
        for phone in (self._caller, self._agent, self._target):
            if phone.in_call:
                yield f"{phone.name} is still in a call"


def _say(who: str, what: str) -> None:
    click.echo(f"{who:>8}  {what}")


def _state(callback: cb.Callback) -> str:
    return cb.CallbackState.Name(callback.state).removeprefix("CALLBACK_STATE_")


def install_peers() -> None:
    """Install the telephones where that is possible. Raise `ClickException` with the packages where it is not."""
    packages = missing_packages("baresip")
    if not packages:
        return
    command = ["apt-get", "install", "--quiet", "--quiet", "--yes", "--no-install-recommends", *packages]
    click.echo(f"installing {' '.join(packages)}")
    if os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "--quiet", "--quiet"], check=False)
        subprocess.run(command, check=False, env=environment)
    if missing_packages("baresip"):
        raise click.ClickException(f"the telephones are missing: sudo apt-get install {' '.join(packages)}")


async def run(folder: Path) -> list[str]:
    """Play the story; return what was not as it has to be."""
    async with (
        telephone("caller", folder, tone_hz=_CALLER_HZ, answers=False) as caller,
        telephone("agent", folder, tone_hz=_AGENT_HZ, answers=False) as agent,
        telephone("target", folder, tone_hz=_TARGET_HZ, answers=False) as target,
        sip_server(folder / "server") as server,
    ):
        demo = Demo(caller, agent, target, server)
        async with asyncio.timeout(_PATIENCE_S):
            await demo.tell()
        return demo.faults


@click.command()
def main() -> None:
    """Show a callback from the promise to the end, with real telephones."""
    install_peers()
    with tempfile.TemporaryDirectory(prefix="demo-sip-") as folder:
        try:
            faults = asyncio.run(run(Path(folder)))
        except (AssertionError, TimeoutError) as fault:
            raise click.ClickException(f"the demo did not come to its end: {fault}") from fault
    if faults:
        raise click.ClickException("; ".join(faults))
    click.echo("All three telephones are idle again.")


if __name__ == "__main__":
    main()
