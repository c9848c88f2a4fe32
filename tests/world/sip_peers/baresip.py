"""baresip: a telephone with real media. It plays a tone, and keeps what it hears."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.world.ports import free_ports
from tests.world.sip_peers.peer import PATIENCE_S, Peer

# sip_listen also takes the next port, for TLS.
_CONFIG: Final = """\
poll_method epoll
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
call_local_timeout 600
call_max_calls 8
audio_path {folder}
audio_player aubridge,nobody
audio_source ausine,{tone_hz}
audio_alert aubridge,alert
ausrc_srate 48000
ausrc_channels 2
auplay_srate 8000
auplay_channels 1
rtp_ports {rtp}-{rtp_end}
rtp_stats yes
snd_path {folder}
ctrl_tcp_listen 127.0.0.1:{control}
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module ausine.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
"""
_PACKETS: Final = re.compile(r"packets:\s+(\d+)\s+(\d+)")
# What the log says twice a second of a call: kbit/s sent, and received.
_RATES: Final = re.compile(r"audio=(\d+)/(\d+) \(bit/s\)")
_PORTS: Final = 3
_RTP_PORTS: Final = 32


@dataclass(frozen=True)
class Packets:
    """How many RTP packets a telephone sent and received in one call."""

    sent: int
    received: int


class Baresip(Peer):
    """A running telephone at `sip:name@127.0.0.1:port`."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(f"baresip {name}", folder)
        self.user = name
        self.events: list[Mapping[str, Any]] = []
        self.port, self._tls_port, self._control_port = free_ports(_PORTS)
        self._told = asyncio.Event()
        self._control: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@127.0.0.1:{self.port}"

    async def ring(self, *, tone_hz: int, answers: bool, options: str = "") -> None:
        """Start the telephone, which plays a tone; `answers` is whether it picks up by itself."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rtp, *_ = free_ports(_RTP_PORTS)
        config = _CONFIG.format(
            port=self.port,
            control=self._control_port,
            folder=self.folder,
            tone_hz=tone_hz,
            rtp=rtp + rtp % 2,
            rtp_end=rtp + _RTP_PORTS - 2,
        )
        mode = "auto" if answers else "manual"
        (self.folder / "config").write_text(config)
        (self.folder / "accounts").write_text(f"<{self.uri}>;regint=0;answermode={mode}{options}\n")
        (self.folder / "contacts").touch()
        await self.start("baresip", "-f", str(self.folder))
        await self.line("baresip is ready")
        self._control = await asyncio.open_connection("127.0.0.1", self._control_port)
        self._listening = asyncio.create_task(self._listen(self._control[0]))

    async def command(self, command: str, parameters: str = "") -> None:
        """Press a key: `accept`, `hangup`, `hold`, `resume`, `dial`, `sndcode`."""
        assert self._control is not None
        text = json.dumps({"command": command, "params": parameters})
        self._control[1].write(f"{len(text)}:{text},".encode())
        await self._control[1].drain()

    async def event(self, kind: str, number: int = 1) -> Mapping[str, Any]:
        """Return the first event of a kind, or a later one by its number; wait for it."""
        async with asyncio.timeout(PATIENCE_S):
            while self.calls(kind) < number:
                assert not self.ended, self.account()
                self._told.clear()
                await self._told.wait()
        return [event for event in self.events if event["type"] == kind][number - 1]

    def calls(self, kind: str) -> int:
        """Return how many events of a kind there were, such as CALL_INCOMING."""
        return sum(event["type"] == kind for event in self.events)

    @property
    def in_call(self) -> bool:
        """Whether a call has been seen that has not been closed."""
        seen = {event["id"] for event in self.events if "id" in event}
        return bool(seen - {event["id"] for event in self.events if event["type"] == "CALL_CLOSED"})

    async def packets(self) -> Packets:
        """Return the RTP packets of the first call, once it has ended."""
        found = _PACKETS.search(await self.line("packets:"))
        assert found is not None
        return Packets(int(found[1]), int(found[2]))

    async def rates(self, sent: bool, received: bool, *, after: int = 0) -> None:
        """Return as soon as the telephone sends and receives, or not."""
        seen = after
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for text in self.log[seen:]:
                    found = _RATES.search(text)
                    if found and (found[1] != "0", found[2] != "0") == (sent, received):
                        return
                seen = len(self.log)
                await self.line("audio=", after=seen)

    def heard(self) -> bytes:
        """Return the file (WAV) of what the telephone heard, until the direction of its media changed: it then ends."""
        return max(self.folder.glob("dump-*-dec.wav")).read_bytes()

    async def stop(self) -> None:
        if self._control is not None:
            self._control[1].close()
        if self._listening is not None:
            self._listening.cancel()
        await super().stop()

    async def _listen(self, control: asyncio.StreamReader) -> None:
        """Take events and responses, which come as netstrings."""
        try:
            while True:
                size = int((await control.readuntil(b":"))[:-1])
                message = json.loads((await control.readexactly(size + 1))[:-1])
                if message.get("event"):
                    self.events.append(message)
                    self._told.set()
        except asyncio.IncompleteReadError:
            self._told.set()


@asynccontextmanager
async def telephone(
    name: str, folder: Path, *, tone_hz: int = 440, answers: bool = True, options: str = ""
) -> AsyncIterator[Baresip]:
    """Run a telephone; it is gone when the block ends."""
    phone = Baresip(name, folder / name)
    try:
        await phone.ring(tone_hz=tone_hz, answers=answers, options=options)
        yield phone
    finally:
        await phone.stop()
