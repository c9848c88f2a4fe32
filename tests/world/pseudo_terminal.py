"""A command on a terminal of its own, and the screen that a person would see."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from tests.world.command_line import environment

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Longer than anything takes, on a busy machine too.
_PATIENCE_S = 60.0
_AGAIN_S = 2.0


class Terminal:
    """What a command has written so far, and its keyboard."""

    def __init__(self, keyboard: int, process: asyncio.subprocess.Process) -> None:
        self._keyboard = keyboard
        self._open = True
        self.process = process
        self._written = ""
        self._closed = False
        self._news = asyncio.Event()

    def read(self) -> None:
        try:
            data = os.read(self._keyboard, 65536)
        except OSError:  # the command has closed it
            asyncio.get_running_loop().remove_reader(self._keyboard)
            self._closed = True
            self._news.set()
            return
        self._written += data.decode(errors="replace")
        self._news.set()

    @property
    def text(self) -> str:
        """All that was written, without the control sequences of the terminal."""
        return _CONTROL.sub("", self._written).replace("\r", "")

    async def until(self, shown: Callable[[str], object]) -> str:
        """Wait until what was written fits, and return it. Fail with what was written when it never does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                while not shown(self.text) and not self._closed:
                    self._news.clear()
                    await self._news.wait()
        assert shown(self.text), self.text
        return self.text

    def resize(self, *, lines: int, columns: int) -> None:
        fcntl.ioctl(self._keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def close(self) -> None:
        """Close the window: what runs in it gets SIGHUP."""
        if self._open:
            asyncio.get_running_loop().remove_reader(self._keyboard)
            os.close(self._keyboard)
            self._open = False

    def type(self, keys: bytes) -> None:
        os.write(self._keyboard, keys)

    async def end(self, keys: bytes) -> int:
        """Type these keys until the command has ended, again if it takes long, and return its exit code.

        A signal that comes just before the command waits for its keyboard is noticed with the next key.
        """
        async with asyncio.timeout(_PATIENCE_S):
            while self.process.returncode is None:
                with suppress(OSError):  # it has closed the terminal, and is about to end
                    self.type(keys)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_S):
                        await self.process.wait()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def on_terminal(*arguments: str, lines: int = 24, columns: int = 120, **settings: str) -> AsyncIterator[Terminal]:
    """Run a command on a new terminal of this size; its Ctrl-C goes to the command."""
    keyboard, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    # A session of its own, whose terminal this becomes: only so does the terminal turn Ctrl-C into a signal.
    program = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from ringback.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *arguments),
        stdin=screen,
        stdout=screen,
        stderr=screen,
        # The size is the terminal's: these variables would stand for it, and those who run tests may have set them.
        env=environment(TERM="xterm", LINES="", COLUMNS="", **settings),
        start_new_session=True,
    )
    os.close(screen)
    terminal = Terminal(keyboard, process)
    asyncio.get_running_loop().add_reader(keyboard, terminal.read)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        terminal.close()
