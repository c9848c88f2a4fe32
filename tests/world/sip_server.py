"""`ringback serve --dialer sip` as operators run it, and callbacks that it has to make."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import ENDED, Api, by_id
from tests.world.ports import free_ports
from tests.world.server_process import ServerProcess, serving

# 64 * T1 of RFC 3261 and the longest ring of a test.
_PATIENCE_S: Final = 45.0
# Peers are on loopback, which is no place for targets by default, and are dialled more often than people.
_DIAL_RULES: Final = """\
sip: {allow_hosts: ["*", "127.0.0.0/8"]}
attempts_per_number_and_day: off
"""


@dataclass
class SipServer:
    """A running server whose SIP port is known."""

    process: ServerProcess
    api: Api
    sip_port: int
    _services: int = 0

    async def callback(self, target: str, agent: str, *, ring_timeout: float = 10, **service: Any) -> str:
        """Create a callback for a service of its own, which has this agent; return its id."""
        self._services += 1
        service_id = await self.api.add_service(
            f"sip:service-{self._services}@cc.example",
            agent_address=agent,
            ring_timeout=duration(ring_timeout),
            **{"default_max_retries": 0, **service},
        )
        return (await self.api.create(target, service_id=service_id)).callback_id

    async def until_connected(self, callback_id: str) -> cb.Callback:
        return await self.until(callback_id, lambda callback: callback.state == cb.CALLBACK_STATE_CONNECTED)

    async def until_ringing(self, callback_id: str) -> cb.Callback:
        """Return the callback as soon as the target's phone rings."""
        return await self.until(
            callback_id, lambda callback: bool(callback.attempts) and callback.attempts[-1].HasField("ring_time")
        )

    async def until_ended(self, callback_id: str) -> cb.Callback:
        return await self.until(callback_id, lambda callback: callback.state in ENDED)

    async def until(self, callback_id: str, reached: Callable[[cb.Callback], bool]) -> cb.Callback:
        """Return the callback once it is there; fail when that takes longer than any call here may."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self.api.until(callback_id, reached)
        except TimeoutError:
            found = await self.api.get(callback_id)
            raise AssertionError(f"the callback stands still\n{found}\n{self.account()}") from None

    def account(self) -> str:
        """Return the last lines of the log, for a message of a failed test."""
        return "\n".join(["--- server", *self.process.log[-100:]])

    async def cancel(self, callback_id: str) -> cb.Callback:
        response = await self.api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(callback_id)))
        return response.callback


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process, as Linux counts it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def duration(seconds: float) -> Duration:
    value = Duration()
    value.FromTimedelta(timedelta(seconds=seconds))
    return value


def rules_in(folder: Path) -> Path:
    """Write dial rules that let peers on loopback be called; return their file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dial-rules.yaml"
    path.write_text(_DIAL_RULES)
    return path


@asynccontextmanager
async def sip_server(
    folder: Path, *options: str, sip_port: int = 0, database: str = "", **settings: str
) -> AsyncIterator[SipServer]:
    """Run a server; it is gone when the block ends."""
    [chosen] = [sip_port] if sip_port else free_ports(1)
    async with (
        serving(
            *("--dialer", "sip", "--sip-listen", f"127.0.0.1:{chosen}", "--listen", "127.0.0.1:0"),
            *("--database", database or f"sqlite:///{folder / 'ringback.db'}", "--dial-rules", str(rules_in(folder))),
            *("--sip-calls-per-second", "1000", "--sip-max-concurrent-calls", "500"),
            *options,
            **settings,
        ) as process,
        Api.at(await process.address()) as api,
    ):
        yield SipServer(process, api, chosen)
