"""Twinkle: a telephone of another family than baresip, with a SIP stack of its own. It is silent: a null sound card."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.world.ports import free_ports
from tests.world.sip_peers.peer import Peer

_PROFILE: Final = """\
user_name={name}
user_domain=127.0.0.1:{port}
user_display={name}
register_at_startup=no
sip_transport=udp
"""
_SYSTEM: Final = """\
dev_ringtone=alsa:null
dev_speaker=alsa:null
dev_mic=alsa:null
validate_audio_dev=no
play_ringtone=no
play_ringback=no
sip_port={port}
rtp_port={rtp}
"""
_SOUND: Final = "pcm.!default { type null }\nctl.!default { type null }\n"
_RTP_PORTS: Final = 16


class Twinkle(Peer):
    """A running telephone at `sip:name@127.0.0.1:port`."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(f"Twinkle {name}", folder)
        self.user = name
        [self.port] = free_ports(1)

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@127.0.0.1:{self.port}"

    async def ring(self, *, answers: bool) -> None:
        """Start the telephone; `answers` is whether it picks up by itself."""
        settings = self.folder / ".twinkle"
        settings.mkdir(parents=True, exist_ok=True)
        rtp, *_ = free_ports(_RTP_PORTS)
        (settings / f"{self.user}.cfg").write_text(_PROFILE.format(name=self.user, port=self.port))
        (settings / "twinkle.sys").write_text(_SYSTEM.format(port=self.port, rtp=rtp))
        (self.folder / ".asoundrc").write_text(_SOUND)
        await self.start("twinkle-console", f"{self.user}.cfg")
        await self.line("Twinkle>")
        if answers:
            await self.write("auto_answer -a on")
            await self.line("Auto answer enabled")


@asynccontextmanager
async def twinkle(name: str, folder: Path, *, answers: bool = True) -> AsyncIterator[Twinkle]:
    """Run a telephone; it is gone when the block ends."""
    phone = Twinkle(name, folder / name)
    try:
        await phone.ring(answers=answers)
        yield phone
    finally:
        await phone.stop()
