"""The server's log on stderr."""

import asyncio
import logging
import sys
import time
from contextlib import nullcontext, suppress
from typing import Final, TextIO

from ringback.dialers.sip.settings import TRACE_LOG
from ringback.domain.masking import mask_secrets

LEVELS: Final = ("debug", "info", "warning", "error")
# The first makes several lines for each callback, of parts that are masked already: to search each once more for
# numbers would take 4 % of a create. The second has what an operator wants to see of SIP messages, maybe with numbers.
_MASKED_ALREADY: Final = frozenset({"ringback.application.events.transition_log", TRACE_LOG})


def set_up_log(level: str, *, libraries: bool) -> None:
    """Log what the server tells from this level on, and of libraries no more than warnings unless they are asked for.

    At DEBUG libraries tell of each statement and each frame, with all the data in them but numbers and tokens.
    """
    handler = _BatchHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=least if libraries else max(least, logging.WARNING))
    logging.getLogger("ringback").setLevel(least)
    if not libraries:
        logging.getLogger("grpc._cython.cygrpc").addFilter(_is_no_metadata)
    # What is not in the format need not be found out for each line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the way that the manual of `logging` gives


def _is_no_metadata(record: logging.LogRecord) -> bool:
    """Return False for the lines, and the traceback, that gRPC writes of metadata that is not in UTF-8.

    Everybody who reaches the port could fill the log with them. The call goes on, and is refused where it has to be.
    """
    return not str(record.msg).startswith("Invalid encoding on")


class _BatchHandler(logging.StreamHandler[TextIO]):
    """A handler that writes the lines of one round of the event loop at once, and those of other threads at once.

    Each write to the system lets the store's thread take the interpreter, and the loop waits to have it back, so that
    lines one by one would slow a busy server down. What a round has logged is written before the loop waits for
    anything.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record) + self.terminator)
        except Exception:  # noqa: BLE001 - as any handler does, whatever the line is made of
            self.handleError(record)
            return
        if record.levelno >= logging.ERROR or not _is_in_loop():
            self.flush()
        elif len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what has been logged. Lines that cannot be written, as when the terminal has gone, are dropped."""
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                with suppress(OSError, ValueError):
                    self.stream.write("".join(lines))
                    super().flush()


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Formatter(logging.Formatter):
    """A formatter that masks the numbers of a line, its traceback included, whichever library has written it.

    It writes the time of a second once: a busy server logs thousands of lines in each.
    """

    _second = 0
    _text = ""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if record.name in _MASKED_ALREADY else mask_secrets(line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - its name
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._text},{int(record.msecs):03}"
