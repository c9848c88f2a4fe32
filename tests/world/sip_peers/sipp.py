"""SIPp: a peer that follows a scenario to the letter, and fails when Ringback does anything else."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.world.ports import free_ports
from tests.world.sip_peers.peer import Peer
from tests.world.sip_peers.scenario import Step, scenario

# SIPp ends by itself after this long, and its exit code says so.
_LIMIT_S: Final = 55
_MODES: Final = {"udp": "u1", "tcp": "t1"}


class Sipp(Peer):
    """A running scenario at `sip:name@127.0.0.1:port`."""

    def __init__(self, name: str, folder: Path, *, transport: str = "udp") -> None:
        super().__init__(f"SIPp {name}", folder)
        self.user = name
        self.transport = transport
        [self.port] = free_ports(1)

    @property
    def uri(self) -> str:
        parameter = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.user}@127.0.0.1:{self.port}{parameter}"

    async def serve(self, steps: Sequence[Step], *, calls: int = 1, options: Sequence[str] = ()) -> None:
        """Start to wait for calls."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "scenario.xml").write_text(scenario(self.user, steps))
        await self.start(
            "sipp",
            *("-sf", "scenario.xml", "-i", "127.0.0.1", "-p", str(self.port), "-t", _MODES[self.transport]),
            *("-m", str(calls), "-nostdin", "-timeout", f"{_LIMIT_S}s", "-timeout_error"),
            *("-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages"),
            *options,
        )
        await self.bound(self.transport, self.port)

    async def verdict(self) -> str:
        """Return "" when every call went as the scenario says, else what did not."""
        code = await self.exit_code(_LIMIT_S + 10)
        return "" if code == 0 else f"{self.name} ended with {code}\n{self.account()}"

    def account(self) -> str:
        """Return its errors, and the messages that it sent and received."""
        files = [self.folder / "errors", self.folder / "messages"]
        kept = [file.read_text(errors="replace") for file in files if file.exists()]
        return "\n".join([f"--- {self.name}", *kept]) if kept else super().account()


@asynccontextmanager
async def sipp(
    name: str,
    folder: Path,
    steps: Sequence[Step],
    *,
    transport: str = "udp",
    calls: int = 1,
    options: Sequence[str] = (),
) -> AsyncIterator[Sipp]:
    """Run a scenario; it is gone when the block ends."""
    peer = Sipp(name, folder / name, transport=transport)
    try:
        await peer.serve(steps, calls=calls, options=options)
        yield peer
    finally:
        await peer.stop()
